using Hotcore.Control;
using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// Installs hotcore in seven steps, each of which finds out by itself what is left to do. A step that fails ends the install
/// (but for the firewall, on which no other step rests); a new version that does not answer gives way to the one before.
/// </summary>
/// <param name="plan">What to install, and where.</param>
/// <param name="report">Takes each step as it ends.</param>
internal sealed class Installer(InstallPlan plan, Action<InstallStep> report)
{
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan AnswerPause = TimeSpan.FromMilliseconds(20);

    private readonly InstalledProgram _program = new(plan.Machine, plan.Source, plan.Version);
    private readonly SystemdService _service = new(plan.Machine);
    private readonly ControlClient _client = new(plan.ControlPort, ControlClient.DefaultTimeLimit);

    /// <summary>Runs the steps. Returns whether all is as it should be.</summary>
    /// <exception cref="InstallFailure">It cannot begin.</exception>
    public bool Run()
    {
        using var installing = InstallLock.Take(plan.Machine);
        RefuseDowngrade();
        RefuseOtherMode();
        return Attempt("user", EnsureUser)
            && Attempt("program", PutProgram)
            && Attempt("ports", () => new PortCapability(plan.Machine).Grant("ports"))
            && OpenFirewall() is var isOpen
            && Attempt("command", LinkCommand)
            && Attempt("service", StartService)
            && Attempt("answer", AwaitAnswer)
            && isOpen;
    }

    private void RefuseDowngrade()
    {
        var installed = _program.FindVersion();
        if (!ReleaseVersion.TryParse(installed, out var known)
            || !ReleaseVersion.TryParse(plan.Version, out var mine)
            || known.CompareTo(mine) <= 0) return;
        throw new InstallFailure(
            $"hotcore {installed} is installed, which is newer than this one, {plan.Version}; what it stored may be unknown to older "
            + "versions. To go back all the same: sudo hotcore uninstall, then install this one");
    }

    /// <summary>A developer's hotcore must not begin to serve the world because an upgrade forgot an option.</summary>
    private void RefuseOtherMode()
    {
        if (_service.ReadUnit() is not { } unit || SystemdUnit.IsLocal(unit) == plan.User.IsLocal) return;
        var (is_, option) = plan.User.IsLocal ? ("for a server", "") : ("in local mode", " --local");
        throw new InstallFailure(
            $"hotcore is installed {is_}; to upgrade it: sudo hotcore install{option}; to change that: sudo hotcore uninstall, "
            + "then install it anew");
    }

    private bool Attempt(string name, Func<InstallStep> step)
    {
        InstallStep ended;
        try
        {
            ended = step();
        }
        catch (Exception failure) when (failure is InstallFailure or ProgramFailure or IOException or UnauthorizedAccessException)
        {
            ended = new InstallStep(name, StepOutcome.Failed, DiskAdvice.Explain(failure));
        }
        report(ended);
        return ended.Outcome != StepOutcome.Failed;
    }

    private InstallStep EnsureUser()
    {
        var changes = plan.Developer is null
            ? new SystemUser(plan.Machine).Ensure()
            : new LocalFolders(plan.Machine, plan.Developer, plan.User).Ensure();
        return changes.Count > 0
            ? new InstallStep("user", StepOutcome.Done, string.Join(", ", changes))
            : new InstallStep("user", StepOutcome.AlreadySo, $"{plan.User.Name}, with {plan.User.DataFolder}");
    }

    private InstallStep PutProgram() =>
        new("program", _program.Put() ? StepOutcome.Done : StepOutcome.AlreadySo, $"{Paths.Program} is hotcore {plan.Version}");

    private bool OpenFirewall() => Attempt("firewall", () => plan.User.IsLocal
        ? new InstallStep("firewall", StepOutcome.LeftOut, "local mode serves this machine alone")
        : new FirewallPorts(plan.Machine).Open("firewall"));

