using Xunit;

namespace Hotcore.Installing;

public sealed class PortCapabilityTests : IDisposable
{
    private readonly FakeMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData("/opt/hotcore/bin/hotcore cap_net_bind_service=eip")]
    [InlineData("/opt/hotcore/bin/hotcore = cap_net_bind_service+eip")]
    public void What_is_granted_is_not_granted_again(string getcap)
    {
        _machine.MakeProgram("setcap", "exit 1");
        _machine.MakeProgram("getcap", $"echo '{getcap}'");
        Assert.Equal(StepOutcome.AlreadySo, Grant().Outcome);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/opt/hotcore/bin/hotcore cap_net_bind_service=p")]
    public void What_is_not_is(string getcap)
    {
        _machine.MakeProgram("setcap", "true");
        _machine.MakeProgram("getcap", $"echo '{getcap}'");
        Assert.Equal(StepOutcome.Done, Grant().Outcome);
        Assert.Contains("setcap cap_net_bind_service=+eip /opt/hotcore/bin/hotcore", _machine.TakeCalls());
    }

    [Fact]
    public void A_machine_that_cannot_is_told_that_the_service_can_all_the_same()
    {
        Assert.Equal(StepOutcome.LeftOut, Grant().Outcome);
        _machine.MakeProgram("setcap", "echo 'Operation not supported' >&2; exit 1");
        var step = Grant();
        Assert.Equal(StepOutcome.LeftOut, step.Outcome);
        Assert.Contains("Operation not supported", step.Detail);
    }

    private InstallStep Grant() => new PortCapability(_machine.Root).Grant("ports");
}
