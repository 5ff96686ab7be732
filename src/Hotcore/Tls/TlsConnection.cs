using System.Security.Cryptography;
using Hotcore.Loops;

namespace Hotcore.Tls;

/// <summary>
/// A connection that speaks TLS. Receiving and sending are tries as on every <see cref="Connection"/>; between OpenSSL and the
/// socket stands a BIO of ours (<see cref="SocketBio"/>) whose functions are the plain tries of the base class, so readiness,
/// edges and short reads are known in one place. Owns the SSL object; belongs to one loop.
/// </summary>
internal sealed class TlsConnection : Connection
{
    // A handshake has about 20. After that a client may change its keys, or ask for the renegotiation that it does not get, and
    // OpenSSL goes through such messages within one call for as long as there are more: 300,000 of them, which are 8 MB, stopped
    // a loop for 3 s. Clients change their keys after some million records.
    private const int MostMessages = 300;

    // Whose SSL object OpenSSL is working on: its callbacks run inside our call, on the same thread.
    [ThreadStatic]
    private static TlsConnection? _current;

    private readonly TlsContext? _context;
    private readonly Readiness _certificate;
    private nint _ssl;
    private bool _mustSayGoodbye;
    private bool _isFaulty;
    private bool _hasWaited;
    private int _messages;
    private Opening _opening;

    /// <summary>Takes over <paramref name="fd"/>; <see cref="HandshakeAsync"/> comes first.</summary>
    /// <exception cref="IOException">The kernel would not watch it, or OpenSSL has no memory; the descriptor is closed then.</exception>
    public TlsConnection(EventLoop loop, int fd, TlsContext context)
        : this(loop, fd, context.Handle)
    {
        _context = context;
        OpenSsl.SSL_set_accept_state(_ssl);
    }

    /// <summary>The same for a connection to an app: hotcore is the client in it.</summary>
    public TlsConnection(EventLoop loop, int fd, TlsClientContext context)
        : this(loop, fd, context.Handle) => OpenSsl.SSL_set_connect_state(_ssl);

    private TlsConnection(EventLoop loop, int fd, nint context)
        : base(loop, fd)
    {
        _certificate = new Readiness(loop);
        _ssl = OpenSsl.SSL_new(context);
        var bio = SocketBio.Create();
        if (_ssl == 0 || bio == 0)
        {
            base.Close();
            throw new IOException($"OpenSSL has no room for a connection: {OpenSsl.TakeError()}");
        }

        OpenSsl.SSL_set_bio(_ssl, bio, bio); // The SSL object owns the BIO now.
    }

    private enum HandshakeStep
    {
        Done,
        Receive,
        Send,
        AwaitCertificate,
        Failed,
    }

    /// <summary>The connection that OpenSSL is working for, in a callback.</summary>
    public static TlsConnection Current => _current!;

    /// <summary>The name the client asked for, as it sent it; empty before that.</summary>
    public byte[] ServerName { get; private set; } = [];

    /// <summary>The client came to validate a challenge (RFC 8737): the handshake is all there is.</summary>
    public bool IsChallenge { get; private set; }

    /// <summary>
    /// The client speaks HTTP/1 without TLS, which is how the handshake failed. From then on the connection is a plain one, from its
    /// first byte on.
    /// </summary>
    public bool IsPlain { get; private set; }

    /// <summary>The handshake agreed on HTTP/2 (RFC 7301, RFC 9113 3.2).</summary>
    public bool SpeaksHttp2 { get; set; }

    /// <summary>
    /// Does the handshake; false when it failed or was not done in time. The first certificate of a domain is waited for
    /// beyond that, up to <paramref name="certificateMilliseconds"/>.
    /// </summary>
    public async LoopTask<bool> HandshakeAsync(long handshakeMilliseconds, long certificateMilliseconds)
    {
        var until = Loop.NowMilliseconds + handshakeMilliseconds;
        while (true)
        {
            var step = TryHandshake();
            if (step is HandshakeStep.Done or HandshakeStep.Failed)
                return _mustSayGoodbye = step == HandshakeStep.Done;
            if (step == HandshakeStep.AwaitCertificate)
            {
                await AwaitCertificateAsync(certificateMilliseconds);
                until = Loop.NowMilliseconds + handshakeMilliseconds;
                continue;
            }

            var direction = step == HandshakeStep.Receive ? Readable : Writable;
            if (await direction.WaitAsync(Math.Max(0, until - Loop.NowMilliseconds)) != WaitResult.Ready)
                return false;
        }
    }

    public override unsafe int TryReceive(Span<byte> buffer)
    {
        if (!Enter())
            return IsPlain ? ReceiveAsPlain(buffer) : Failed;
        int received;
        fixed (byte* pointer = buffer)
            received = OpenSsl.SSL_read(_ssl, pointer, buffer.Length);
        return received > 0 ? received : Explain(received);
    }

    /// <summary>The same, past the messages of TLS's own; an end is a close_notify too.</summary>
    public override unsafe int TryPeek()
    {
        if (!Enter())
            return Failed;
        byte one;
        var received = OpenSsl.SSL_peek(_ssl, &one, 1);
        return received > 0 ? received : Explain(received);
    }

    /// <summary>OpenSSL reads ahead: records that came together with the last one are with it, and the socket has none.</summary>
    public override bool IsDrained => TryPeek() == WouldBlock;

