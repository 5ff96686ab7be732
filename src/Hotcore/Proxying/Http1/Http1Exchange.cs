using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http1;

/// <summary>
/// An exchange with a client that speaks HTTP/1: its head is parsed in place out of the client's receive buffer, and its answer
/// gathered in the client's send buffer.
/// </summary>
internal sealed class Http1Exchange : Exchange
{
    private readonly RequestParser _parser = new();
    private readonly Http1BodySource _requestBody = new(Timeouts.SilentClient);
    private readonly Http1BodySink _answerBody = new(Timeouts.SilentClient);
    private Http1Session _session = null!;
    private BodyFraming _answerFraming;
    private bool _isHttp10;
    private bool _isPersistent;
    private bool _staysOpen;
    private long _sentBefore;
    private byte[] _offered = [];

    public override BodySource RequestBody => _requestBody;

    public override BodySink AnswerBody => _answerBody;

    /// <summary>After <see cref="ParseStatus.Invalid"/>, what was wrong with the head.</summary>
    public Refusal Refusal => _parser.Refusal!;

    public void Begin(Http1Session session)
    {
        Begin(session.Client);
        _session = session;
        _parser.Reset();
        (_isHttp10, _isPersistent) = (false, false);
    }

    /// <summary>Goes on with the head that <paramref name="input"/> holds the beginning of, and consumes it once it is complete.</summary>
    public ParseStatus ParseHead(ReceiveBuffer input)
    {
        var status = _parser.Parse(Request, input.Bytes, input.Start, input.Length);
        if (status != ParseStatus.Complete)
            return status;
        input.Consume(_parser.HeadLength);
        RememberHead();
        if (WantsUpgrade)
            RememberOffer();
        (_isHttp10, _isPersistent) = (Request.MinorVersion == 0, Request.IsPersistent);
        _requestBody.Begin(Client.Connection, input, Request.Framing, Request.ContentLength);
        return status;
    }

    public override void EndRequest(bool isComplete)
    {
        base.EndRequest(isComplete);
        if (HasBody)
            _session.NoticeInput(); // While its body was awaited, nobody else was told of the client's end.
    }

    /// <summary>The protocols that it asks for are needed after its body, which may overwrite its head.</summary>
    private void RememberOffer()
    {
        Request.Fields.FindSingle(KnownField.Upgrade, out var offered);
        _offered = offered.ToArray();
    }

    public override LoopTask<bool> SendInterimAsync()
    {
        if (_isHttp10)
            return new LoopTask<bool>(true); // HTTP/1.0 knows no interim responses.
        HeadWriter.WriteResponse(Client.Output, Response, BodyFraming.None, connection: default, date: default);
        return Client.Output.FlushAsync(Client.Connection, Timeouts.SilentClient);
    }

    public override void BeginAnswer()
    {
        HasBegunAnswer = true;
        _answerFraming = Response.Framing is BodyFraming.Chunked or BodyFraming.UntilClose
            ? _isHttp10 ? BodyFraming.UntilClose : BodyFraming.Chunked
            : Response.Framing;
        _staysOpen = _isPersistent && !Loop.IsDraining && _answerFraming != BodyFraming.UntilClose
            && !WantsUpgrade // Refused: what the client sent meanwhile may be a request or the other protocol.
            && IsRequestUsedUp;
        _sentBefore = Client.Connection.SentBytes;
        HeadWriter.WriteResponse(Client.Output, Response, _answerFraming, ConnectionField(), Loop.Date.Line);
        _answerBody.Begin(Client.Connection, Client.Output, _answerFraming);
    }

    public override bool TryTakeBackAnswer()
    {
        if (Client.Connection.SentBytes != _sentBefore)
            return false;
        Client.Output.Release();
        HasBegunAnswer = false;
        return true;
    }

    public override bool EndAnswer(BodyCopyResult result, ErrorCode reason)
    {
        if (result != BodyCopyResult.Complete && _answerFraming == BodyFraming.UntilClose)
            CutOff(); // A mere end would make it a whole one.
        if (!IsRequestUsedUp)
            _session.LingersAtEnd(isSound: HasHead && !_requestBody.IsBroken);
        return _staysOpen && result == BodyCopyResult.Complete;
    }

    public override bool IsAgreed()
    {
        return Response.Fields.FindSingle(KnownField.Upgrade, out var chosen) == 1 && ListValue.Share(chosen, _offered);
    }

    public override void BeginTunnel()
    {
        HasBegunAnswer = true;
        HeadWriter.WriteResponse(Client.Output, Response, BodyFraming.None, connection: default, date: default);
        _session.BeginTunnel();
        _requestBody.BeginTunnel(Client.Connection, Client.Input);
        _answerBody.BeginTunnel(Client.Connection, Client.Output);
    }

    public override void CutOff() => Client.Connection.Abort();

    /// <summary>The next byte the client sends begins another request, as far as can be told.</summary>
    private bool IsRequestUsedUp => HasHead && (HasSentRequest || !HasBody) && !WantsUpgrade;

    /// <summary>The connection's own field of an answer, or none where the version's default says it.</summary>
    private ReadOnlySpan<byte> ConnectionField() =>
        !_staysOpen ? "Connection: close\r\n"u8
        : _isHttp10 ? "Connection: keep-alive\r\n"u8
        : default;
}
