using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http1;

/// <summary>
/// The body of an HTTP/1.1 message, taken in place out of a connection's receive buffer. Connection and buffer stay their
/// owner's. Lives as long as they do, and is begun anew for each message.
/// </summary>
/// <param name="silenceMilliseconds">For how long nothing of it may come.</param>
/// <param name="isLenient">It is the body of an app's answer.</param>
internal sealed class Http1BodySource(long silenceMilliseconds, bool isLenient = false) : BodySource
{
    private readonly BodyDecoder _decoder = new(isLenient);
    private long _silenceMilliseconds;
    private Connection? _connection;
    private ReceiveBuffer? _input;

    public override FieldSection Trailers => _decoder.Trailers;

    /// <summary>Its framing was wrong.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>What was wrong with the body, if it is of an app's answer.</summary>
    public AnswerFault? Fault => _decoder.Fault;

    /// <summary>Begins a body whose first bytes may be in <paramref name="input"/> already.</summary>
    public void Begin(Connection connection, ReceiveBuffer input, BodyFraming framing, long length)
    {
        (_connection, _input, IsBroken) = (connection, input, false);
        _silenceMilliseconds = silenceMilliseconds;
        _decoder.Reset(framing, length);
    }

    /// <summary>What follows is no HTTP any more: all bytes until the end, however long they take.</summary>
    public void BeginTunnel(Connection connection, ReceiveBuffer input)
    {
        Begin(connection, input, BodyFraming.UntilClose, 0);
        _silenceMilliseconds = Timeouts.None;
    }

    public override BodyEvent TryTake(out ReadOnlyMemory<byte> content)
    {
        var input = _input!;
        var next = _decoder.Take(input.Bytes, input.Start, input.Length, out var skip, out var length);
        input.Consume(skip);
        IsBroken |= next == BodyEvent.Invalid;
        content = length > 0 ? input.UnreadMemory[..length] : default;
        return next;
    }

    public override void Consume(int count) => _input!.Consume(count);

    public override async LoopTask<bool> WaitAsync()
    {
        while (true)
        {
            var received = _input!.FillFrom(_connection!);
            if (received > 0)
                return true;
            _input.ReleaseIfEmpty();
            if (received == 0 && _decoder.EndOfConnectionCompletes())
                return true;
            if (received == Connection.WouldBlock && await _connection!.Readable.WaitAsync(_silenceMilliseconds) == WaitResult.Ready)
                continue;
            if (isLenient && !_connection!.IsClosed)
                _decoder.NoteBreak();
            return false;
        }
    }

    public override void Cancel() => _connection?.Readable.Cancel();
}
