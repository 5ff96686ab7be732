namespace Hotcore.EndToEndTests;

/// <summary>The firewall that is active gets rules for ports 80 and 443, and loses no other, and those again at the uninstall.</summary>
[Collection(nameof(Machines))]
public class Firewalls : IAsyncLifetime
{
    private BootedDebian _debian = null!;

    public async ValueTask InitializeAsync() => _debian = await BootedDebian.Start();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _debian.DisposeAsync();
    }

    [Fact]
    public async Task Ufw()
    {
        await _debian.Shell("ufw allow 22/tcp && ufw allow 443/tcp && ufw --force enable");

        Assert.Matches("4/7 firewall done: ufw lets 80 in", await _debian.Install());

        var rules = await _debian.Shell("ufw status");
        Assert.Matches(@"(?m)^80/tcp +ALLOW +Anywhere +# hotcore$", rules);
        Assert.Matches(@"(?m)^443/tcp +ALLOW +Anywhere *$", rules);
        Assert.Matches("4/7 firewall already so", await _debian.Install());
        await _debian.Shell("hotcore uninstall");
        rules = await _debian.Shell("ufw status");
        Assert.DoesNotMatch("(?m)^80/tcp", rules);
        Assert.Matches("(?m)^443/tcp +ALLOW", rules);
        Assert.Matches("(?m)^22/tcp +ALLOW", rules);
    }

    [Fact]
    public async Task Firewalld()
    {
        await _debian.Shell("systemctl enable --now firewalld && firewall-cmd --permanent --add-service=https && firewall-cmd --add-service=https");

        Assert.Matches("4/7 firewall done: firewalld lets 80 in", await _debian.Install());

        foreach (var scope in new[] { "", "--permanent" })
            Assert.Contains("http https", await _debian.Shell($"firewall-cmd {scope} --list-services"));
        Assert.Matches("4/7 firewall already so", await _debian.Install());
        await _debian.Shell("hotcore uninstall");
        foreach (var scope in new[] { "", "--permanent" })
        {
            var services = (await _debian.Shell($"firewall-cmd {scope} --list-services")).Split(' ');
            Assert.Contains("https", services);
            Assert.DoesNotContain("http", services);
        }
    }

    [Theory]
    [InlineData("ufw", "ufw", "sudo ufw allow 80/tcp")]
    [InlineData("firewall-cmd", "firewalld", "sudo firewall-cmd --permanent --add-service=http")]
    public async Task One_that_does_not_work_is_told_and_hotcore_serves_all_the_same(string command, string name, string remedy)
    {
        _debian.PutText("#!/bin/sh\necho it is broken >&2\nexit 3\n", $"/usr/{(name == "ufw" ? "sbin" : "bin")}/{command}", isExecutable: true);

        var printed = await _debian.InstallInVain();

        Assert.Contains($"4/7 firewall failed: {name} does not work: {command}: it is broken", printed);
        Assert.Contains(remedy, printed);
        Assert.Equal("kcehc", await _debian.Ask("check"));
    }
}
