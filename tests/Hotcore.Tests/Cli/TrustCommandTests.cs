using Hotcore.Certificates.Local;
using Xunit;

namespace Hotcore.Cli;

public sealed class TrustCommandTests : IDisposable
{
    private readonly TrustRoot _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void The_ca_gets_into_the_store_of_a_debian_and_of_every_browser()
    {
        _root.MakeDebian();
        string[] profiles =
        [
            _root.MakeFirefoxProfile(".mozilla/firefox/abc.default"),
            _root.MakeFirefoxProfile("snap/firefox/common/.mozilla/firefox/def.default-release"),
        ];
        Directory.CreateDirectory(_root["home/dev/.mozilla/firefox/Crash Reports"]);

        (var exitCode, var output, var error) = Trust();
        Assert.Equal(0, exitCode);
        var file = Assert.Single(Directory.GetFiles(_root.DebianFolder));
        Assert.Matches("/hotcore-local-ca-[0-9a-f]{8}[.]crt$", file);
        Assert.Equal(
            $"""
            system: done: {file}
            Chromium: done: {_root.Chromium}
            Firefox (abc.default): done: {profiles[0]}
            Firefox (def.default-release): done: {profiles[1]}
            browsers that are open notice it once they are started again

            """,
            output);
        Assert.Contains("made a CA for local certificates", error);
        foreach (var store in (string[])[_root.Chromium, .. profiles])
            Assert.Matches(@"^hotcore local CA [0-9a-f]{8} \(.+\) +C,, *$", Assert.Single(TrustRoot.List(store)));
        Assert.Contains("OK", ProgramRun.Of("openssl",
            ["verify", "-no-CAfile", "-no-CAstore", "-CApath", _root["etc/ssl/certs"], _root.CertificatePath]).Output);
        Assert.Contains(File.ReadAllText(_root.CertificatePath), File.ReadAllText(_root.DebianBundle));
    }

    [Fact]
    public void Chromiums_store_verifies_a_certificate_for_a_server()
    {
        _root.MakeDebian();
        Assert.Equal(0, Trust().ExitCode);
        using var authority = LocalAuthority.Open(
            Path.GetDirectoryName(_root.CertificatePath)!, TimeProvider.System, _ => { }, _ => null);
        var issued = authority.Issue(AuthorityFolder.Domain("a.localhost"));
        File.WriteAllBytes(_root["leaf.der"], issued.ChainDer[0]);
        var store = $"sql:{_root.Chromium}";
        ProgramRun.Of("certutil", ["-A", "-d", store, "-n", "leaf", "-t", ",,", "-i", _root["leaf.der"]]);
        string[] verify = ["-V", "-d", store, "-n", "leaf", "-u", "V"];
        Assert.Contains("certificate is valid", ProgramRun.Of("certutil", verify).Output);
        Assert.Equal(0, Trust(isRemoval: true).ExitCode);
        Assert.Contains("certificate is invalid", ProgramRun.Of("certutil", verify).Output);
    }

    [Fact]
    public void A_second_time_all_is_already_so()
    {
        _root.MakeDebian();
        _root.MakeFirefoxProfile(".mozilla/firefox/abc.default");
        Trust();
        var files = AllFiles();
        (var exitCode, var output, var error) = Trust();
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(3, output.Split(": already so: ").Length - 1);
        Assert.Equal(3, output.TrimEnd().Split('\n').Length);
        Assert.Equal(files, AllFiles());
        // Nothing is left to do, so no root is needed.
        Assert.Equal(0, Trust(isPrivileged: false).ExitCode);
    }

    [Fact]
    public void What_was_done_by_half_is_finished()
    {
        _root.MakeDebian();
        Trust();
        File.WriteAllText(_root.DebianBundle, "");
        var profile = _root.MakeFirefoxProfile(".mozilla/firefox/abc.default");
        ProgramRun.Of("certutil", ["-M", "-d", $"sql:{_root.Chromium}", "-n", Name(_root.Chromium), "-t", ",,"]);
        (var exitCode, var output, _) = Trust();
        Assert.Equal((0, 3), (exitCode, output.Split(": done: ").Length - 1));
        Assert.Contains(File.ReadAllText(_root.CertificatePath), File.ReadAllText(_root.DebianBundle));
        foreach (var store in (string[])[_root.Chromium, profile])
            Assert.Contains("C,,", Assert.Single(TrustRoot.List(store)));
    }

