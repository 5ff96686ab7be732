namespace Hotcore.Certificates.Local;

/// <summary>
/// A root folder of one test's own, with a system store and a home in it. Debian's gatherer is the real one, told to
/// work below this folder; certutil is the real one.
/// </summary>
internal sealed class TrustRoot : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public TrustRoot()
    {
        Directory.CreateDirectory(this["home/dev"]);
        Variables["HOME"] = "/home/dev";
        Variables["PATH"] = Environment.GetEnvironmentVariable("PATH")!;
    }

    public string Path => _temporary.Path;

    public Dictionary<string, string> Variables { get; } = [];

    public string this[string name] => _temporary[name];

    public string Data => this["home/dev/data"];

    public string CertificatePath => this["home/dev/data/local-ca/local-ca.pem"];

    public string Chromium => this["home/dev/.pki/nssdb"];

    public string DebianFolder => this["usr/local/share/ca-certificates"];

    public string DebianBundle => this["etc/ssl/certs/ca-certificates.crt"];

    public string FedoraFolder => this["etc/pki/ca-trust/source/anchors"];

    public string FedoraBundle => this["etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"];

    /// <summary>Makes the store of a Debian, with one CA that is nobody's business here.</summary>
    public void MakeDebian()
    {
        Directory.CreateDirectory(DebianFolder);
        foreach (var folder in (string[])["etc/ssl/certs", "usr/share/ca-certificates"])
            Directory.CreateDirectory(this[folder]);
        File.WriteAllText(this["usr/share/ca-certificates/other.crt"], MakeAuthorityOf("someone-else"));
        File.WriteAllText(this["etc/ca-certificates.conf"], "other.crt\n");
        MakeProgram("usr/sbin/update-ca-certificates", $"""
            exec /usr/sbin/update-ca-certificates "$@" --certsconf {Path}/etc/ca-certificates.conf \
                --certsdir {Path}/usr/share/ca-certificates --localcertsdir {DebianFolder} \
                --etccertsdir {Path}/etc/ssl/certs --hooksdir {Path}/no-hooks
            """);
    }

    /// <summary>Makes the store of a Fedora; its gatherer is not on a Debian: one that joins files stands in.</summary>
    public void MakeFedora()
    {
        Directory.CreateDirectory(FedoraFolder);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(FedoraBundle)!);
        MakeProgram(
            "usr/bin/update-ca-trust",
            $"cat /dev/null {FedoraFolder}/*.crt >{FedoraBundle} 2>/dev/null || true");
    }

    public string MakeFirefoxProfile(string name, string? password = null)
    {
        var profile = Directory.CreateDirectory(this[System.IO.Path.Combine("home/dev", name)]).FullName;
        File.WriteAllText(this["password"], password + "\n");
        string[] how = password is null ? ["--empty-password"] : ["-f", this["password"]];
        var run = ProgramRun.Of("certutil", ["-N", "-d", $"sql:{profile}", .. how]);
        return run.ExitCode == 0 ? profile : throw new InvalidOperationException(run.Output);
    }

    /// <summary>What certutil lists of hotcore's in a store: a line is a name, and for what it is trusted.</summary>
    public static string[] List(string store) =>
    [
        .. ProgramRun.Of("certutil", ["-L", "-d", $"sql:{store}"]).Output.Split('\n')
            .Where(line => line.StartsWith("hotcore", StringComparison.Ordinal)),
    ];

    /// <summary>The certificate (PEM) of a CA that hotcore made for another user.</summary>
    public static string MakeAuthorityOf(string user)
    {
        using var key = SigningKey.Create();
        using var certificate = AuthorityCertificate.Make(key, $"{user}@host", DateTimeOffset.UtcNow);
        return certificate.ExportCertificatePem() + "\n";
    }

    public void MakeProgram(string name, string script)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(this[name], (UnixFileMode)0b111_101_101);
    }

    public void Dispose() => _temporary.Dispose();
}
