using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// One stream as its client sees it. <see cref="Http2Client"/> writes it as frames come; tests read it after having
/// waited for what they look at.
/// </summary>
public sealed class Http2Stream(uint id)
{
    private readonly MemoryStream _body = new();

    public uint Id { get; } = id;

    /// <summary>Whether the answer has no body though it may state a length.</summary>
    public bool IsHead { get; init; }

    /// <summary>Whether the body is kept; off for large ones, of which the length is enough.</summary>
    public bool KeepsBody { get; set; } = true;

    /// <summary>Sees every piece of the body, in the order in which they come.</summary>
    public Action<ReadOnlyMemory<byte>>? OnBody { get; set; }

    /// <summary>The heads of 1xx, in their order.</summary>
    public List<Fields> Interim { get; } = [];

    public Fields? Head { get; private set; }

    public Fields Trailers { get; private set; } = [];

    public long BodyLength { get; private set; }

    /// <summary>How many DATA frames came.</summary>
    public int DataFrames { get; private set; }

    /// <summary>Whether END_STREAM came.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>What the RST_STREAM that came names.</summary>
    public Http2Error? Reset { get; private set; }

    public bool IsOver => HasEnded || Reset != null;

    public bool WasResetByClient { get; set; }

    /// <summary>How much the server lets this client send; less than 0 after a change of the settings.</summary>
    public long SendWindow { get; set; }

    /// <summary>How much this client lets the server send.</summary>
    public long ReceiveWindow { get; set; }

    /// <summary>What came and was not granted anew yet.</summary>
    public int Owed { get; set; }

    public int Status => int.Parse(Head![":status"]!);

    public byte[] Body => _body.ToArray();

    public string Text => Encoding.Latin1.GetString(_body.GetBuffer(), 0, (int)_body.Length);

    public void AddHead(Fields fields, bool endsStream)
    {
        ExpectMore("HEADERS");
        if (Head == null)
            AddFirst(fields, endsStream);
        else
            AddTrailers(fields, endsStream);
        if (endsStream)
            End();
    }

    public void AddData(ReadOnlyMemory<byte> data, int withPadding, long moreWindow, bool endsStream)
    {
        ExpectMore("DATA");
        if (Head == null)
            throw new MalformedMessageException($"DATA before the head on stream {Id}");
        ReceiveWindow -= withPadding;
        if (ReceiveWindow + moreWindow < 0 && withPadding > 0)
            throw new MalformedMessageException($"DATA {-ReceiveWindow} beyond the window of stream {Id}");
        BodyLength += data.Length;
        DataFrames++;
        if (KeepsBody)
            _body.Write(data.Span);
        OnBody?.Invoke(data);
        if (endsStream)
            End();
    }

    /// <summary>An answer may name an error after its end; a second reset answers a second fault of the client's.</summary>
    public void AddReset(Http2Error error) => Reset ??= error;

    private void AddFirst(Fields fields, bool endsStream)
    {
        if (fields is not [(":status", [>= '1' and <= '9', >= '0' and <= '9', >= '0' and <= '9']), ..]
            || fields.Skip(1).Any(field => field.Name.StartsWith(':')))
        {
            throw new MalformedMessageException($"a response without one :status in front: {Shown(fields)}");
        }
        CheckNames(fields);
        if (fields[0].Value is ['1', ..])
        {
            if (endsStream || fields[0].Value == "101" || fields.Has("content-length"))
                throw new MalformedMessageException($"an interim response that is none: {Shown(fields)}");
            Interim.Add(fields);
            return;
        }
        Head = fields;
    }

    private void AddTrailers(Fields fields, bool endsStream)
    {
        if (!endsStream || fields.Any(field => field.Name.StartsWith(':')))
            throw new MalformedMessageException($"HEADERS behind a head that are no trailers: {Shown(fields)}");
        CheckNames(fields);
        Trailers = fields;
    }

    private void End()
    {
        HasEnded = true;
        if (Head == null)
            throw new MalformedMessageException($"stream {Id} ended without a response");
        var mayHaveNone = IsHead || Status is 204 or 304;
        if (Head["content-length"] is { } length && (BodyLength > 0 || !mayHaveNone) && length != BodyLength.ToString())
            throw new MalformedMessageException($"a body of {BodyLength} where {length} was stated");
    }

    private void ExpectMore(string what)
    {
        if (IsOver)
            throw new MalformedMessageException($"{what} on stream {Id} behind its end");
    }

    /// <summary>RFC 9113 8.2.</summary>
    private static void CheckNames(Fields fields)
    {
        foreach (var (name, value) in fields)
        {
            var isPseudo = name.StartsWith(':');
            if (!name.AsSpan(isPseudo ? 1 : 0).ContainsOnlyTokenCharacters() || name.Any(char.IsAsciiLetterUpper)
                || value.Any(c => c is '\r' or '\n' or '\0') || value.Trim(' ', '\t') != value
                || name is "connection" or "keep-alive" or "proxy-connection" or "transfer-encoding" or "upgrade")
            {
                throw new MalformedMessageException($"not a field of HTTP/2: {WireReader.Shown($"{name}: {value}")}");
            }
        }
    }

    private static string Shown(Fields fields) =>
        WireReader.Shown(string.Join(", ", fields.Select(field => $"{field.Name}: {field.Value}")));
}
