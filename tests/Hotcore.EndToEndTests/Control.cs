using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests;

/// <summary>The UDP interface, message by message.</summary>
public partial class Control(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Check_and_version_are_answered()
    {
        Assert.Equal("kcehc", await Hotcore.Control("check"));
        Assert.Equal(Hotcore.Version, await Hotcore.Control("version"));
    }

    [Fact]
    public async Task Messages_come_over_IPv6_loopback_too()
    {
        using var socket = new ControlSocket(Hotcore.ControlAddress6);

        Assert.Equal("kcehc", await socket.Ask("check"));
    }

    [Theory]
    [InlineData("{domain} 8080", "{domain}")]
    [InlineData("{DOMAIN} 8080", "{domain}")]
    [InlineData("{domain}. 8080", "{domain}")]
    [InlineData("  {domain}   8080  ", "{domain}")]
    [InlineData("{domain} 8080\n", "{domain}")]
    [InlineData("{domain} 8080\r\n", "{domain}")]
    [InlineData("b\u00fccher.{domain} 8080", "xn--bcher-kva.{domain}")]
    [InlineData("xn--bcher-kva.{domain} 8080", "xn--bcher-kva.{domain}")]
    [InlineData("a-1.{domain} 8080", "a-1.{domain}")]
    public async Task Add_answers_with_the_domain_as_it_is_kept(string words, string kept)
    {
        var domain = Hotcore.NewDomain();
        words = words.Replace("{domain}", domain).Replace("{DOMAIN}", domain.ToUpperInvariant());
        kept = kept.Replace("{domain}", domain);

        Assert.Equal($"ok {kept} 8080", await Hotcore.Control($"add {words}"));
        Assert.Contains((kept, 8080), await Hotcore.List());
    }

    [Fact]
    public async Task The_longest_domain_and_label_are_taken()
    {
        var label = new string('a', 63);
        var longest = $"{label}.{label}.{label}.{new string('b', 61)}";
        Assert.Equal(253, longest.Length);

        Assert.Equal($"ok {longest} 8080", await Hotcore.Control($"add {longest} 8080"));
        Assert.Equal($"ok {longest}", await Hotcore.Control($"remove {longest}"));
    }

    [Fact]
    public async Task The_lowest_and_highest_ports_are_taken()
    {
        var domain = Hotcore.NewDomain();

        await Hotcore.Add(domain, 1);
        await Hotcore.Add(domain, 65535);
    }

    [Theory]
    [InlineData("")]
    [InlineData("add")]
    [InlineData("add refused.example.com")]
    [InlineData("add refused.example.com 8080 extra")]
    [InlineData("add refused.example.com 0")]
    [InlineData("add refused.example.com 65536")]
    [InlineData("add refused.example.com 99999999999999999999")]
    [InlineData("add refused.example.com -1")]
    [InlineData("add refused.example.com +80")]
    [InlineData("add refused.example.com 80.5")]
    [InlineData("add refused.example.com 0x50")]
    [InlineData("add refused.example.com http")]
    [InlineData("add 8080 refused.example.com")]
    [InlineData("add 192.0.2.1 8080")]
    [InlineData("add ::1 8080")]
    [InlineData("add [::1] 8080")]
    [InlineData("add refused.example.com:80 8080")]
    [InlineData("add http://refused.example.com 8080")]
    [InlineData("add refused.example.com/path 8080")]
    [InlineData("add refused..example.com 8080")]
    [InlineData("add .refused.example.com 8080")]
    [InlineData("add . 8080")]
    [InlineData("add refused!example.com 8080")]
    [InlineData("add refused.xn--zz.com 8080")]
    [InlineData("renew")]
    [InlineData("renew nobody.example.com")]
    [InlineData("add refused*example.com 8080")]
    [InlineData("add ref\0used.example.com 8080")]
    [InlineData("add a@refused.example.com 8080")]
    [InlineData("add aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com 8080")]
    [InlineData("remove")]
    [InlineData("remove a.example.com 8080")]
    [InlineData("list before a.example.com")]
    [InlineData("status nobody.example.com")]
    [InlineData("hello")]
    [InlineData("addd a.example.com 8080")]
    [InlineData("check check")]
    public async Task What_is_refused_says_why_and_changes_nothing(string message)
    {
        var before = await Hotcore.List();

        // An empty datagram may stay without a reply.
        using var socket = new ControlSocket(Hotcore.ControlAddress);
        await socket.Send(Encoding.UTF8.GetBytes(message));
        var reply = await socket.Receive(message == "" ? TimeSpan.FromMilliseconds(500) : null);

        if (message != "")
            Assert.Matches("^error \\S.*\\S", reply);
        var added = (await Hotcore.List()).Except(before).Select(mapping => mapping.Domain);
        Assert.DoesNotContain(added, domain => domain.Contains("refused") || domain.Contains("aaa"));
    }

    [Fact]
    public async Task A_domain_of_254_characters_is_refused()
    {
        var label = new string('a', 63);

        Assert.StartsWith("error ", await Hotcore.Control($"add {label}.{label}.{label}.{new string('b', 62)} 8080"));
    }

    [Theory]
    [InlineData("https://typed.example.com/")]
    [InlineData("http://typed.example.com:8080/path?query")]
    [InlineData("typed.example.com/")]
    [InlineData("typed.example.com:443")]
    public async Task A_refusal_says_what_to_type_instead(string typed)
    {
        var reply = await Hotcore.Control($"add {typed} 8080");

        Assert.StartsWith("error ", reply);
        Assert.Contains("use: typed.example.com", reply);
    }

    [Fact]
    public async Task The_ports_that_hotcore_itself_listens_on_are_refused()
    {
        foreach (var port in new[] { Hotcore.Http.Port, Hotcore.ControlAddress.Port })
        {
            var domain = Hotcore.NewDomain();
            Assert.StartsWith("error ", await Hotcore.Control($"add {domain} {port}"));
            Assert.DoesNotContain(await Hotcore.List(), mapping => mapping.Domain == domain);
        }
    }

    [Fact]
    public async Task Every_message_can_be_repeated()
    {
        var domain = Hotcore.NewDomain();

        await Hotcore.Add(domain, 8080);
        await Hotcore.Add(domain, 8080);
        Assert.Equal($"ok {domain}", await Hotcore.Control($"remove {domain}"));
        // A program whose reply got lost asks again, and must not be told that it failed.
        Assert.Equal($"ok {domain}", await Hotcore.Control($"remove {domain}"));
    }

    [Fact]
    public async Task A_datagram_of_1024_bytes_is_taken_and_a_larger_one_changes_nothing()
    {
        var domain = Hotcore.NewDomain();
        var other = Hotcore.NewDomain();

        Assert.Equal($"ok {domain} 8080", await Hotcore.Control($"add {domain} 8080".PadRight(1024)));
        await ExpectNoChange(Encoding.ASCII.GetBytes($"add {other} 8080".PadRight(1025)), other);
        await ExpectNoChange(Encoding.ASCII.GetBytes($"add {other} 8080".PadRight(60_000)), other);
    }

    [Fact]
    public async Task A_datagram_that_is_not_UTF_8_changes_nothing()
    {
        var domain = Hotcore.NewDomain();

        await ExpectNoChange([.. Encoding.ASCII.GetBytes($"add {domain} 8080 "), 0xff], domain);
        await ExpectNoChange([.. "add "u8, 0xc3, .. Encoding.ASCII.GetBytes($"{domain} 8080")], domain);
        await ExpectNoChange([.. "add "u8, 0xc0, 0xae, .. Encoding.ASCII.GetBytes($"{domain} 8080")], domain);
    }

    [Fact]
    public async Task Random_datagrams_change_nothing_and_hotcore_lives_on()
    {
        var random = new Random(2);
        var before = (await Hotcore.List()).Count(mapping => !mapping.Domain.StartsWith("app"));
        using var socket = new ControlSocket(Hotcore.ControlAddress);
        for (var i = 0; i < 10_000; i++)
        {
            var noise = new byte[random.Next(1, 200)];
            random.NextBytes(noise);
            var datagram = i % 2 == 0 ? noise : [.. "add "u8, .. noise];
            await socket.Send(datagram);
            // Keeps the two in step, so that none of the datagrams is dropped for want of room.
            if (i % 50 == 0)
                Assert.Equal("kcehc", await Hotcore.Control("check"));
        }

        Assert.Equal("kcehc", await Hotcore.Control("check"));
        Assert.Equal(before, (await Hotcore.List()).Count(mapping => !mapping.Domain.StartsWith("app")));
    }

    [Fact]
    public async Task Status_tells_version_mode_uptime_addresses_and_numbers()
    {
        var lines = (await Hotcore.Control("status")).Split('\n');

        Assert.All(lines, line => Assert.Matches(@"^\S+ \S", line));
        Assert.Contains($"version {Hotcore.Version}", lines);
        Assert.Contains("mode local", lines);
        Assert.Contains(lines, line => line.StartsWith("uptime "));
        Assert.Contains(lines, line => line.Contains($"127.0.0.1:{Hotcore.Http.Port}"));
        Assert.Contains(lines, line => line.Contains($"127.0.0.1:{Hotcore.ControlPort}"));
        Assert.Contains(lines, line => DomainCountLine().IsMatch(line));
        Assert.Contains(lines, line => line.StartsWith("attention ") || line.Contains("need", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_status_of_a_domain_tells_whether_its_port_answers()
    {
        await using var up = TestUpstream.Repeating();
        await using var down = TestUpstream.RepeatingLater();
        var upDomain = await Hotcore.AddNewDomain(up.Port);
        var downDomain = await Hotcore.AddNewDomain(down.Port);

        Assert.StartsWith($"{upDomain} {up.Port} upstream up certificate local", await Hotcore.Control($"status {upDomain}"));
        Assert.StartsWith(
            $"{downDomain} {down.Port} upstream down certificate local", await Hotcore.Control($"status {downDomain}"));
    }

    [Fact]
    public async Task Status_asks_the_port_and_not_the_app()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await Hotcore.Control($"status {domain}");

        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task An_accepted_change_is_logged_with_the_senders_user()
    {
        var domain = await Hotcore.AddNewDomain(8080);

        var log = "";
        await Wait.Until(
            () => (log = File.ReadAllText(Hotcore.LogFile)).Contains(domain), $"a line about {domain} in the log");
        var line = log.Split('\n').First(line => line.Contains(domain));
        Assert.Contains(Environment.UserName, line);
        Assert.Contains("8080", line);
        await Wait.Until(() => Hotcore.Errors.Contains(domain), "the same on standard error");
    }

    [Fact]
    public async Task A_request_is_no_event()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await Hotcore.Get(domain, "/not-to-be-logged");
        await Hotcore.Get("nobody.example.com", "/not-to-be-logged");

        // The log is written in order: once this line is there, one about the request would be, too.
        var last = await Hotcore.AddNewDomain(8080);
        await Wait.Until(() => File.ReadAllText(Hotcore.LogFile).Contains(last), "the log");
        Assert.DoesNotContain("not-to-be-logged", await File.ReadAllTextAsync(Hotcore.LogFile));
    }

    private async Task ExpectNoChange(byte[] datagram, string domain)
    {
        using var socket = new ControlSocket(Hotcore.ControlAddress);
        try
        {
            await socket.Send(datagram);
        }
        catch (SocketException tooLarge) when (tooLarge.SocketErrorCode == SocketError.MessageSize)
        {
            return;
        }
        // A reply, if there is one, is a refusal. Datagrams are read in order, so `list` comes after it.
        var reply = await socket.Receive(TimeSpan.FromMilliseconds(500));
        Assert.True(reply == null || reply.StartsWith("error "), reply);
        Assert.DoesNotContain(await Hotcore.List(), mapping => mapping.Domain == domain);
    }

    [GeneratedRegex(@"^domains \d+$")]
    private static partial Regex DomainCountLine();
}

/// <summary>`list` and `status domains`, page by page. Hotcores of their own: the number of mappings counts.</summary>
public class Paging
{
    [Fact]
    public async Task An_empty_list_is_an_empty_reply()
    {
        await using var hotcore = await RunningHotcore.Start();

        Assert.Equal("", await hotcore.Control("list"));
        var finished = await hotcore.Run("list");
        Assert.Equal((0, ""), (finished.ExitCode, finished.Output.Trim()));
    }

    [Fact]
    public async Task A_list_is_sorted_by_domain()
    {
        await using var hotcore = await RunningHotcore.Start();
        foreach (var name in new[] { "b", "a", "c", "a-b", "a1" })
            await hotcore.Add($"{name}.example.com", 8080);

        var domains = (await hotcore.List()).Select(mapping => mapping.Domain).ToList();

        Assert.Equal(domains.Order(StringComparer.Ordinal), domains);
        Assert.Equal("c.example.com 8080", await hotcore.Control("list after b.example.com"));
        // From the first domain beyond that one, whether it is mapped or not.
        Assert.Equal("c.example.com 8080", await hotcore.Control("list after bb.example.com"));
        Assert.Equal("", await hotcore.Control("list after c.example.com"));
    }

    [Fact]
    public async Task Five_thousand_domains_come_page_by_page_and_no_reply_exceeds_60_000_bytes()
    {
        await using var hotcore = await RunningHotcore.Start();
        var mappings = Enumerable.Range(0, 5_000).Select(i => ($"application-{i}.example.com", 10_000 + i)).ToList();
        await new ManyChanges(mappings).Send(hotcore.ControlAddress);

        Assert.Equal(mappings.OrderBy(m => m.Item1, StringComparer.Ordinal), await hotcore.List());
        var listed = await Pages(hotcore, "list");
        var states = await Pages(hotcore, "status domains");
        Assert.Equal(5_000, listed.Count);
        Assert.Equal(listed.Select(FirstWord), states.Select(FirstWord));
        Assert.All(states, line => Assert.Matches(@"^\S+ \d+ upstream (up|down) certificate local", line));
        var printed = await hotcore.Run("list");
        Assert.Equal(listed, printed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static string FirstWord(string line) => line.Split(' ')[0];

    private static async Task<List<string>> Pages(RunningHotcore hotcore, string message)
    {
        using var socket = new ControlSocket(hotcore.ControlAddress);
        var lines = new List<string>();
        for (var (next, pages) = (message, 1); ; pages++)
        {
            var page = (await socket.Ask(next)).Split('\n');
            Assert.InRange(socket.LastReplyBytes, 1, 60_000);
            lines.AddRange(page.Where(line => line != "more"));
            if (page[^1] != "more")
            {
                Assert.InRange(pages, 2, 100);
                return lines;
            }
            next = $"{message} after {FirstWord(lines[^1])}";
        }
    }
}
