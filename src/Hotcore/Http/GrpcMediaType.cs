using System.Text;

namespace Hotcore.Http;

/// <summary>
/// The content type of a gRPC call: <c>application/grpc</c>, perhaps with the format of its messages behind a '+', perhaps with
/// parameters. What else begins so is another protocol, such as gRPC-Web, which apps serve over HTTP/1.1.
/// </summary>
internal static class GrpcMediaType
{
    private static ReadOnlySpan<byte> Name => "application/grpc"u8;

    /// <summary>Whether it is what a Content-Type says, without regard to case (RFC 9110 8.3.1).</summary>
    public static bool Matches(ReadOnlySpan<byte> contentType)
    {
        if (contentType.Length < Name.Length || !Ascii.EqualsIgnoreCase(contentType[..Name.Length], Name))
            return false;
        var rest = contentType[Name.Length..];
        var parameters = rest.TrimStart(" \t"u8);
        return parameters.IsEmpty || parameters[0] == ';' || rest[0] == '+';
    }
}
