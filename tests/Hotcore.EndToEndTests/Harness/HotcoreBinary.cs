namespace Hotcore.EndToEndTests.Harness;

/// <summary>Where the product under test is: HOTCORE_BINARY, or else the build beside these tests'.</summary>
public static class HotcoreBinary
{
    /// <summary>…/artifacts/build/bin/Hotcore.EndToEndTests/debug: the last folder is the configuration.</summary>
    private static readonly DirectoryInfo TestBuild =
        new(AppContext.BaseDirectory.TrimEnd(System.IO.Path.DirectorySeparatorChar));

    public static string Path { get; } = Find();

    /// <summary>The root of the repository, for the files that the product must agree with.</summary>
    public static string Repository => TestBuild.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;

    /// <summary>A script that stands beside the tests.</summary>
    public static string App(string name) => System.IO.Path.Combine(TestBuild.FullName, "Apps", name);

    /// <summary>Runs one of hotcore's commands to its end.</summary>
    public static Task<Finished> Run(params string[] arguments) => Finished.Run(Path, arguments);

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("HOTCORE_BINARY") is { Length: > 0 } given)
            return System.IO.Path.GetFullPath(given);
        return System.IO.Path.Combine(TestBuild.Parent!.Parent!.FullName, "Hotcore", TestBuild.Name, "hotcore");
    }
}
