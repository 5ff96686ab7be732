using Xunit;

namespace Hotcore.Http;

public sealed class GrpcMediaTypeTests
{
    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("Application/GRPC", true)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("application/grpc+json; charset=utf-8", true)]
    [InlineData("application/grpc;charset=utf-8", true)]
    [InlineData("application/grpc \t; charset=utf-8", true)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/grpc-web+proto", false)]
    [InlineData("application/grpc-web-text", false)]
    [InlineData("application/grpcfoo", false)]
    [InlineData("application/grpc +proto", false)]
    [InlineData("application/grpc/1", false)]
    [InlineData("application/grp", false)]
    [InlineData("", false)]
    [InlineData("text/application/grpc", false)]
    public void A_call_of_gRPC_is_told_by_its_content_type(string contentType, bool isGrpc) =>
        Assert.Equal(isGrpc, GrpcMediaType.Matches(Wire.Bytes(contentType)));
}
