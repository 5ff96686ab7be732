using System.Net.Sockets;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>How the other side ended a connection.</summary>
public enum ConnectionEnd
{
    Closed,
    Reset,
}

/// <summary>The other side sent what RFC 9112 does not allow.</summary>
public sealed class MalformedMessageException(string message) : Exception(message);

/// <summary>The connection ended, or the other side fell silent, in the middle of a message.</summary>
public sealed class TruncatedMessageException(string message) : Exception(message);

/// <summary>
/// Reads HTTP/1.1 messages off a socket to the letter of RFC 9112. Whatever deviates is an exception, never a guess:
/// this reader is the judge of what hotcore sends. One reader a socket, one caller at a time; <see cref="Received"/>
/// may be asked from anywhere.
/// </summary>
/// <param name="receive">Gives bytes; 0 at the end.</param>
/// <param name="limit">How long one receive may wait; null for as long as the socket is open.</param>
public sealed class WireReader(Func<Memory<byte>, CancellationToken, ValueTask<int>> receive, TimeSpan? limit)
{
    private readonly MemoryStream _record = new();
    private byte[] _buffer = new byte[65_536];
    private int _start;
    private int _end;

    public WireReader(Socket socket, TimeSpan? limit)
        : this((into, cancellation) => socket.ReceiveAsync(into, SocketFlags.None, cancellation), limit)
    {
    }

    public WireReader(Stream stream, TimeSpan? limit)
        : this(stream.ReadAsync, limit)
    {
    }

    /// <summary>Whether every byte is kept for <see cref="Received"/>; off for bodies of gigabytes.</summary>
    public bool IsRecording { get; set; } = true;

    /// <summary>Whether control characters other than CR, LF and NUL may stand within a line, as hotcore passes them on.</summary>
    public bool AllowsControlCharacters { get; set; }

    /// <summary>How the connection ended; null while it has not.</summary>
    public ConnectionEnd? End { get; private set; }

    /// <summary>Every byte that came so far, as Latin-1 text.</summary>
    public string Received
    {
        get
        {
            lock (_record)
                return Encoding.Latin1.GetString(_record.GetBuffer(), 0, (int)_record.Length);
        }
    }

    /// <summary>A start line and its fields; null if the connection ended before the first byte.</summary>
    public async Task<MessageHead?> ReadHead()
    {
        if (_start == _end && !await Fill())
            return null;
        var startLine = await ReadLine();
        return new MessageHead(startLine, await ReadFields());
    }

    /// <summary>Field lines up to the empty line: a head's, or a trailer section's.</summary>
    public async Task<Fields> ReadFields()
    {
        var fields = new Fields();
        while (await ReadLine() is { Length: > 0 } line)
            fields.Add(ParseField(line));
        return fields;
    }

    /// <summary>A line that ends with CRLF and has no other control characters than tabs; without its end.</summary>
    public async Task<string> ReadLine()
    {
        for (var searched = 0; ;)
        {
            var newline = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (newline >= 0)
                return TakeLine(searched + newline);
            searched = _end - _start;
            if (!await Fill())
                throw new TruncatedMessageException($"the connection ended ({End}) within a line, after {Shown(Received)}");
        }
    }

    /// <summary>Bytes, at least one and at most as many as fit; 0 once the connection has ended.</summary>
    public async ValueTask<int> Read(Memory<byte> into)
    {
        if (_start == _end && into.Length >= _buffer.Length)
            return await Receive(into);
        if (_start == _end && !await Fill())
            return 0;
        var count = Math.Min(into.Length, _end - _start);
        _buffer.AsMemory(_start, count).CopyTo(into);
        _start += count;
        return count;
    }

    public async Task<byte[]> ReadExactly(int count)
    {
        var bytes = new byte[count];
        for (var filled = 0; filled < count;)
        {
            var read = await Read(bytes.AsMemory(filled));
            if (read == 0)
                throw new TruncatedMessageException($"the connection ended ({End}) {count - filled} bytes too early");
            filled += read;
        }
        return bytes;
    }

    /// <summary>All there is up to the end of the connection, as Latin-1 text.</summary>
    public async Task<string> ReadToEnd()
    {
        var bytes = new MemoryStream();
        var piece = new byte[16_384];
        for (int read; (read = await Read(piece)) > 0;)
            bytes.Write(piece, 0, read);
        return Encoding.Latin1.GetString(bytes.ToArray());
    }

    /// <summary>Text for a message: control characters visible, and not too long.</summary>
    public static string Shown(string text)
    {
        var visible = text.Replace("\r", "\\r").Replace("\n", "\\n").Replace("\0", "\\0");
        return visible.Length <= 2_000 ? $"\"{visible}\"" : $"\"{visible[..2_000]}…\" ({text.Length} bytes)";
    }

    private string TakeLine(int newline)
    {
        var line = Encoding.Latin1.GetString(_buffer, _start, newline + 1);
        _start += newline + 1;
        if (!line.EndsWith("\r\n"))
            throw new MalformedMessageException($"a line ends with a bare LF: {Shown(line)}");
        line = line[..^2];
        if (line.Any(c => c is '\0' or '\r' || (!AllowsControlCharacters && c is < ' ' and not '\t' or '\u007f')))
            throw new MalformedMessageException($"a control character within a line: {Shown(line)}");
        return line;
    }

    private static (string Name, string Value) ParseField(string line)
    {
        var colon = line.IndexOf(':');
        if (colon <= 0 || !line.AsSpan(0, colon).ContainsOnlyTokenCharacters())
            throw new MalformedMessageException($"not a field line: {Shown(line)}");
        return (line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
    }

    private async ValueTask<bool> Fill()
    {
        if (_start == _end)
            _start = _end = 0;
        if (_end == _buffer.Length && _start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        var received = await Receive(_buffer.AsMemory(_end));
        _end += received;
        return received > 0;
    }

    private async ValueTask<int> Receive(Memory<byte> into)
    {
        if (End != null)
            return 0;
        using var timeout = limit is { } time ? new CancellationTokenSource(time) : null;
        try
        {
            var received = await receive(into, timeout?.Token ?? default);
            if (received == 0)
                End = ConnectionEnd.Closed;
            else if (IsRecording)
                Record(into.Span[..received]);
            return received;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"nothing came for {limit!.Value.TotalSeconds:0} s, after {Shown(Received)}");
        }
        catch (Exception ended) when (ended is SocketException or IOException or ObjectDisposedException)
        {
            End = ConnectionEnd.Reset;
            return 0;
        }
    }

    private void Record(ReadOnlySpan<byte> bytes)
    {
        lock (_record)
            _record.Write(bytes);
    }
}
