using System.Text.RegularExpressions;
using Xunit;

namespace Hotcore;

/// <summary>Reads the source: which folder knows which, and what may stand where.</summary>
public sealed partial class ArchitectureTests
{
    /// <summary>Each folder, and those it may know besides itself. The root, which builds everything, may know all.</summary>
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Loops"] = [],
        ["Http"] = [],
        ["Http.Http1"] = ["Http"],
        ["Http.Http2"] = ["Http", "Http.Http1"],
        ["Mappings"] = ["Loops"],
        ["Machine"] = [],
        ["Certificates.Local"] = ["Loops", "Machine", "Mappings"],
        ["Tls"] = ["Loops"],
        ["Certificates"] = ["Certificates.Acme", "Loops", "Mappings", "Tls"],
        ["Certificates.Acme"] = ["Certificates", "Mappings", Root],
        ["Proxying"] =
            ["Certificates", "Http", "Http.Http1", "Http.Http2", "Loops", "Mappings", "Proxying.Http1", "Proxying.Http2", "Tls"],
        ["Proxying.Http1"] = ["Http", "Http.Http1", "Http.Http2", "Loops", "Proxying"],
        ["Proxying.Http2"] = ["Http", "Http.Http1", "Http.Http2", "Loops", "Proxying"],
        ["Logs"] = ["Mappings"],
        ["Control"] = ["Mappings", "Logs"],
        ["Handover"] = ["Loops", "Mappings", Root],
        ["Installing"] = ["Control", "Loops", "Machine", "Tls", Root],
        ["Cli"] = ["Certificates.Acme", "Certificates.Local", "Control", "Installing", "Machine", "Mappings", Root],
    };

    private const string Root = "";

    private static readonly string Source = Path.Combine(RepositoryRoot(), "src", "Hotcore");

    [Fact]
    public void Every_folder_has_its_arrows_written_down() =>
        Assert.Empty(Files().Select(f => f.Folder).Where(f => f != Root).Distinct().Except(Arrows.Keys));

    [Fact]
    public void A_folder_knows_only_the_folders_it_may() => AssertNone(
        from file in Files()
        where file.Folder != Root
        from known in KnownFolders(file)
        where known != file.Folder && !Arrows[file.Folder].Contains(known)
        select $"{file.Name} knows {(known == Root ? "the root" : known)}");

    /// <summary>
    /// Arrows that are there for one type: to flush a folder, to name a domain, and to read a port as it is read
    /// everywhere.
    /// </summary>
    [Theory]
    [InlineData("Mappings", "Loops", "DirectoryEntries")]
    [InlineData("Certificates.Local", "Loops", "DirectoryEntries")]
    [InlineData("Certificates.Local", "Mappings", "DomainName")]
    [InlineData("Installing", "Loops", "DirectoryEntries")]
    [InlineData("Cli", "Mappings", "Mapping")]
    public void A_folder_knows_one_type_of_another_and_no_more(string folder, string other, string type)
    {
        var forbidden = Files().Where(f => f.Folder == other).SelectMany(f => DeclaredTypes().Matches(f.Code))
            .Select(m => m.Groups[1].Value).Where(name => name != type).ToHashSet();
        AssertNone(
            from file in Files()
            where file.Folder == folder && file.Code.Contains($"using Hotcore.{other};")
            from Match word in Words().Matches(file.Code)
            where forbidden.Contains(word.Value)
            select $"{file.Name} knows {word.Value}");
    }

    [Fact]
    public void A_namespace_is_its_folder() => AssertNone(
        from file in Files()
        let declared = Namespaces().Match(file.Code)
        where declared.Success
            && declared.Groups[1].Value != (file.Folder == Root ? "Hotcore" : $"Hotcore.{file.Folder}")
        select $"{file.Name} declares {declared.Groups[1].Value}");

    [Fact]
    public void Memory_is_touched_unsafely_in_the_loops_only() => AssertNone(
        from file in Files()
        where file.Folder is not ("Loops" or "Tls") && Unsafe().IsMatch(file.Code)
        select $"{file.Name}: {Unsafe().Match(file.Code).Value}");

    /// <summary>A handler that does nothing says at least why.</summary>
    [Fact]
    public void No_fault_is_swallowed_in_silence() => AssertNone(
        from file in Files()
        where EmptyCatch().IsMatch(file.Text)
        select file.Name);

    /// <summary>How long a drain may last is waited for by whoever stops the proxy, which is no loop.</summary>
    [Fact]
    public void Nothing_on_a_loop_blocks_or_leaves_it() => AssertNone(
        from file in Files()
        where file.Folder is "Loops" or "Http" or "Http.Http1" or "Http.Http2" or "Proxying" or "Proxying.Http1" or "Proxying.Http2"
        from Match call in Blocking().Matches(file.Code)
        where !(file.Name == "Proxying/Proxy.cs" && call.Value == "Task.Delay")
        select $"{file.Name}: {call.Value}");

    private static void AssertNone(IEnumerable<string> offences) => Assert.Empty(offences.Distinct());

    private static IEnumerable<string> KnownFolders(SourceFile file)
    {
        // The longest names first: Http.Http1 is not Http.
        foreach (var folder in Arrows.Keys.OrderByDescending(f => f.Length))
        {
            var name = Regex.Escape(folder);
            var children = Arrows.Keys.Where(f => f.StartsWith($"{folder}.")).Select(f => f[(folder.Length + 1)..]).Append("-");
            var child = $@"(?:{string.Join('|', children)})\b";
            if (Regex.IsMatch(file.Code, $@"using\s+(static\s+)?Hotcore\.{name}(?!\.{child})\b")
                || Regex.IsMatch(file.Code, $@"(?<![.\w])(global::)?(Hotcore\.)?{name}\.(?!{child})[A-Z]\w*", RegexOptions.Multiline)
                    && !Regex.IsMatch(file.Code, $@"(namespace|using)\s+Hotcore\.{name}\b"))
                yield return folder;
        }

        var rootTypes = Files().Where(f => f.Folder == Root).Select(f => Path.GetFileNameWithoutExtension(f.Name));
        if (rootTypes.Any(type => Regex.IsMatch(file.Code, $@"(?<![.\w])(Hotcore\.)?{type}\b(?!\()|new {type}\(")))
            yield return Root;
    }

    private static List<SourceFile> Files() =>
    [
        .. from path in Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories)
           let name = Path.GetRelativePath(Source, path)
           where !name.StartsWith("obj/") && !name.StartsWith("bin/")
           let folder = (Path.GetDirectoryName(name) ?? "").Replace('/', '.')
           let text = File.ReadAllText(path)
           select new SourceFile(name, folder, text, NotCode().Replace(text, ""))
    ];

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Hotcore.slnx")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests are not inside the repository.");
        return folder.FullName;
    }

    /// <summary>Strings, characters and comments: a name in them is no use of it.</summary>
    [GeneratedRegex("""
        \"{3,}[\s\S]*?\"{3,}|@"(?:""|[^"])*"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'|//[^\n]*|/\*[\s\S]*?\*/
        """)]
    private static partial Regex NotCode();

    [GeneratedRegex(@"^namespace\s+([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespaces();

    [GeneratedRegex(@"\b(?:class|struct|enum|record|interface)\s+(\w+)")]
    private static partial Regex DeclaredTypes();

    [GeneratedRegex(@"\b[A-Z]\w+\b")]
    private static partial Regex Words();

    [GeneratedRegex(@"\bunsafe\b|\bLibraryImport\b|\bDllImport\b|\bfixed\s*\(|\b(?:void|byte|char|u?short|u?int|u?long|nu?int)\s*\*")]
    private static partial Regex Unsafe();

    [GeneratedRegex(@"\bcatch\b\s*(\([^)]*\)\s*)?(when\s*\([^{]*\)\s*)?\{\s*\}")]
    private static partial Regex EmptyCatch();

    [GeneratedRegex(@"\bTask\.(Delay|Run|Wait\w*)\b|\bThread\.Sleep\b|(?<![.\w])Console\.|\block\s*\(|\bMonitor\.|\bSemaphore\w*|\bFile(Stream)?\.|\bDns\.|\.GetAwaiter\(\)\.GetResult\(\)")]
    private static partial Regex Blocking();

    private sealed record SourceFile(string Name, string Folder, string Text, string Code);
}
