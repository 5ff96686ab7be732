namespace Hotcore.EndToEndTests;

/// <summary>`ok` means that the very next request is routed so, and that nobody else notices.</summary>
public class MappingChanges(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task The_very_next_request_goes_to_the_new_port()
    {
        await using var one = TestUpstream.Answering(_ => Answers.Ok("one"));
        await using var two = TestUpstream.Answering(_ => Answers.Ok("two"));
        var domain = Hotcore.NewDomain();
        // Several kept-alive clients, so that every loop is asked.
        var clients = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Hotcore.Connect()));

        for (var i = 0; i < 50; i++)
        {
            foreach (var (upstream, answer) in new[] { (one, "one"), (two, "two") })
            {
                await Hotcore.Add(domain, upstream.Port);
                foreach (var client in clients)
                    Assert.Equal(answer, (await client.Get(domain)).Text);
                Assert.Equal(answer, (await Hotcore.Get(domain)).Text);
            }
            Assert.Equal($"ok {domain}", await Hotcore.Control($"remove {domain}"));
            foreach (var client in clients)
                Assert.Equal(404, (await client.Get(domain)).Status);
        }
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_request_in_flight_finishes_where_it_began()
    {
        await using var old = TestUpstream.Scripted();
        await using var now = TestUpstream.Answering(_ => Answers.Ok("new"));
        var domain = await Hotcore.AddNewDomain(old.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await old.Accept();
        await connection.ExpectRequest();

        await Hotcore.Add(domain, now.Port);
        Assert.Equal("new", (await Hotcore.Get(domain)).Text);
        await connection.Send(Answers.Ok("old"));

        Assert.Equal("old", (await client.Read()).Text);
        Assert.Equal("new", (await client.Get(domain)).Text);
    }

    [Fact]
    public async Task Replacing_a_port_keeps_its_open_websockets()
    {
        await using var old = TestUpstream.Echoing();
        await using var now = TestUpstream.Answering(_ => Answers.Ok("new"));
        var domain = await Hotcore.AddNewDomain(old.Port);
        await using var client = await Hotcore.Connect();
        await client.Upgrade(domain);

        await Hotcore.Add(domain, now.Port);

        Assert.Equal("new", (await Hotcore.Get(domain)).Text);
        await client.ExpectEcho("still the old one");
    }

    [Fact]
    public async Task Removing_a_domain_keeps_its_open_websockets()
    {
        await using var upstream = TestUpstream.Echoing();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Upgrade(domain);

        Assert.Equal($"ok {domain}", await Hotcore.Control($"remove {domain}"));

        Assert.Equal(404, (await Hotcore.Get(domain)).Status);
        await client.ExpectEcho("still here");
    }

    [Fact]
    public async Task Removing_a_domain_lets_a_request_in_flight_finish()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        Assert.Equal($"ok {domain}", await Hotcore.Control($"remove {domain}"));
        await connection.Send(Answers.Ok("finished"));

        Assert.Equal("finished", (await client.Read()).Text);
    }

    [Fact]
    public async Task Other_domains_never_notice()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var changing = Hotcore.NewDomain();
        await using var client = await Hotcore.Connect();

        for (var i = 0; i < 100; i++)
        {
            await Hotcore.Add(changing, 8000 + i);
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);
        }
        Assert.Single(upstream.Connections);
    }
}
