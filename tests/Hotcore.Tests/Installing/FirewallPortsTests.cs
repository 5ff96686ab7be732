using Xunit;

namespace Hotcore.Installing;

public sealed class FirewallPortsTests : IDisposable
{
    private readonly FakeMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Without_a_firewall_nothing_is_to_do()
    {
        Assert.Equal(StepOutcome.AlreadySo, Open().Outcome);
        Assert.Empty(new FirewallPorts(_machine.Root).Close());
    }

    [Fact]
    public void Ufw_gets_what_it_lacks_and_loses_that_alone()
    {
        MakeUfw("active", "ufw allow 443/tcp");
        Assert.Equal(new InstallStep("firewall", StepOutcome.Done, "ufw lets 80 in"), Open());
        Assert.Contains("ufw allow 80/tcp comment hotcore", _machine.TakeCalls());
        Assert.Equal(["ufw 80"], new FirewallPorts(_machine.Root).Close());
        Assert.Equal(["ufw delete allow 80/tcp"], _machine.TakeCalls());
        Assert.Empty(new FirewallPorts(_machine.Root).Close());
    }

    [Theory]
    [InlineData("ufw allow 80\nufw allow 443/tcp")]
    [InlineData("ufw allow 80/tcp comment 'web server'\nufw allow 443/tcp comment 'hotcore'")]
    [InlineData("ufw allow 80,443/tcp")]
    public void Rules_that_open_both_are_recognised(string rules)
    {
        MakeUfw("active", rules);
        Assert.Equal(StepOutcome.AlreadySo, Open().Outcome);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ufw allow 8080/tcp\nufw allow 4430/tcp")]
    [InlineData("ufw deny 80/tcp\nufw deny 443/tcp")]
    [InlineData("ufw allow 80/udp\nufw allow 443/udp")]
    [InlineData("ufw allow from 10.0.0.0/8 to any port 80 proto tcp\nufw allow in on eth1 to any port 443")]
    public void Rules_that_open_less_are_not(string rules)
    {
        MakeUfw("active", rules);
        Assert.Equal("ufw lets 80 and 443 in", Open().Detail);
    }

    [Fact]
    public void An_inactive_firewall_is_left_alone()
    {
        MakeUfw("inactive", "");
        _machine.MakeProgram("firewall-cmd", "echo not running >&2; exit 252");
        Assert.Equal(StepOutcome.AlreadySo, Open().Outcome);
    }

    [Fact]
    public void Firewalld_is_told_for_now_and_for_later()
    {
        _machine.MakeProgram("firewall-cmd", "case $* in *query*) exit 1 ;; esac");
        Assert.Equal("firewalld lets 80 and 443 in", Open().Detail);
        var calls = _machine.TakeCalls();
        foreach (var service in (string[])["http", "https"])
        {
            Assert.Contains($"firewall-cmd --permanent --add-service={service}", calls);
            Assert.Contains($"firewall-cmd --add-service={service}", calls);
        }
        Assert.Equal(["firewalld 80", "firewalld 443"], new FirewallPorts(_machine.Root).Close());
        Assert.Contains("firewall-cmd --permanent --remove-service=https", _machine.TakeCalls());
    }

    [Theory]
    [InlineData("ufw", "sudo ufw allow 80/tcp")]
    [InlineData("firewall-cmd", "sudo firewall-cmd")]
    public void One_that_does_not_work_fails_the_step_and_tells_how_to_do_it_by_hand(string command, string byHand)
    {
        _machine.MakeProgram(command, "echo it is broken >&2; exit 7");
        var step = Open();
        Assert.Equal(StepOutcome.Failed, step.Outcome);
        Assert.Contains("it is broken", step.Detail);
        Assert.Contains(byHand, step.Detail);
    }

    [Fact]
    public void What_is_opened_is_remembered_before_it_is_opened()
    {
        MakeUfw("active", "");
        _machine.MakeProgram("ufw", "case $1 in allow) exit 1 ;; status) echo 'Status: active' ;; esac");
        Assert.Equal(StepOutcome.Failed, Open().Outcome);
        Assert.Equal("ufw 80\nufw 443\n", File.ReadAllText(_machine["/opt/hotcore/bin/opened-ports"]));
    }

    private InstallStep Open() => new FirewallPorts(_machine.Root).Open("firewall");

    private void MakeUfw(string state, string rules)
    {
        _machine.Write("/rules", $"Added user rules (see 'ufw status' for running firewall):\n{rules}\n");
        _machine.MakeProgram("ufw", $"case $1 in status) echo 'Status: {state}' ;; show) cat \"$root/rules\" ;; esac");
    }
}