    public override unsafe int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (!Enter())
            return IsPlain ? SendToSocket(bytes) : Failed;
        int sent;
        fixed (byte* pointer = bytes)
            sent = OpenSsl.SSL_write(_ssl, pointer, bytes.Length);
        if (sent > 0)
            return sent;
        return OpenSsl.SSL_get_error(_ssl, sent) == OpenSsl.SSL_ERROR_WANT_WRITE ? WouldBlock : Fail();
    }

    /// <summary>Says close_notify (RFC 8446 6.1), then that no more bytes follow.</summary>
    public override void FinishSending()
    {
        SayGoodbye();
        base.FinishSending();
    }

    public override void Abort()
    {
        _mustSayGoodbye = false; // A reset has no goodbye.
        base.Abort();
    }

    public override void Close()
    {
        if (IsClosed)
            return;
        SayGoodbye();
        base.Close();
        _certificate.Cancel();
        OpenSsl.SSL_free(_ssl);
        _ssl = 0;
    }

    /// <summary>In the ClientHello callback: gives the handshake its certificate, has it wait, or ends it with an alert.</summary>
    public int AnswerClientHello(ReadOnlySpan<byte> serverName, bool isChallenge, out int alert)
    {
        alert = OpenSsl.SSL_AD_UNRECOGNIZED_NAME;
        if (!serverName.SequenceEqual(ServerName))
            ServerName = serverName.ToArray();
        IsChallenge = isChallenge;
        BindSessionsToName(serverName);
        try
        {
            var choice = _context!.Choose(serverName, isChallenge);
            if (choice.Answer == ServerNameAnswer.Wait && !_hasWaited)
                return OpenSsl.SSL_CLIENT_HELLO_RETRY;
            if (choice.Certificate is not { } certificate)
                return OpenSsl.SSL_CLIENT_HELLO_ERROR;
            if (certificate.TryUseFor(_ssl))
                return OpenSsl.SSL_CLIENT_HELLO_SUCCESS;
        }
        catch (Exception fault)
        {
            Loop.Report(fault); // No exception may cross into OpenSSL.
        }

        alert = OpenSsl.SSL_AD_INTERNAL_ERROR;
        return OpenSsl.SSL_CLIENT_HELLO_ERROR;
    }

    /// <summary>A session is resumed under the name that it was made for, and under no other (RFC 6066 3).</summary>
    private unsafe void BindSessionsToName(ReadOnlySpan<byte> serverName)
    {
        Span<byte> lowerCase = stackalloc byte[256];
        serverName = serverName.Length > lowerCase.Length ? default : serverName;
        for (var i = 0; i < serverName.Length; i++)
            lowerCase[i] = (byte)char.ToLowerInvariant((char)serverName[i]);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(lowerCase[..serverName.Length], digest);
        fixed (byte* context = digest)
            _ = OpenSsl.SSL_set_session_id_context(_ssl, context, (uint)digest.Length); // Fails only when that is too long.
    }

    /// <summary>Why nothing was received, in the words of <see cref="Connection.TryReceive"/>.</summary>
    private int Explain(int result) => OpenSsl.SSL_get_error(_ssl, result) switch
    {
        OpenSsl.SSL_ERROR_WANT_READ => WouldBlock,
        OpenSsl.SSL_ERROR_ZERO_RETURN => 0,
        _ => Fail(),
    };

    private bool Enter()
    {
        if (_ssl == 0 || _isFaulty)
            return false;
        _current = this;
        OpenSsl.ERR_clear_error();
        return true;
    }

    /// <summary>After a fatal error OpenSSL wants no further call but the one that frees it.</summary>
    private int Fail()
    {
        _isFaulty = true;
        _mustSayGoodbye = false;
        return Failed;
    }

    private HandshakeStep TryHandshake()
    {
        if (!Enter())
            return HandshakeStep.Failed;
        var result = OpenSsl.SSL_do_handshake(_ssl);
        if (result == 1)
            return HandshakeStep.Done;
        switch (OpenSsl.SSL_get_error(_ssl, result))
        {
            case OpenSsl.SSL_ERROR_WANT_READ:
                return HandshakeStep.Receive;
            case OpenSsl.SSL_ERROR_WANT_WRITE:
                return HandshakeStep.Send;
            case OpenSsl.SSL_ERROR_WANT_CLIENT_HELLO_CB:
                return HandshakeStep.AwaitCertificate;
            default:
                Fail();
                IsPlain = _opening.IsHttp;
                return HandshakeStep.Failed;
        }
    }

    private int ReceiveAsPlain(Span<byte> buffer) =>
        _opening.TakeTo(buffer) is > 0 and var taken ? taken : ReceiveFromSocket(buffer);

    /// <summary>Waits once: a certificate that is still missing after the news of it would be waited for in circles.</summary>
    private async LoopTask AwaitCertificateAsync(long milliseconds)
    {
        _certificate.IsSet = false;
        _context!.AwaitCertificate(ServerName, () => Loop.Post(_certificate.Signal));
        await _certificate.WaitAsync(milliseconds);
        _hasWaited = true;
    }

    private void SayGoodbye()
    {
        if (!_mustSayGoodbye || !Enter())
            return;
        _mustSayGoodbye = false;
        _ = OpenSsl.SSL_shutdown(_ssl); // What does not fit into the socket now is not waited for.
    }

    /// <summary>In a callback: there was a message of TLS's own.</summary>
    public void CountMessage() => _messages++;

    /// <summary>The plain try of the base class, for <see cref="SocketBio"/>, unless the client has had its share of messages.</summary>
    public int TryReceivePlain(Span<byte> buffer)
    {
        if (_messages > MostMessages)
            return Failed;
        var received = ReceiveFromSocket(buffer);
        if (received > 0)
            _opening.Note(buffer[..received]);
        return received;
    }

    /// <summary>The plain try of the base class, for <see cref="SocketBio"/>.</summary>
    public int TrySendPlain(ReadOnlySpan<byte> bytes) => SendToSocket(bytes);
}
