using System.ComponentModel;
using System.Diagnostics;

namespace Hotcore.Http.Http2;

/// <summary>
/// Python's hpack, an implementation that shares nothing with ours: one process that reads orders line by line. Fields travel
/// as name:value in hexadecimal.
/// </summary>
internal sealed class PythonHpack : IDisposable
{
    // Debian's own, which has the package; another python3 may come first on the PATH.
    private const string Python = "/usr/bin/python3";

    private const string Script = """
        import sys
        import hpack

        def encode(huffman, *fields):
            fields = [tuple(bytes.fromhex(part) for part in field.split(":")) for field in fields]
            return encoder.encode(fields, huffman=huffman == "huffman").hex()

        def decode(block=""):
            try:
                fields = decoder.decode(bytes.fromhex(block), raw=True)
            except Exception:
                return "invalid"
            return " ".join(field[0].hex() + ":" + field[1].hex() for field in fields)

        for line in sys.stdin:
            order, *words = line.split()
            if order == "begin":
                encoder = hpack.Encoder()
                decoder = hpack.Decoder(max_header_list_size=1 << 24)
            elif order == "resize":
                # Told the size that it has, it forgets that it was told another before, until it is told a third.
                if int(words[0]) != encoder.header_table_size:
                    encoder.header_table_size = int(words[0])
            else:
                print(encode(*words) if order == "encode" else decode(*words), flush=True)
        """;

    private readonly Process _process;

    public PythonHpack()
    {
        var start = new ProcessStartInfo(Python, ["-c", Script]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception notFound)
        {
            throw IsMissing(notFound);
        }
    }

    /// <summary>Both directions of a new connection.</summary>
    public void Begin() => Order("begin");

    /// <summary>The next block begins with a table size update; at most two may come together.</summary>
    public void Resize(int bytes) => Order($"resize {bytes}");

    public byte[] Encode(IEnumerable<(string Name, string Value)> fields, bool isHuffman)
    {
        var words = fields.Select(f => $"{Convert.ToHexString(Wire.Bytes(f.Name))}:{Convert.ToHexString(Wire.Bytes(f.Value))}");
        return Convert.FromHexString(Ask($"encode {(isHuffman ? "huffman" : "raw")} {string.Join(' ', words)}"));
    }

    /// <summary>The fields; null when the block is invalid.</summary>
    public List<(string Name, string Value)>? Decode(byte[] block)
    {
        var answer = Ask($"decode {Convert.ToHexString(block)}");
        return answer == "invalid" ? null : [.. answer.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Read)];
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static (string Name, string Value) Read(string field)
    {
        var parts = field.Split(':');
        return (Wire.Text(Convert.FromHexString(parts[0])), Wire.Text(Convert.FromHexString(parts[1])));
    }

    private string Ask(string order)
    {
        Order(order);
        return _process.StandardOutput.ReadLine() ?? throw IsMissing(null);
    }

    private void Order(string order)
    {
        try
        {
            _process.StandardInput.WriteLine(order);
            _process.StandardInput.Flush();
        }
        catch (IOException gone)
        {
            throw IsMissing(gone);
        }
    }

    private static InvalidOperationException IsMissing(Exception? reason) => new(
        $"this test needs {Python} with the module hpack (on Debian and Ubuntu the package python3-hpack), "
            + "which this machine has not: sudo scripts/install-test-needs.sh",
        reason);
}
