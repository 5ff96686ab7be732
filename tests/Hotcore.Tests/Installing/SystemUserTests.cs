using Xunit;

namespace Hotcore.Installing;

public sealed class SystemUserTests : IDisposable
{
    private readonly FakeMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void The_user_is_made_once_with_a_folder_and_without_a_shell()
    {
        var user = new SystemUser(_machine.Root);
        Assert.Equal(["created the system user hotcore", "made /opt/hotcore its own"], user.Ensure());
        Assert.Contains(
            "useradd --system --user-group --home-dir /opt/hotcore --no-create-home --shell /usr/sbin/nologin "
            + "--comment hotcore reverse proxy hotcore",
            _machine.TakeCalls());
        Assert.True(Directory.Exists(_machine["/opt/hotcore"]));
        Assert.Empty(user.Ensure());
        Assert.DoesNotContain(_machine.TakeCalls(), call => call.StartsWith("useradd", StringComparison.Ordinal));
    }

    [Fact]
    public void A_group_that_is_there_is_used()
    {
        _machine.Write("/etc/group", "hotcore:x:998:\n");
        new SystemUser(_machine.Root).Ensure();
        Assert.Contains(_machine.TakeCalls(), call => call.Contains("--gid hotcore ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("hotcore:x:1000:1000::/home/hotcore:/bin/bash")]
    [InlineData("hotcore:x:1000:1000::/home/hotcore:/usr/sbin/nologin")]
    [InlineData("hotcore:x:999:999::/opt/hotcore:/bin/sh")]
    [InlineData("hotcore:x:999:999::/opt/hotcore:")]
    [InlineData("hotcore:x:0:0::/opt/hotcore:/usr/sbin/nologin")]
    [InlineData("hotcore:x:x:0::/opt/hotcore:/usr/sbin/nologin")]
    [InlineData("hotcore:nonsense")]
    public void Somebody_of_that_name_is_left_alone(string passwd)
    {
        _machine.Write("/etc/passwd", passwd + "\n");
        Assert.Throws<InstallFailure>(() => new SystemUser(_machine.Root).Ensure());
        Assert.All(_machine.TakeCalls(), call => Assert.StartsWith("getent", call, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("hotcore:x:999:999::/nonexistent:/bin/false")]
    [InlineData("hotcore:x:101:998:another comment:/opt/hotcore:/sbin/nologin")]
    public void A_system_user_without_a_shell_is_taken_as_it_is(string passwd)
    {
        _machine.Write("/etc/passwd", passwd + "\n");
        Assert.Equal(["made /opt/hotcore its own"], new SystemUser(_machine.Root).Ensure());
    }

    [Fact]
    public void What_belongs_to_somebody_else_is_handed_back_but_for_the_program()
    {
        var user = new SystemUser(_machine.Root);
        user.Ensure();
        _machine.Write("/opt/hotcore/mappings", "");
        _machine.Write("/opt/hotcore/bin/hotcore", "");
        _machine.TakeCalls();
        _machine.Write("/stat", "root\n");
        Assert.Equal(["made /opt/hotcore its own"], user.Ensure());
        Assert.Contains("chown --recursive --no-dereference hotcore: -- /opt/hotcore/mappings", _machine.TakeCalls());
    }

    [Fact]
    public void A_file_in_the_folders_place_is_named()
    {
        _machine.Write("/opt/hotcore", "");
        Assert.Contains("is a file", Assert.Throws<InstallFailure>(() => new SystemUser(_machine.Root).Ensure()).Message);
    }

    [Fact]
    public void Only_a_user_that_was_made_here_is_removed()
    {
        var user = new SystemUser(_machine.Root);
        Assert.False(user.Remove());
        user.Ensure();
        Assert.True(user.Remove());
        Assert.False(user.Remove());
        _machine.Write("/etc/passwd", "hotcore:x:999:999::/nonexistent:/bin/false\n");
        Assert.False(user.Remove());
    }
}
