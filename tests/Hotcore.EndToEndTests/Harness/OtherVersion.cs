namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// The product's own program under another version number: the same file, with the number in its assembly's attribute
/// written over. Building it a second time would take a minute.
/// </summary>
public static class OtherVersion
{
    /// <summary>Writes it.</summary>
    /// <param name="version">As many characters as the product's own version.</param>
    /// <param name="path">Where to.</param>
    public static async Task Make(string version, string path)
    {
        var own = (await HotcoreBinary.Run("version")).Output.Trim();
        Assert.Equal(own.Length, version.Length);
        var program = await File.ReadAllBytesAsync(HotcoreBinary.Path);
        // A custom attribute's value (ECMA-335 II.23.3): a prologue of 1, the text and its length, no named arguments.
        byte[] before = [1, 0, (byte)own.Length, .. System.Text.Encoding.ASCII.GetBytes(own), 0, 0];
        var count = 0;
        for (int at = 0, found; (found = program.AsSpan(at).IndexOf(before)) >= 0; at += found + before.Length, count++)
            System.Text.Encoding.ASCII.GetBytes(version).CopyTo(program, at + found + 3);
        Assert.True(count > 0, "the program's version was not found in its file");
        await File.WriteAllBytesAsync(path, program);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        Assert.Equal(version, (await Finished.Run(path, ["version"])).Output.Trim());
    }
}
