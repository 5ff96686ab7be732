namespace Hotcore.EndToEndTests;

/// <summary>What begins like gRPC and is none reaches its app over HTTP/1.1.</summary>
public class GrpcWeb(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpc-web+proto")]
    [InlineData("application/grpc-web-text")]
    [InlineData("application/grpcfoo")]
    public async Task An_app_of_HTTP_1_1_gets_what_is_no_call_of_gRPC(string contentType)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var answer = await client.Get(domain, "/web", ("content-type", contentType));

        Assert.Equal("GET /web", answer.Text);
        Assert.Equal(contentType, Assert.Single(upstream.Requests).Fields["Content-Type"]);
    }

    [Theory]
    [InlineData("application/grpc")]
    [InlineData("Application/GRPC+proto")]
    [InlineData("application/grpc ; charset=utf-8")]
    public async Task An_app_of_HTTP_2_gets_what_is_one(string contentType)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var answer = await client.Get(domain, "/page", ("content-type", contentType));

        Assert.Contains($"content-type: {contentType}", answer.Text.Split('\n'));
    }
}
