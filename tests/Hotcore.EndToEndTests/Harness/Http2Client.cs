using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>How a client of HTTP/2 begins. The defaults suit nearly all.</summary>
public sealed record Http2Options
{
    public (Http2Setting Name, uint Value)[] Settings { get; init; } = [];

    /// <summary>Whether windows are granted anew as bytes come.</summary>
    public bool GrantsWindows { get; init; } = true;

    public bool AcknowledgesSettings { get; init; } = true;

    /// <summary>Whether anything is ever read. A client that does not may only send.</summary>
    public bool Reads { get; init; } = true;
}

/// <summary>
/// A client that sends literal frames, and judges every frame that comes to the letter of RFC 9113: what deviates fails
/// whatever the test waits for next, and at the latest its disposal. Reads by itself, from the connection on, so that a
/// test waits for what it wants to see; its members may be used from anywhere.
/// </summary>
public sealed class Http2Client : IAsyncDisposable
{
    private const int DefaultWindow = 65_535;
    private const long LargestWindow = 0x7fffffff;

    /// <summary>How much may come before a window is granted anew.</summary>
    private const int MostOwed = 16_384;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly Http2Options _options;
    private readonly HpackDecoder _decoder = new();
    private readonly Dictionary<uint, Http2Stream> _streams = [];
    private readonly List<Http2Frame> _frames = [];
    private readonly Queue<Http2Frame> _unacknowledged = new();
    private readonly List<byte> _block = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _reading;
    private Http2Frame? _openHead;
    private Exception? _fault;
    private bool _hasSentRaw;
    private uint _lastStream;
    private int _mostFrame = 16_384;
    private long _initialReceiveWindow = DefaultWindow;
    private long _receiveWindow = DefaultWindow;
    private int _owed;

    private Http2Client(RawClient raw, Http2Options options)
    {
        Raw = raw;
        _options = options;
        raw.Reader.IsRecording = false;
    }

    public RawClient Raw { get; }

    /// <summary>What the server's SETTINGS say, the last of each.</summary>
    public Dictionary<Http2Setting, uint> ServerSettings { get; } = [];

    /// <summary>How much the server lets this client send on all streams together.</summary>
    public long SendWindow { get; private set; } = DefaultWindow;

    /// <summary>How the connection ended; null while it has not.</summary>
    public ConnectionEnd? End { get; private set; }

    /// <summary>The last GOAWAY that came.</summary>
    public Http2Frame? GoAway { get; private set; }

    /// <summary>Whether sending has failed: the other side is gone.</summary>
    public bool IsSendingOver { get; private set; }

    public long InitialSendWindow =>
        ServerSettings.GetValueOrDefault(Http2Setting.InitialWindowSize, (uint)DefaultWindow);

    /// <summary>Every frame that came, in order; of DATA and HEADERS without the payload.</summary>
    public IReadOnlyList<Http2Frame> Frames
    {
        get
        {
            lock (_lock)
                return [.. _frames];
        }
    }

    /// <summary>Connects with prior knowledge over plain TCP, and waits for the server's settings.</summary>
    public static async Task<Http2Client> Connect(IPEndPoint address, Http2Options? options = null)
    {
        var client = Over(await RawClient.Connect(address, Timeout.InfiniteTimeSpan), options);
        await client.Begin();
        return client;
    }

    /// <summary>Connects over TLS, with h2 by ALPN.</summary>
    public static async Task<Http2Client> ConnectTls(
        RunningHotcore hotcore, string serverName, Http2Options? options = null, TlsOptions? tls = null)
    {
        var trusted = (tls ?? new TlsOptions { Root = TlsOptions.RootOf(hotcore.LocalCaFile) }) with { Alpn = ["h2"] };
        var raw = await RawClient.ConnectTls(hotcore.Https, serverName, trusted, Timeout.InfiniteTimeSpan);
        Assert.Equal("h2", raw.Tls!.NegotiatedApplicationProtocol.ToString());
        var client = Over(raw, options);
        await client.Begin();
        return client;
    }

    /// <summary>A client that has said nothing yet, and reads nothing before it has.</summary>
    public static Http2Client Over(RawClient raw, Http2Options? options = null) =>
        new(raw, options ?? new Http2Options());

    /// <summary>Sends frames, with no other frame between them. What cannot be sent shows in how the connection ended.</summary>
    public Task Send(params Http2Frame[] frames) => Send([], frames);

