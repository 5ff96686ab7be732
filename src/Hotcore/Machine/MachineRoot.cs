namespace Hotcore.Machine;

/// <summary>
/// The machine that is worked on, by its root folder: <c>/</c>, or one of a test. Its programs are found below that folder
/// and nowhere else, so that no PATH decides what root runs.
/// </summary>
/// <param name="folder">The root folder.</param>
internal sealed class MachineRoot(string folder)
{
    private static readonly string[] ProgramFolders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"];

    /// <summary>Where a path of the machine is from here.</summary>
    /// <param name="path">A path that begins with a slash.</param>
    public string this[string path] => Path.Combine(folder, path.TrimStart('/'));

    /// <summary>The path of a program from here, or null where the machine has it not.</summary>
    public string? FindProgram(string name) =>
        ProgramFolders.Select(place => this[$"{place}/{name}"]).FirstOrDefault(File.Exists);

    /// <summary>Runs a program to its end and returns what it printed. Blocks.</summary>
    /// <exception cref="ProgramFailure">It is missing, failed or does not end; the message says which.</exception>
    public string Run(string program, params IEnumerable<string> arguments) =>
        OutsideProgram.Run(Require(program), arguments);

    /// <summary>The same for a program that may take longer.</summary>
    /// <exception cref="ProgramFailure">Likewise.</exception>
    public string Run(TimeSpan patience, string program, params IEnumerable<string> arguments) =>
        OutsideProgram.Run(patience, Require(program), arguments);

    /// <summary>Asks a program a question that it answers with its exit code: what it printed, or null for no.</summary>
    /// <param name="no">The exit code that means no.</param>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">The question.</param>
    /// <exception cref="ProgramFailure">It is missing, failed in another way, or does not end.</exception>
    public string? Ask(int no, string program, params IEnumerable<string> arguments)
    {
        try
        {
            return Run(program, arguments);
        }
        catch (ProgramFailure failure) when (failure.ExitCode == no)
        {
            return null;
        }
    }

    private string Require(string program) => FindProgram(program) ?? throw new ProgramFailure(
        $"the program {program} is not on this machine; install the package that has it, and repeat");
}
