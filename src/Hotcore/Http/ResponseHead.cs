namespace Hotcore.Http;

/// <summary>
/// The head of one response of an upstream, checked. A set of positions over the upstream's receive buffer, valid until more
/// is received into it. Reused from response to response.
/// </summary>
internal sealed class ResponseHead
{
    public FieldSection Fields { get; } = new();

    public int Status { get; set; }

    public int ReasonStart { get; set; }

    public int ReasonLength { get; set; }

    public int MinorVersion { get; set; }

    public BodyFraming Framing { get; set; }

    public long ContentLength { get; set; }

    /// <summary>The upstream leaves the connection open for another request.</summary>
    public bool IsPersistent { get; set; }

    public bool HasConnectionFields { get; set; }

    public ReadOnlySpan<byte> Reason => Fields.Slice(ReasonStart, ReasonLength);

    public bool IsInterim => Status is >= 100 and < 200;

    /// <summary>Content-Length must not stand in it (RFC 9110 8.6), whatever the upstream wrote.</summary>
    public bool ForbidsLength => IsInterim || Status == 204;

    /// <summary>Becomes the same head over the same bytes.</summary>
    public void CopyFrom(ResponseHead other)
    {
        Fields.CopyFrom(other.Fields);
        (Status, ReasonStart, ReasonLength, MinorVersion) = (other.Status, other.ReasonStart, other.ReasonLength, other.MinorVersion);
        (Framing, ContentLength) = (other.Framing, other.ContentLength);
        (IsPersistent, HasConnectionFields) = (other.IsPersistent, other.HasConnectionFields);
    }

    public void Clear()
    {
        Fields.Clear();
        (Status, ReasonStart, ReasonLength, MinorVersion) = (0, 0, 0, 0);
        (Framing, ContentLength, IsPersistent, HasConnectionFields) = (BodyFraming.None, 0, false, false);
    }
}