    /// <summary>Sends bytes that may be no frames; the client's own account of windows and settings knows nothing of them.</summary>
    public async Task SendRaw(byte[] bytes)
    {
        await _sending.WaitAsync();
        try
        {
            _hasSentRaw = true;
            await Write(bytes);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>The next number for a stream of this client.</summary>
    public uint NextStream()
    {
        lock (_lock)
            return _lastStream == 0 ? 1 : _lastStream + 2;
    }

    /// <summary>The stream of a number, as far as it has come.</summary>
    public Http2Stream Stream(uint id)
    {
        lock (_lock)
            return Find(id);
    }

    /// <summary>Sends a request on a stream of its own.</summary>
    public async Task<Http2Stream> Request(
        string authority,
        string path = "/",
        string method = "GET",
        (string Name, string Value)[]? fields = null,
        bool endStream = true)
    {
        var stream = new Http2Stream(NextStream()) { IsHead = method == "HEAD" };
        lock (_lock)
            Add(stream);
        var scheme = Raw.Tls == null ? "http" : "https";
        await Send(Http2Frame.Headers(
            stream.Id,
            Hpack.Block([(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
                .. fields ?? []]),
            endStream));
        return stream;
    }

    public async Task<Http2Stream> Get(string authority, string path = "/", params (string Name, string Value)[] fields)
    {
        var stream = await Request(authority, path, "GET", fields);
        await ReadAnswer(stream);
        return stream;
    }

    /// <summary>The head of a request over plain TCP, as a block.</summary>
    public static byte[] Head(
        string authority, string path = "/", string method = "GET",
            params IEnumerable<(string Name, string Value)> fields) =>
        Hpack.Block([(":method", method), (":scheme", "http"), (":authority", authority), (":path", path), .. fields]);

    /// <summary>
    /// Sends a body as the windows allow, and returns how much of it was sent when the stream ended before its end did.
    /// </summary>
    public async Task<long> SendBody(
        Http2Stream stream, ReadOnlyMemory<byte> body, bool endStream = true, int mostPerFrame = 16_384)
    {
        var sent = 0;
        do
        {
            await Until(() => IsSendable(stream, body.Length - sent), $"a window for stream {stream.Id}");
            if (stream.IsOver || IsSendingOver)
                return sent;
            int length;
            lock (_lock)
                length = (int)Math.Min(
                    Math.Min(SendWindow, stream.SendWindow), Math.Min(body.Length - sent, mostPerFrame));
            await Send(Http2Frame.Data(
                stream.Id, body.Slice(sent, length).ToArray(), endStream && sent + length == body.Length));
            sent += length;
        }
        while (sent < body.Length);
        return sent;
    }

    /// <summary>Waits for a whole answer.</summary>
    public async Task ReadAnswer(Http2Stream stream)
    {
        await Until(() => stream.IsOver, $"the answer on stream {stream.Id}");
        Assert.True(stream.HasEnded, $"stream {stream.Id} was reset: {stream.Reset}");
    }

    public Task ReadAnswerOf(uint stream) => ReadAnswer(Stream(stream));

    public Task ReadHead(Http2Stream stream) =>
        Until(() => stream.Head != null || stream.Reset != null, $"a head on stream {stream.Id}");

    /// <summary>Waits for a frame, one that came before too.</summary>
    public async Task<Http2Frame> Expect(Func<Http2Frame, bool> wanted, string what)
    {
        await Until(() => _frames.Any(wanted), what);
        lock (_lock)
            return _frames.First(wanted);
    }

    /// <summary>Sends a PING and waits for its answer: all that was sent before has been seen by then.</summary>
    public async Task ExpectPong(string eightBytes = "in order")
    {
        int Pongs() => _frames.Count(frame => frame.Type == Http2FrameType.Ping && frame.IsAck);
        int before;
        lock (_lock)
            before = Pongs();
        await Send(Http2Frame.Ping(eightBytes));
        await Until(() => Pongs() > before, "the answer to a PING");
    }

    /// <summary>
    /// A stream error (RFC 9113 5.4.2): this stream is reset, and the connection lives. NO_ERROR comes behind a whole answer (8.1).
    /// </summary>
    public async Task ExpectReset(uint stream, params Http2Error[] errors)
    {
        var reset = Stream(stream);
        await Until(
            () => reset.Reset != null || (reset.HasEnded && !errors.Contains(Http2Error.NoError)), $"RST_STREAM on stream {stream}");
        Assert.True(reset.Reset != null, $"stream {stream} was answered {reset.Head?[":status"]}");
        Assert.Contains(reset.Reset!.Value, errors);
    }

    /// <summary>A connection error (5.4.1): GOAWAY says which, and the connection ends.</summary>
    public async Task ExpectConnectionError(params Http2Error[] errors)
    {
        await Until(() => End != null, "the end of the connection");
        Assert.True(GoAway != null, "the connection ended without GOAWAY");
        Assert.Contains(GoAway!.Error, errors);
    }

    /// <summary>Where RFC 9113 leaves it to the server: the stream is reset, or the connection ends.</summary>
    public async Task ExpectError(uint stream, params Http2Error[] errors)
    {
        var reset = Stream(stream);
        await Until(
            () => reset.Reset != null || End != null, $"RST_STREAM on stream {stream} or the end of the connection");
        if ((reset.Reset ?? GoAway?.Error) is { } error)
            Assert.Contains(error, errors);
    }

    /// <summary>Waits until something is so; the end of the connection is the last chance for it.</summary>
    public async Task Until(Func<bool> condition, string what)
    {
        var deadline = DateTime.UtcNow + Wait.Limit;
        for (; ; )
        {
            Task changed;
            lock (_lock)
            {
                if (_fault != null)
                    throw new MalformedMessageException(_fault.ToString());
                if (condition())
                    return;
                if (End != null)
                    throw new TruncatedMessageException($"the connection ended ({End}, {GoAway}) before {what}");
                changed = _changed.Task;
            }
            var left = deadline - DateTime.UtcNow;
            await Wait.For(changed, $"{what}; came so far: {string.Join(", ", Frames.TakeLast(20))}",
                left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Raw.DisposeAsync();
        await (_reading ?? Task.CompletedTask);
        if (_fault != null)
            throw new MalformedMessageException(_fault.ToString());
    }

    private async Task Begin()
    {
        // Together: what this client answers by itself could come between them.
        await Send(Encoding.Latin1.GetBytes(Http2Frame.Preface), [Http2Frame.Settings(_options.Settings)]);
        if (_options.Reads)
            await Expect(frame => frame.Type == Http2FrameType.Settings && !frame.IsAck, "the server's SETTINGS");
    }

    private async Task Send(byte[] before, Http2Frame[] frames)
    {
        await _sending.WaitAsync();
        try
        {
            lock (_lock)
            {
                foreach (var frame in frames)
                    Note(frame);
            }
            await Write((byte[])[.. before, .. Http2Frame.Bytes(frames)]);
        }
        finally
        {
            _sending.Release();
        }
    }

    private bool IsSendable(Http2Stream stream, int left) =>
        stream.IsOver || IsSendingOver || left == 0 || (SendWindow > 0 && stream.SendWindow > 0);

    /// <summary>What this client's own frames change. The caller holds the lock.</summary>
    private void Note(Http2Frame frame)
    {
        switch (frame.Type)
        {
            case Http2FrameType.Headers:
                Find(frame.Stream);
                break;
            case Http2FrameType.Data when frame.Stream != 0:
                SendWindow -= frame.Payload.Length;
                Find(frame.Stream).SendWindow -= frame.Payload.Length;
                break;
            case Http2FrameType.RstStream when frame.Stream != 0:
                Find(frame.Stream).WasResetByClient = true;
                break;
            case Http2FrameType.Settings when frame.Stream == 0 && !frame.IsAck:
                _unacknowledged.Enqueue(frame);
                break;
            case Http2FrameType.WindowUpdate when frame is { Stream: 0, Payload.Length: 4 }:
                _receiveWindow += frame.Number;
                break;
            case Http2FrameType.WindowUpdate when frame.Payload.Length == 4:
                Find(frame.Stream).ReceiveWindow += frame.Number;
                break;
        }
    }

    private Http2Stream Find(uint id)
    {
        if (!_streams.TryGetValue(id, out var stream))
            Add(stream = new Http2Stream(id));
        return stream;
    }

    private void Add(Http2Stream stream)
    {
        stream.SendWindow = InitialSendWindow;
        stream.ReceiveWindow = _initialReceiveWindow;
        _streams[stream.Id] = stream;
        // Streams that a raw client opened in passing count as well.
        if (stream.Id % 2 == 1)
            _lastStream = Math.Max(_lastStream, stream.Id);
    }

    private async Task Write(ReadOnlyMemory<byte> bytes)
    {
        if (IsSendingOver)
            return;
        try
        {
            await Raw.Send(bytes);
        }
        catch (Exception gone) when (
            gone is SocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            IsSendingOver = true;
            Pulse();
        }
        // Not before: what the server says first would be answered before the preface.
        if (_options.Reads)
            _reading ??= Task.Run(ReadAll);
    }

    private async Task ReadAll()
    {
        try
        {
            var header = new byte[Http2Frame.HeaderLength];
            while (await Fill(header))
            {
                var length = (header[0] << 16) | (header[1] << 8) | header[2];
                if (length > _mostFrame)
                    throw new MalformedMessageException(
                        $"a frame of {length} bytes: {Encoding.Latin1.GetString(header)}");
                var payload = new byte[length];
                if (!await Fill(payload))
                    break;
                var stream = (uint)((header[5] << 24) | (header[6] << 16) | (header[7] << 8) | header[8]);
                Receive(new Http2Frame((Http2FrameType)header[3], (Http2Flags)header[4], stream, payload));
            }
        }
        catch (Exception fault)
        {
            lock (_lock)
                _fault = fault;
        }
        lock (_lock)
            End = Raw.Reader.End ?? ConnectionEnd.Reset;
        Pulse();
    }

    /// <summary>False at the end of the connection, be it within a frame.</summary>
    private async Task<bool> Fill(Memory<byte> into)
    {
        while (into.Length > 0)
        {
            var read = await Raw.Reader.Read(into);
            if (read == 0)
                return false;
            into = into[read..];
        }
        return true;
    }

    private void Receive(Http2Frame frame)
    {
        List<Http2Frame> answers = [];
        lock (_lock)
        {
            if (_frames.Count == 0 && (frame.Type != Http2FrameType.Settings || frame.IsAck))
                throw new MalformedMessageException($"the server began with {frame}");
            if (_openHead != null && (frame.Type != Http2FrameType.Continuation || frame.Stream != _openHead.Stream))
                throw new MalformedMessageException($"{frame} within a field block");
            _frames.Add(frame.Type is Http2FrameType.Data or Http2FrameType.Headers or Http2FrameType.Continuation
                ? frame with { Payload = [] }
                : frame);
            Receive(frame, answers);
            // Before any test can see the frame: what the test sends next leaves behind the answers, and not around them.
            if (answers.Count > 0)
                _ = Send([.. answers]);
        }
        Pulse();
    }

    private void Receive(Http2Frame frame, List<Http2Frame> answers)
    {
        switch (frame.Type)
        {
            case Http2FrameType.Data:
                ReceiveData(frame, answers);
                break;
            case Http2FrameType.Headers:
                Known(frame);
                _openHead = frame;
                ReceiveBlock(frame, Unpadded(frame)[(frame.Flags.HasFlag(Http2Flags.Priority) ? 5 : 0)..]);
                break;
            case Http2FrameType.Continuation when _openHead != null:
                ReceiveBlock(frame, frame.Payload);
                break;
            case Http2FrameType.RstStream when frame.Payload.Length == 4:
                Known(frame).AddReset(frame.Error);
                break;
            case Http2FrameType.Settings when frame.Stream == 0:
                ReceiveSettings(frame, answers);
                break;
            case Http2FrameType.Ping when frame is { Stream: 0, Payload.Length: 8 }:
                if (!frame.IsAck)
                    answers.Add(frame with { Flags = Http2Flags.Ack });
                break;
            case Http2FrameType.GoAway when frame is { Stream: 0, Payload.Length: >= 8 }:
                if (GoAway != null && frame.Number > GoAway.Number)
                    throw new MalformedMessageException($"{frame} after {GoAway}");
                GoAway = frame;
                break;
            case Http2FrameType.WindowUpdate when frame is { Payload.Length: 4, Number: > 0 }:
                ReceiveWindow(frame);
                break;
            case > Http2FrameType.Continuation:
                // Extensions that are not known are passed over: 5.5.
                break;
            default:
                throw new MalformedMessageException($"the server sent {frame}");
        }
    }

    private void ReceiveData(Http2Frame frame, List<Http2Frame> answers)
    {
        var stream = Known(frame);
        var length = frame.Payload.Length;
        _receiveWindow -= length;
        if (_receiveWindow < 0 && length > 0)
            throw new MalformedMessageException($"DATA {-_receiveWindow} beyond the window of the connection");
        stream.AddData(Unpadded(frame).ToArray(), length, StatedGrowth(), frame.EndsStream);
        if (!_options.GrantsWindows)
            return;
        _owed += length;
        stream.Owed += length;
        if (_owed >= MostOwed)
        {
            answers.Add(Http2Frame.WindowUpdate(0, (uint)_owed));
            _owed = 0;
        }
        if (stream.Owed >= MostOwed && !stream.IsOver && !stream.WasResetByClient)
        {
            answers.Add(Http2Frame.WindowUpdate(stream.Id, (uint)stream.Owed));
            stream.Owed = 0;
        }
    }

    /// <summary>A larger window may be used as soon as it was stated, a smaller one is in force once it is acknowledged.</summary>
    private long StatedGrowth() => _unacknowledged.SelectMany(SettingsOf)
        .Where(setting => setting.Name == Http2Setting.InitialWindowSize)
        .Select(setting => setting.Value - _initialReceiveWindow)
        .Append(0)
        .Max();

    private void ReceiveBlock(Http2Frame frame, ReadOnlySpan<byte> fragment)
    {
        _block.AddRange(fragment);
        if (!frame.Flags.HasFlag(Http2Flags.EndHeaders))
            return;
        var head = _openHead!;
        var fields = _decoder.Read([.. _block]);
        _openHead = null;
        _block.Clear();
        Find(head.Stream).AddHead(fields, head.EndsStream);
    }

    private void ReceiveSettings(Http2Frame frame, List<Http2Frame> answers)
    {
        if (frame.IsAck)
        {
            if (!_unacknowledged.TryDequeue(out var acknowledged) && !_hasSentRaw)
                throw new MalformedMessageException($"{frame} acknowledges nothing");
            if (frame.Payload.Length > 0)
                throw new MalformedMessageException($"the server sent {frame}");
            foreach (var (name, value) in SettingsOf(acknowledged ?? Http2Frame.Settings()))
                Apply(name, value);
            return;
        }
        if (frame.Payload.Length % 6 != 0)
            throw new MalformedMessageException($"the server sent {frame}");
        foreach (var (name, value) in SettingsOf(frame))
        {
            if (name == Http2Setting.EnablePush && value != 0)
                throw new MalformedMessageException($"the server sent ENABLE_PUSH {value}");
            var before = InitialSendWindow;
            ServerSettings[name] = value;
            foreach (var stream in _streams.Values)
                stream.SendWindow += InitialSendWindow - before;
        }
        if (_options.AcknowledgesSettings)
            answers.Add(Http2Frame.SettingsAck);
    }

    /// <summary>A setting of this client's is in force once the server has acknowledged it.</summary>
    private void Apply(Http2Setting name, uint value)
    {
        switch (name)
        {
            case Http2Setting.HeaderTableSize:
                _decoder.Limit = (int)Math.Min(value, int.MaxValue);
                break;
            case Http2Setting.MaxFrameSize:
                _mostFrame = (int)value;
                break;
            case Http2Setting.InitialWindowSize:
                foreach (var stream in _streams.Values)
                    stream.ReceiveWindow += value - _initialReceiveWindow;
                _initialReceiveWindow = value;
                break;
        }
    }

    private void ReceiveWindow(Http2Frame frame)
    {
        var window = frame.Stream == 0 ? SendWindow += frame.Number : Known(frame).SendWindow += frame.Number;
        if (window > LargestWindow && !_hasSentRaw)
            throw new MalformedMessageException($"{frame} makes a window of {window}");
    }

    private Http2Stream Known(Http2Frame frame) => _streams.TryGetValue(frame.Stream, out var stream)
        ? stream
        : frame.Stream % 2 == 1
            ? Find(frame.Stream)
            : throw new MalformedMessageException($"the server sent {frame}");

    private static ReadOnlySpan<byte> Unpadded(Http2Frame frame)
    {
        if (!frame.Flags.HasFlag(Http2Flags.Padded))
            return frame.Payload;
        if (frame.Payload.Length == 0 || frame.Payload[0] >= frame.Payload.Length)
            throw new MalformedMessageException($"more padding than payload in {frame}");
        return frame.Payload.AsSpan(1, frame.Payload.Length - 1 - frame.Payload[0]);
    }

    private static IEnumerable<(Http2Setting Name, uint Value)> SettingsOf(Http2Frame frame)
    {
        for (var at = 0; at + 6 <= frame.Payload.Length; at += 6)
        {
            var entry = frame.Payload.AsSpan(at, 6);
            yield return (
                (Http2Setting)((entry[0] << 8) | entry[1]),
                (uint)((entry[2] << 24) | (entry[3] << 16) | (entry[4] << 8) | entry[5]));
        }
    }

    private void Pulse()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            changed = _changed;
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        changed.SetResult();
    }
}