    [Fact]
    public void Removing_takes_out_every_ca_that_hotcore_made_for_this_user_and_no_other()
    {
        _root.MakeDebian();
        var profile = _root.MakeFirefoxProfile(".mozilla/firefox/abc.default");
        Trust();
        // The folder was deleted, and another CA made.
        Directory.Delete(_root.Data, recursive: true);
        Trust();
        var start = Path.Combine(_root.DebianFolder, "hotcore-local-ca-0000000");
        File.WriteAllText(start + "0.crt", TrustRoot.MakeAuthorityOf("another"));
        File.WriteAllText(start + "1.crt", "nonsense");
        Assert.Equal(2, TrustRoot.List(profile).Length);
        Assert.Equal(4, Directory.GetFiles(_root.DebianFolder).Length);
        Directory.Delete(_root.Data, recursive: true);

        (var exitCode, var output, var error) = Trust(isRemoval: true);
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(3, output.Split(": done: ").Length - 1);
        Assert.Equal(2, Directory.GetFiles(_root.DebianFolder).Length);
        Assert.Empty(TrustRoot.List(profile));
        Assert.Empty(TrustRoot.List(_root.Chromium));
        Assert.DoesNotContain(
            Directory.GetFiles(_root["etc/ssl/certs"]),
            path => new FileInfo(path).ResolveLinkTarget(true) is { Exists: false });
        Assert.False(Directory.Exists(_root.Data));

        (exitCode, output, _) = Trust(isRemoval: true);
        Assert.Equal((0, 3), (exitCode, output.Split(": already so: ").Length - 1));
    }

    [Fact]
    public void The_store_of_a_fedora_is_served_too()
    {
        _root.MakeFedora();
        Assert.Equal(0, Trust().ExitCode);
        Assert.Contains(File.ReadAllText(_root.CertificatePath), File.ReadAllText(_root.FedoraBundle));
        Assert.Contains("system: already so", Trust().Output);
        Assert.Equal(0, Trust(isRemoval: true).ExitCode);
        Assert.Empty(Directory.GetFiles(_root.FedoraFolder));
        Assert.Equal("", File.ReadAllText(_root.FedoraBundle));
    }

    [Fact]
    public void Without_root_the_browsers_are_served_and_the_command_for_the_rest_is_told()
    {
        _root.MakeDebian();
        (var exitCode, var output, var error) = Trust(isPrivileged: false);
        Assert.Equal(1, exitCode);
        Assert.StartsWith($"Chromium: done: {_root.Chromium}\n", output);
        Assert.Contains(
            $"system: failed: only root may do that; run: sudo {Environment.ProcessPath} trust --data {_root.Data}\n",
            error);
        Assert.Empty(Directory.GetFiles(_root.DebianFolder));
        Trust();
        (exitCode, _, error) = Trust(isRemoval: true, isPrivileged: false);
        Assert.Equal(1, exitCode);
        Assert.Equal(
            $"system: failed: only root may do that; run: sudo {Environment.ProcessPath} trust --remove\n", error);
        Assert.Single(Directory.GetFiles(_root.DebianFolder));
    }

    [Fact]
    public void Under_sudo_the_stores_and_files_of_who_called_it_are_served_and_stay_theirs()
    {
        Assert.True(Environment.IsPrivilegedProcess, "this test runs as root, as sudo would have it");
        _root.MakeDebian();
        // Whose home is /nonexistent.
        _root.Variables["SUDO_USER"] = "nobody";
        _root.Variables["HOME"] = "/root";
        var home = Directory.CreateDirectory(_root["nonexistent"]).FullName;
        ProgramRun.Of("chown", ["nobody:", home]);
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        var data = Path.Combine(home, "state/hotcore");

        (var exitCode, var output, var error) = Trust(data: data);
        Assert.True(exitCode == 0, error);
        Assert.Contains($"Chromium: done: {home}/.pki/nssdb\n", output);
        Assert.Single(TrustRoot.List(Path.Combine(home, ".pki/nssdb")));
        Assert.Empty(ProgramRun.Of("find", [home, "!", "-user", "nobody"]).Output);
        Assert.Equal("600", ProgramRun.Of("stat", ["-c", "%a", $"{data}/local-ca/local-ca-key.pem"]).Output.Trim());
        Assert.Contains("(nobody@", output + TrustRoot.List(Path.Combine(home, ".pki/nssdb"))[0]);
        Assert.Equal(0, Trust(isRemoval: true, data: data).ExitCode);
        Assert.Empty(Directory.GetFiles(_root.DebianFolder));
        Assert.Empty(ProgramRun.Of("find", [home, "!", "-user", "nobody"]).Output);
    }