    private InstallStep LinkCommand()
    {
        var isChanged = new CommandLink(plan.Machine, plan.Source, plan.Texts).Make();
        return new InstallStep(
            "command", isChanged ? StepOutcome.Done : StepOutcome.AlreadySo,
            $"{Paths.Command}, with tab completion and manual page");
    }

    private InstallStep StartService()
    {
        var unit = SystemdUnit.Format(plan.User);
        var isOther = _service.WriteUnit(unit);
        var isInForce = !isOther && _service.IsEnabled && _service.IsActive && _service.RunsInstalledProgram()
            && Receipt.Read(plan.Machine) == ExpectedReceipt(unit);
        if (isInForce) return new InstallStep("service", StepOutcome.AlreadySo, "hotcore.service runs, and starts with the machine");
        RefuseTakenPorts();
        var ranBefore = _service.IsActive;
        var isHandedOver = ranBefore && WaitsForSuccessor();
        _service.Enable();
        OrReturnToPrevious(isHandedOver ? _service.Reload : _service.Restart, ranBefore);
        var how = !ranBefore ? "runs" : isHandedOver ? "runs, and took over without a gap" : "runs, after a restart";
        return new InstallStep("service", StepOutcome.Done, $"hotcore.service {how}, and starts with the machine");
    }

    /// <summary>Whether the hotcore that runs hands over to another: not all versions can, nor one that hangs.</summary>
    private bool WaitsForSuccessor() =>
        File.Exists(plan.Machine[new Paths(plan.User.DataFolder).Handover]) && _client.Ask("version") is not null;

    private void RefuseTakenPorts()
    {
        var holders = PortHolder.Find(plan.Machine, 80, 443);
        if (holders.Count == 0) return;
        var all = string.Join(". ", holders.Select(holder => holder.Describe()));
        throw new InstallFailure($"{all}. Then repeat: sudo hotcore install{(plan.User.IsLocal ? " --local" : "")}");
    }

    private InstallStep AwaitAnswer()
    {
        OrReturnToPrevious(() =>
        {
            for (var started = Environment.TickCount64; _client.Ask("version") != plan.Version; Thread.Sleep(AnswerPause))
            {
                if (Environment.TickCount64 - started > AnswerPatience.TotalMilliseconds)
                    throw new InstallFailure($"hotcore {plan.Version} does not answer on UDP port {plan.ControlPort}; why: hotcore log");
            }
        }, ranBefore: true);
        ExpectedReceipt(SystemdUnit.Format(plan.User)).Write(plan.Machine);
        _program.ForgetPrevious();
        _service.ForgetPreviousUnit();
        return new InstallStep("answer", StepOutcome.Done, $"hotcore {plan.Version} answers");
    }

    /// <summary>What ran before runs again, where the new one does not; where nothing ran before, nothing is left half running.</summary>
    private void OrReturnToPrevious(Action action, bool ranBefore)
    {
        try
        {
            action();
        }
        catch (InstallFailure failure)
        {
            throw new InstallFailure($"{failure.Message}. {ReturnToPrevious(ranBefore)}");
        }
    }

    private string ReturnToPrevious(bool ranBefore)
    {
        if (!_program.HasPrevious)
        {
            if (ranBefore) return _client.Ask("version") is null ? "systemd goes on trying" : "What ran before still runs";
            _service.StopAndDisable();
            return "It was stopped again; put that right, and repeat";
        }
        _program.Restore();
        new PortCapability(plan.Machine).Grant("ports");
        _service.RestoreUnit();
        var previous = _program.FindVersion();
        if (previous is not null && _client.Ask("version") == previous) return $"The version before, {previous}, still runs";
        _service.Restart();
        return $"The version before, {_client.Ask("version")}, runs again";
    }

    private Receipt ExpectedReceipt(string unit) => new(plan.Version, _program.Hash(), SystemdService.Hash(unit));
}
