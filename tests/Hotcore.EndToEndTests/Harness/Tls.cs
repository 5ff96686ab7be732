using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>How a client shakes hands.</summary>
public sealed record TlsOptions
{
    /// <summary>The one root that is trusted; null accepts every certificate, for tests that look at it themselves.</summary>
    public X509Certificate2? Root { get; init; }

    public SslProtocols Protocols { get; init; } = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>The protocols offered by ALPN.</summary>
    public IReadOnlyList<string> Alpn { get; init; } = [];

    /// <summary>Into how small pieces TLS records are cut on the way.</summary>
    public int MostBytesPerWrite { get; init; } = int.MaxValue;

    public static X509Certificate2 RootOf(string file) => X509Certificate2.CreateFromPem(File.ReadAllText(file));

    public SslClientAuthenticationOptions For(string serverName)
    {
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = serverName,
            EnabledSslProtocols = Protocols,
            // A resumed session shows the certificate of the handshake it goes back to.
            AllowTlsResume = false,
        };
        if (Alpn.Count > 0)
            options.ApplicationProtocols = [.. Alpn.Select(protocol => new SslApplicationProtocol(protocol))];
        if (Root == null)
        {
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
            return options;
        }
        options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            CustomTrustStore = { Root },
        };
        return options;
    }
}

/// <summary>A stream that remembers of every TLS record that came its type and length.</summary>
public sealed class RecordedStream(Stream inner, int mostBytesPerWrite = int.MaxValue) : Stream
{
    private readonly List<(byte Type, int Length)> _records = [];
    private readonly byte[] _header = new byte[5];
    private int _headerLength;
    private int _left;

    /// <summary>The types of the records, in order: 20 change_cipher_spec, 21 alert, 22 handshake, 23 data.</summary>
    public IReadOnlyList<(byte Type, int Length)> Records
    {
        get
        {
            lock (_records)
                return [.. _records];
        }
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        Note(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count)
    {
        var read = inner.Read(buffer, offset, count);
        Note(buffer.AsSpan(offset, read));
        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (; buffer.Length > mostBytesPerWrite; buffer = buffer[mostBytesPerWrite..])
            await inner.WriteAsync(buffer[..mostBytesPerWrite], cancellationToken);
        await inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void Note(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var inBody = Math.Min(_left, bytes.Length);
            bytes = bytes[inBody..];
            _left -= inBody;
            while (_left == 0 && bytes.Length > 0)
            {
                _header[_headerLength++] = bytes[0];
                bytes = bytes[1..];
                if (_headerLength < 5)
                    continue;
                _headerLength = 0;
                _left = (_header[3] << 8) | _header[4];
                lock (_records)
                    _records.Add((_header[0], _left));
            }
        }
    }
}

/// <summary>The first bytes of a client, to send by hand.</summary>
public static class ClientHello
{
    public static byte[] For(string serverName, params string[] alpn)
    {
        var first = new FirstWrite();
        using var tls = new SslStream(first);
        // Ends at once, without an answer: what was sent is what is wanted.
        Assert.ThrowsAny<Exception>(
            () => tls.AuthenticateAsClient(new TlsOptions { Alpn = alpn }.For(serverName)));
        return first.ToArray();
    }

    /// <summary>Keeps what is written, and ends for whoever reads.</summary>
    private sealed class FirstWrite : MemoryStream
    {
        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override int Read(Span<byte> buffer) => 0;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(0);
    }
}