    [Fact]
    public void Who_called_sudo_has_to_be_a_user_of_this_machine()
    {
        _root.Variables["SUDO_USER"] = "no-such-user";
        var failure = Assert.Throws<CommandFailure>(() => Trust());
        Assert.Equal("getent does not know who no-such-user is", failure.Message);
    }

    [Fact]
    public void A_store_with_a_password_is_left_as_it_was_and_the_next_step_is_told()
    {
        _root.MakeDebian();
        var profile = _root.MakeFirefoxProfile(".mozilla/firefox/abc.default", "secret");
        (var exitCode, var output, var error) = Trust();
        Assert.Equal(1, exitCode);
        Assert.Contains("Chromium: done", output);
        Assert.Contains($"Firefox (abc.default): failed: {profile}: it has a primary password; import", error);
        Assert.Empty(TrustRoot.List(profile));
    }

    [Fact]
    public void A_damaged_store_is_told_and_holds_up_no_other()
    {
        _root.MakeDebian();
        var profile = _root.MakeFirefoxProfile(".mozilla/firefox/abc.default");
        File.WriteAllText(Path.Combine(profile, "cert9.db"), "nonsense");
        (var exitCode, var output, var error) = Trust();
        Assert.Equal(1, exitCode);
        Assert.Contains("system: done", output);
        Assert.Contains("Chromium: done", output);
        Assert.Contains($"Firefox (abc.default): failed: {profile}: certutil: ", error);
    }

    [Fact]
    public void Missing_programs_are_named_with_the_packages_they_are_in()
    {
        _root.Variables["PATH"] = _root["bin"];
        (var exitCode, var output, var error) = Trust();
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("install the package ca-certificates", error);
        Assert.Contains("sudo apt install libnss3-tools", error);
        Assert.False(Directory.Exists(_root.Chromium));
        Assert.Equal(1, Trust(isRemoval: true).ExitCode);
    }

    [Fact]
    public void A_gatherer_that_fails_is_quoted()
    {
        _root.MakeDebian();
        _root.MakeProgram("usr/sbin/update-ca-certificates", "echo first; echo the disk is full >&2; exit 3");
        (var exitCode, _, var error) = Trust();
        Assert.Equal(1, exitCode);
        Assert.Contains("system: failed: update-ca-certificates: the disk is full\n", error);
        _root.MakeProgram("usr/sbin/update-ca-certificates", "exit 0");
        Assert.Contains("left", Trust().Error);
    }

    [Fact]
    public void Mkcert_looks_after_its_own_ca()
    {
        _root.MakeDebian();
        using var folder = new AuthorityFolder();
        folder.MakeMkcertAuthority();
        _root.Variables["CAROOT"] = folder.Variables["CAROOT"];
        var failure = Assert.Throws<CommandFailure>(() => Trust());
        Assert.Equal("mkcert's CA is in use, and mkcert looks after it; run: mkcert -install", failure.Message);
        Assert.Empty(Directory.GetFiles(_root.DebianFolder));
        Assert.False(Directory.Exists(_root.Data));
        Assert.Equal(0, Trust(isRemoval: true).ExitCode);
    }

    [Fact]
    public void Help_explains_it_and_a_folder_without_a_name_is_wrong_usage()
    {
        var output = new StringWriter();
        var terminal = new Terminal(output, TextWriter.Null, false, _ => null);
        Assert.Equal(0, CommandLine.Run(["trust", "--help"], terminal));
        Assert.Contains("--remove", output.ToString());
        Assert.Equal(2, Assert.Throws<CommandFailure>(() => Trust(data: "")).ExitCode);
    }

    private static string Name(string store)
    {
        var line = TrustRoot.List(store)[0];
        return line[..(line.IndexOf(')') + 1)];
    }

    private string[] AllFiles() =>
    [
        .. Directory.GetFiles(_root.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => $"{path} {File.GetLastWriteTimeUtc(path):O}"),
    ];

    private (int ExitCode, string Output, string Error) Trust(
        bool isRemoval = false, bool isPrivileged = true, string? data = null)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var terminal = new Terminal(output, error, false, name => _root.Variables.GetValueOrDefault(name));
        var exitCode = TrustCommand.Run(terminal, data ?? _root.Data, isRemoval, _root.Path, isPrivileged);
        return (exitCode, output.ToString(), error.ToString());
    }
}
