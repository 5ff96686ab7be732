namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// The product's own program under another version number: the same file, with the number in its assembly's attribute
/// written over. Building it a second time would take a minute.
/// </summary>
public static class OtherVersion
{
    /// <summary>A function of OpenSSL that is called when serving begins, and by no other command.</summary>
    private static readonly byte[] NeededToServe = [.. "SSL_CTX_set_client_hello_cb"u8, 0];

    /// <summary>Writes it.</summary>
    /// <param name="version">As many characters as the product's own version.</param>
    /// <param name="path">Where to.</param>
    /// <param name="cannotServe">Whether it misses a function that it needs to serve.</param>
    public static async Task Make(string version, string path, bool cannotServe = false)
    {
        var own = (await HotcoreBinary.Run("version")).Output.Trim();
        Assert.Equal(own.Length, version.Length);
        var program = await File.ReadAllBytesAsync(HotcoreBinary.Path);
        // A custom attribute's value (ECMA-335 II.23.3): a prologue of 1, the text and its length, no named arguments.
        byte[] before = [1, 0, (byte)own.Length, .. System.Text.Encoding.ASCII.GetBytes(own), 0, 0];
        WriteOver(program, before, [1, 0, (byte)own.Length, .. System.Text.Encoding.ASCII.GetBytes(version), 0, 0]);
        if (cannotServe)
            WriteOver(program, NeededToServe, [(byte)'X', .. NeededToServe[1..]]);
        await File.WriteAllBytesAsync(path, program);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        Assert.Equal(version, (await Finished.Run(path, ["version"])).Output.Trim());
    }

    private static void WriteOver(byte[] program, byte[] before, byte[] after)
    {
        var count = 0;
        for (int at = 0, found; (found = program.AsSpan(at).IndexOf(before)) >= 0; at += found + before.Length, count++)
            after.CopyTo(program, at + found);
        Assert.True(count > 0, $"{System.Text.Encoding.ASCII.GetString(before)} was not found in the program's file");
    }
}
