using Xunit;

namespace Hotcore.Installing;

public sealed class InstalledProgramTests : IDisposable
{
    private const string Folder = "/opt/hotcore/bin";
    private readonly FakeMachine _machine = new();

    public InstalledProgramTests() => _machine.Write("/stat", "0 755\n");

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void It_is_put_in_place_once()
    {
        var program = Make("1.0.0");
        Assert.True(program.Put());
        Assert.Equal("1.0.0", program.FindVersion());
        Assert.Equal(RootFile.Executable, File.GetUnixFileMode(_machine[Paths.Program]));
        Assert.False(program.Put());
        Assert.Equal(["hotcore"], Names());
    }

    [Fact]
    public void The_one_before_is_kept_until_the_new_one_has_answered()
    {
        var old = Make("1.0.0");
        old.Put();
        new Receipt("1.0.0", old.Hash(), "unit").Write(_machine.Root);
        var program = Make("2.0.0");
        Assert.True(program.Put());
        Assert.True(program.HasPrevious);
        // An install that was ended here had proven nothing: a third one returns to the first.
        var third = Make("3.0.0");
        Assert.True(third.Put());
        Assert.Equal("3.0.0", third.FindVersion());
        third.Restore();
        Assert.Equal("1.0.0", third.FindVersion());
        Assert.Equal(["hotcore", "installed"], Names());
    }

    [Fact]
    public void A_program_that_does_not_run_replaces_nothing()
    {
        Make("1.0.0").Put();
        foreach (var script in (string[])["exit 3", "echo something else"])
        {
            _machine.Write("/root/broken", $"#!/bin/sh\n{script}\n");
            var broken = new InstalledProgram(_machine.Root, _machine["/root/broken"], "2.0.0");
            Assert.Throws<InstallFailure>(() => broken.Put());
            Assert.Equal("1.0.0", broken.FindVersion());
        }
    }

    [Fact]
    public void A_damaged_one_is_replaced_and_its_version_remembered()
    {
        var program = Make("1.0.0");
        program.Put();
        new Receipt("1.0.0", program.Hash(), "unit").Write(_machine.Root);
        File.WriteAllText(_machine[Paths.Program], "#!/bin/sh\nexit 1\n");
        Assert.Equal("1.0.0", program.FindVersion());
        Assert.True(program.Put());
        Assert.False(program.HasPrevious);
    }

    [Fact]
    public void A_link_in_the_folders_place_is_not_followed()
    {
        Directory.CreateDirectory(_machine["/elsewhere"]);
        Directory.CreateDirectory(_machine["/opt/hotcore"]);
        File.CreateSymbolicLink(_machine[Folder], _machine["/elsewhere"]);
        Assert.Throws<InstallFailure>(() => Make("1.0.0").Put());
        Assert.Empty(Directory.GetFiles(_machine["/elsewhere"]));
    }

    [Fact]
    public void A_receipt_that_is_not_whole_is_none()
    {
        Assert.Null(Receipt.Read(_machine.Root));
        var receipt = new Receipt("1.0.0", "a", "b");
        receipt.Write(_machine.Root);
        Assert.Equal(receipt, Receipt.Read(_machine.Root));
        _machine.Write($"{Folder}/installed", "version 1.0.0\nprog");
        Assert.Null(Receipt.Read(_machine.Root));
    }

    private InstalledProgram Make(string version)
    {
        var source = $"/root/hotcore-{version}";
        _machine.Write(source, $"#!/bin/sh\necho {version}\n");
        return new InstalledProgram(_machine.Root, _machine[source], version);
    }

    private string[] Names() =>
        [.. Directory.GetFiles(_machine[Folder]).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
}
