using System.Net;
using System.Text;
using Hotcore.Http;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// What hotcore tells the upstream about a client: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and X-Real-IP.
/// One for each client connection. What a client claims in them is dropped, together with Forwarded (RFC 7239); only a
/// client on this machine, a tunnel, is believed.
/// </summary>
internal sealed class ForwardedFields
{
    private readonly byte[] _address;
    private readonly byte[] _scheme;
    private readonly byte[] _allButHost;

    public ForwardedFields(IPAddress client, string scheme)
    {
        var address = client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client;
        IsTrusted = IPAddress.IsLoopback(address);
        if (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6)
            address = new IPAddress(address.GetAddressBytes()); // Without a scope, which means nothing elsewhere.
        _address = Encoding.ASCII.GetBytes(address.ToString());
        _scheme = Encoding.ASCII.GetBytes(scheme);
        _allButHost = Encoding.ASCII.GetBytes(
            $"X-Forwarded-For: {address}\r\nX-Real-IP: {address}\r\nX-Forwarded-Proto: {scheme}\r\nX-Forwarded-Host: ");
    }

    /// <summary>The client is on this machine: what it says in these fields is kept.</summary>
    public bool IsTrusted { get; }

    /// <summary>Whether a field of the request is replaced by what <see cref="Write"/> writes.</summary>
    public bool Replaces(KnownField field) => field switch
    {
        KnownField.XForwardedFor or KnownField.XForwardedHost or KnownField.XForwardedProto or KnownField.XRealIP
            or KnownField.ForwardedLookalike => true,
        KnownField.Forwarded => !IsTrusted,
        _ => false,
    };

    /// <summary>The client is a tunnel on this machine, and says that the request came to it over HTTPS.</summary>
    public bool ClaimsHttps(RequestHead request) =>
        IsTrusted && request.Fields.FindSingle(KnownField.XForwardedProto, out var scheme) == 1
        && Ascii.EqualsIgnoreCase(scheme, "https"u8);

    /// <summary>Writes the four fields' lines.</summary>
    public void Write(SendBuffer output, RequestHead request)
    {
        if (IsTrusted && HasClaims(request))
        {
            WriteBelieving(output, request);
            return;
        }

        output.Append(_allButHost);
        output.Append(request.Authority);
        output.Append("\r\n"u8);
    }

    private static bool HasClaims(RequestHead request)
    {
        foreach (ref readonly var field in request.Fields.Fields)
        {
            if (IsClaim(request, field, field.Known) && field.Known is KnownField.XForwardedFor or KnownField.XForwardedHost
                or KnownField.XForwardedProto or KnownField.XRealIP)
                return true;
        }

        return false;
    }

    /// <summary>Whether the line says something about <paramref name="known"/>, and not to us alone.</summary>
    private static bool IsClaim(RequestHead request, in Field field, KnownField known) =>
        field.Known == known && field.ValueLength > 0
        && !HopByHopFields.Covers(request.Fields, field, request.HasConnectionFields);

    private void WriteBelieving(SendBuffer output, RequestHead request)
    {
        output.Append("X-Forwarded-For: "u8);
        foreach (ref readonly var field in request.Fields.Fields)
        {
            if (!IsClaim(request, field, KnownField.XForwardedFor))
                continue;
            output.Append(request.Fields.Value(field));
            output.Append(", "u8);
        }

        output.Append(_address);
        output.Append("\r\n"u8);
        WriteKept(output, request, KnownField.XRealIP, "X-Real-IP: "u8, _address);
        WriteKept(output, request, KnownField.XForwardedProto, "X-Forwarded-Proto: "u8, _scheme);
        WriteKept(output, request, KnownField.XForwardedHost, "X-Forwarded-Host: "u8, request.Authority);
    }

    private static void WriteKept(
        SendBuffer output, RequestHead request, KnownField known, ReadOnlySpan<byte> name, ReadOnlySpan<byte> ours)
    {
        var kept = ours;
        foreach (ref readonly var field in request.Fields.Fields)
        {
            if (IsClaim(request, field, known))
                kept = request.Fields.Value(field);
        }

        output.Append(name);
        output.Append(kept);
        output.Append("\r\n"u8);
    }
}
