namespace Hotcore.EndToEndTests;

/// <summary>Whoever gives an exchange up is heard at the other end, and by nobody else, by every protocol.</summary>
public class Http2MatrixResets(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int Cancel = 8;
    private const int InternalError = 2;
    private const int EnhanceYourCalm = 11;

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_resets_within_its_body_does_not_end_it_for_the_upstream(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.Send("hello"u8.ToArray());
        await accepted.ReadExactly(5);
        asked.Reset();

        await accepted.ExpectBodyToBreak();
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_resets_while_it_waits_is_noticed_by_the_upstream(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.End();
        await accepted.ReadBody();
        asked.Reset();

        await accepted.ExpectReset();
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_resets_within_an_answer_is_noticed_by_the_upstream_and_by_nobody_else(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept("/reset");
        var (other, acceptedOther) = await pair.BeginAndAccept("/bystander");
        foreach (var exchange in new[] { accepted, acceptedOther })
        {
            await exchange.SendHead();
            await exchange.Send("hello"u8.ToArray());
        }
        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal("hello"u8.ToArray(), await asked.ReadExactly(5));

        asked.Reset();
        await accepted.ExpectReset();

        await acceptedOther.Send("world"u8.ToArray());
        await acceptedOther.End();
        Assert.Equal(200, await other.ReadStatus());
        Assert.Equal("helloworld"u8.ToArray(), await other.ReadBody());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_resets_within_its_answer_breaks_it_off_for_that_client_alone(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept("/reset");
        var (other, acceptedOther) = await pair.BeginAndAccept("/bystander");
        foreach (var exchange in new[] { accepted, acceptedOther })
        {
            await exchange.SendHead();
            await exchange.Send("hello"u8.ToArray());
        }
        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal("hello"u8.ToArray(), await asked.ReadExactly(5));

        accepted.Reset(InternalError);
        await asked.ExpectToBreak();

        await acceptedOther.End();
        Assert.Equal(200, await other.ReadStatus());
        Assert.Equal("hello"u8.ToArray(), await other.ReadBody());
    }

    [Theory]
    [InlineData(ClientKind.Http2, Cancel)]
    [InlineData(ClientKind.Http2, EnhanceYourCalm)]
    [InlineData(ClientKind.Http2OverTls, Cancel)]
    [InlineData(ClientKind.Http2OverTls, InternalError)]
    public async Task An_upstreams_reset_reaches_a_client_with_its_error_code(ClientKind client, int errorCode)
    {
        await using var pair = await Pair.Open(Hotcore, client, UpstreamKind.Http2);
        var (asked, accepted) = await pair.BeginAndAccept();
        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());

        accepted.Reset(errorCode);

        Assert.Equal(errorCode, await asked.ExpectToBreak());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_resets_before_its_answer_is_no_answer(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        // A port that has never answered is asked whether it speaks TLS.
        await pair.ExpectToWork();
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("a body, so that it cannot be sent again"u8.ToArray());
        await asked.End();
        await accepted.ReadBody();

        accepted.Reset(InternalError);

        await ExpectNoAnswer(asked, mayBreak: client != ClientKind.Http1);
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_resets_within_the_question_is_no_answer(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        // A port that has never answered is asked whether it speaks TLS.
        await pair.ExpectToWork();
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("hello"u8.ToArray());
        await accepted.ReadExactly(5);

        accepted.Reset(InternalError);

        // The client may be sending still, and read nothing before it has been told by the end of its connection.
        await ExpectNoAnswer(asked, mayBreak: true);
        await pair.ExpectToWork();
    }

    /// <summary>An error page; or, where that is as good, an end that nobody takes for an answer.</summary>
    private static async Task ExpectNoAnswer(ClientExchange asked, bool mayBreak)
    {
        var status = 0;
        var broken = await Record.ExceptionAsync(async () => status = await asked.ReadStatus());
        var hasBroken = broken is HttpRequestException or TaskCanceledException or TruncatedMessageException;
        Assert.True(status == 502 || (mayBreak && hasBroken), $"status {status}, {broken}");
    }
}
