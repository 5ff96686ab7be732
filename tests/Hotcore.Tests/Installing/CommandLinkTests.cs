using Xunit;

namespace Hotcore.Installing;

public sealed class CommandLinkTests : IDisposable
{
    private static readonly (string Path, string Text)[] Texts =
        [("/usr/local/share/man/man1/hotcore.1", "manual"), ("/etc/fish/completions/hotcore.fish", "fish")];

    private readonly FakeMachine _machine = new();

    public CommandLinkTests() => Directory.CreateDirectory(_machine["/opt/hotcore/bin"]);

    private string Link => _machine[Paths.Command];

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void It_is_made_once_and_taken_away_with_the_folders_that_it_needed()
    {
        Directory.CreateDirectory(_machine["/usr/local/share"]);
        var link = Make();
        Assert.True(link.Make());
        Assert.Equal(Paths.Program, new FileInfo(Link).LinkTarget);
        Assert.Equal("manual", File.ReadAllText(_machine[Texts[0].Path]));
        Assert.False(link.Make());
        Assert.True(link.Remove());
        Assert.Empty(Directory.GetFileSystemEntries(_machine["/usr/local/share"]));
        Assert.False(Directory.Exists(_machine["/etc/fish"]));
        Assert.False(link.Remove());
    }

    [Fact]
    public void A_link_that_leads_elsewhere_is_replaced_and_another_program_is_not()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Link)!);
        File.CreateSymbolicLink(Link, "/nowhere");
        Assert.True(Make().Make());
        Assert.Equal(Paths.Program, new FileInfo(Link).LinkTarget);
        File.Delete(Link);
        File.WriteAllText(Link, "another");
        Assert.Throws<InstallFailure>(() => Make().Make());
        Assert.Equal("another", File.ReadAllText(Link));
        Make().Remove();
        Assert.True(File.Exists(Link));
    }

    [Fact]
    public void The_program_itself_gives_its_place_to_the_link()
    {
        _machine.Write(Paths.Command, "the program");
        Assert.True(new CommandLink(_machine.Root, Link, Texts).Make());
        Assert.Equal(Paths.Program, new FileInfo(Link).LinkTarget);
    }

    private CommandLink Make() => new(_machine.Root, "/root/hotcore", Texts);
}
