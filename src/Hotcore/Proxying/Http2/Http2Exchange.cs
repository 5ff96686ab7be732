using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// An exchange on one stream of a client's HTTP/2 connection. Owns the stream, and a buffer with the request's head until its
/// answer begins.
/// </summary>
internal sealed class Http2Exchange : Exchange, IHttp2StreamOwner
{
    private const int KeyBytes = 16;

    private readonly byte[] _webSocketKey = new byte[Http2RequestRules.WebSocketKeyBytes];
    private readonly Func<byte[], int> _encodeAnswer;
    private Http2Session _session = null!;
    private byte[]? _head;

    public Http2Exchange(EventLoop loop)
    {
        Stream = new Http2Stream(loop);
        _encodeAnswer = EncodeAnswer;
    }

    public Http2Stream Stream { get; }

    public override BodySource RequestBody => Stream.Source;

    public override BodySink AnswerBody => Stream.Sink;

    public void Begin(Http2Session session)
    {
        _session = session;
        Begin(session.Client);
    }

    /// <summary>Serves the request whose block has just been decoded into the loop's scratch, and gives everything back.</summary>
    public async LoopTask RunAsync(FieldBlockStatus status, bool endsStream)
    {
        try
        {
            var page = TakeHead(status, endsStream);
            if (Stream.IsReset)
                return;
            if (page is null)
                await Loop.Router.ServeAsync(this);
            else
                await AnswerAsync(page);
            if (IsAnswered && !Stream.RemoteHasEnded)
                await TakeRestAsync();
        }
        finally
        {
            Upstream?.Close(); // After a fault; an exchange that ended well has settled it.
            // An answer that is complete needs no more of the request (RFC 9113 8.1); one that is not must not look complete.
            var isAnswered = IsAnswered;
            Stream.Reset(isAnswered ? ErrorCode.NoError : ErrorCode.InternalError);
            ReleaseHead();
            _session.Forget(this, isAnswered);
        }
    }

    public void StreamBroke() => Abandon();

    public override async LoopTask<bool> SendInterimAsync()
    {
        Stream.Sink.Begin(_encodeAnswer, Timeouts.SilentClient);
        return await Stream.Sink.FlushAsync();
    }

    public override void BeginAnswer()
    {
        HasBegunAnswer = true;
        ReleaseHead();
        Stream.Sink.Begin(_encodeAnswer, Timeouts.SilentClient);
    }

    public override bool TryTakeBackAnswer()
    {
        if (!Stream.Sink.HoldsHead)
            return false;
        Stream.Sink.TakeBack();
        HasBegunAnswer = false;
        return true;
    }

    public override bool EndAnswer(BodyCopyResult result, ErrorCode reason)
    {
        if (result != BodyCopyResult.Complete)
            Stream.Reset(reason);
        return false;
    }

    public override bool TryPassReset(ErrorCode error)
    {
        Stream.Reset(error);
        return true;
    }

    /// <summary>An app that does not upgrade may answer 200; over HTTP/2 that would open the tunnel (RFC 8441 5).</summary>
    public override bool MayPass() => !(WantsUpgrade && Response.Status is >= 200 and < 300);

    /// <summary>The app upgrades to what was asked for, and shows that it knows it (RFC 6455 4.2.2).</summary>
    public override bool IsAgreed()
    {
        Request.Fields.FindSingle(KnownField.Upgrade, out var offered);
        if (Response.Fields.FindSingle(KnownField.Upgrade, out var chosen) != 1 || !ListValue.Contains(chosen, offered))
            return false;
        return !Ascii.EqualsIgnoreCase(offered, "websocket"u8)
            || (Response.Fields.FindSingle(KnownField.SecWebSocketAccept, out var proof) == 1 && IsProof(proof));
    }

    public override void BeginTunnel()
    {
        HasBegunAnswer = true;
        ReleaseHead();
        Stream.Source.Begin(Timeouts.None);
        Stream.Sink.Begin(scratch => FieldEncoder.EncodeTunnel(scratch, Response, Loop.Date.Value), Timeouts.None);
    }

    public override void CutOff() => Stream.Reset(ErrorCode.InternalError);

    private bool IsAnswered => Stream.LocalHasEnded && !Stream.IsReset;

    /// <summary>
    /// Takes what the client still sends of a request that is answered: clients stop by themselves once they have seen the answer, and
    /// some lose it to a RST_STREAM that comes with it. Those that go on are told to stop.
    /// </summary>
    private async LoopTask TakeRestAsync()
    {
        Stream.Source.Begin(Timeouts.AnsweredRequest);
        var until = Loop.Events.NowMilliseconds + Timeouts.AnsweredRequest;
        while (!Stream.RemoteHasEnded && !Stream.IsReset && Loop.Events.NowMilliseconds < until)
        {
            if (Stream.Source.TryTake(out var content) == BodyEvent.Content)
                Stream.Source.Consume(content.Length);
            else if (!await Stream.Source.WaitAsync())
                return;
        }
    }

    /// <summary>Makes the request's head; a page where there is nothing to forward. What is malformed resets the stream.</summary>
    private ErrorPage? TakeHead(FieldBlockStatus status, bool endsStream)
    {
        var scratch = Loop.Http2Scratch;
        if (status == FieldBlockStatus.TooLarge)
            return ErrorPage.Refused(scratch.Block.HasLongPath ? LongPath : LongSection);
        MakeWebSocketKey(scratch.Block);
        Refusal? refusal = null;
        if (status == FieldBlockStatus.Malformed
            || !Http2RequestRules.Apply(scratch.Block, scratch.Bytes, Request, endsStream, _webSocketKey, out refusal))
        {
            Stream.Fail(ErrorCode.ProtocolError);
            return null;
        }

        if (refusal is not null)
            return ErrorPage.Refused(refusal);
        if (scratch.Block.Length > BufferPool.LargeBytes)
            return ErrorPage.Refused(LongSection);
        KeepHead(scratch.Bytes.AsSpan(0, scratch.Block.Length));
        if (Request.Framing == BodyFraming.Length)
            Stream.BeginContent(Request.ContentLength);
        Stream.Source.Begin(Timeouts.SilentClient);
        return null;
    }

    private static readonly Refusal LongPath = new(414, "the path is longer than 16 KiB");
    private static readonly Refusal LongSection = new(431, "the header section is longer than 32 KiB, or has more than 128 fields");

    private void KeepHead(ReadOnlySpan<byte> lines)
    {
        _head = Loop.Events.Buffers.RentCopy(lines);
        Request.Fields.Attach(_head, 0);
        RememberHead();
    }

    private void ReleaseHead()
    {
        if (_head is not null)
            Loop.Events.Buffers.Return(_head);
        _head = null;
    }

    private void MakeWebSocketKey(FieldBlock block)
    {
        if (block.Protocol.IsAbsent)
            return;
        Span<byte> random = stackalloc byte[KeyBytes];
        RandomNumberGenerator.Fill(random);
        Base64.EncodeToUtf8(random, _webSocketKey, out _, out _);
    }

    private bool IsProof(ReadOnlySpan<byte> proof)
    {
        Span<byte> keyed = [.. _webSocketKey, .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8];
        Span<byte> digest = stackalloc byte[SHA1.HashSizeInBytes];
        SHA1.HashData(keyed, digest);
        Span<byte> expected = stackalloc byte[28];
        Base64.EncodeToUtf8(digest, expected, out _, out _);
        return proof.SequenceEqual(expected);
    }

    private int EncodeAnswer(byte[] scratch) =>
        FieldEncoder.EncodeResponse(scratch, Response, Response.IsInterim ? default : Loop.Date.Value);
}
