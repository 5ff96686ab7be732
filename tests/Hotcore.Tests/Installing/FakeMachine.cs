using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// A root folder of one test's own, with the programs that an installer calls: each writes down how it was called, and does
/// no more than the next question needs.
/// </summary>
internal sealed class FakeMachine : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public FakeMachine()
    {
        Root = new MachineRoot(_temporary.Path);
        foreach (var folder in (string[])["usr/sbin", "usr/bin", "etc", "proc/net", "run/systemd/system"])
            Directory.CreateDirectory(_temporary[folder]);
        Write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
        Write("/etc/group", "root:x:0:\n");
        MakeProgram("getent", "grep \"^$2:\" \"$root/etc/$1\" || exit 2");
        MakeProgram("useradd", "for name; do :; done; echo \"$name:x:999:999::/opt/hotcore:/usr/sbin/nologin\" >>\"$root/etc/passwd\"");
        MakeProgram("userdel", "sed -i \"/^$1:/d\" \"$root/etc/passwd\"");
        MakeProgram("nologin", "exit 1");
        MakeProgram("stat", "cat \"$root/stat\" 2>/dev/null || echo 'hotcore 711'");
        MakeProgram("chown", "rm -f \"$root/stat\"");
        MakeProgram("chmod", "true");
    }

    public MachineRoot Root { get; }

    public string this[string path] => Root[path];

    /// <summary>How programs were called, one line a call; cleared by looking.</summary>
    public string[] TakeCalls()
    {
        var path = _temporary["calls"];
        var calls = File.Exists(path) ? File.ReadAllLines(path) : [];
        File.Delete(path);
        return [.. calls.Select(call => call.Replace(_temporary.Path, "", StringComparison.Ordinal))];
    }

    public void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[path])!);
        File.WriteAllText(this[path], text);
    }

    /// <summary>Makes a program of shell, in which $root is this machine's root folder.</summary>
    public void MakeProgram(string name, string script)
    {
        var path = $"/usr/sbin/{name}";
        Write(path, $"#!/bin/sh\nroot='{_temporary.Path}'\necho \"{name} $*\" >>\"$root/calls\"\n{script}\n");
        File.SetUnixFileMode(this[path], (UnixFileMode)0b111_101_101);
    }

    public void Dispose() => _temporary.Dispose();
}
