using Xunit;

namespace Hotcore.Loops;

public sealed class FileStampTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_has_one_stamp_until_it_changes_and_none_where_it_is_not()
    {
        var file = _folder["file"];
        Assert.Equal(default, FileStamp.Of(file));
        File.WriteAllText(file, "one");
        var stamp = FileStamp.Of(file);
        Assert.Equal(stamp, FileStamp.Of(file));
        Assert.Equal((3UL, File.GetLastWriteTimeUtc(file)), (stamp.Bytes, stamp.WrittenAt.UtcDateTime));

        // Its content is another, its length and its time are not.
        File.WriteAllText(file, "two");
        File.SetLastWriteTimeUtc(file, stamp.WrittenAt.UtcDateTime);
        Assert.NotEqual(stamp, FileStamp.Of(file));
        stamp = FileStamp.Of(file);
        File.SetUnixFileMode(file, UnixFileMode.UserRead);
        Assert.NotEqual(stamp, FileStamp.Of(file));
    }

    [Fact]
    public void A_link_has_the_stamp_of_what_it_leads_to()
    {
        File.WriteAllText(_folder["one"], "one");
        File.CreateSymbolicLink(_folder["link"], "one");
        Assert.Equal(FileStamp.Of(_folder["one"]), FileStamp.Of(_folder["link"]));
        File.Delete(_folder["one"]);
        Assert.Equal(default, FileStamp.Of(_folder["link"]));
    }
}
