using System.Security.Cryptography.X509Certificates;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Local;

/// <summary>A folder with a CA in it, a home without mkcert, and a clock that shows the real time at first.</summary>
internal sealed class AuthorityFolder : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public AuthorityFolder() => Clock.Advance(DateTimeOffset.UtcNow - Clock.GetUtcNow());

    public ManualClock Clock { get; } = new();

    public LogLines Log { get; } = new();

    public Dictionary<string, string> Variables { get; } = [];

    public string this[string name] => _temporary[name];

    public string Folder => this["ca"];

    public string CertificatePath => Path.Combine(Folder, "local-ca.pem");

    public string KeyPath => Path.Combine(Folder, "local-ca-key.pem");

    public static DomainName Domain(string name) =>
        DomainName.TryParse(name, out var domain, out var error)
            ? domain
            : throw new ArgumentException(error);

    public LocalAuthority Open() => LocalAuthority.Open(Folder, Clock, Log.Write, Read);

    /// <summary>Makes mkcert's CA, as mkcert does, and points CAROOT to it.</summary>
    public void MakeMkcertAuthority()
    {
        var root = Directory.CreateDirectory(this["mkcert"]).FullName;
        var run = ProgramRun.Of(
            "mkcert",
            ["-cert-file", this["unused.pem"], "-key-file", this["unused-key.pem"], "localhost"],
            ("CAROOT", root));
        if (run.ExitCode != 0) throw new InvalidOperationException(run.Output);
        Variables["CAROOT"] = root;
        // It may have taken mkcert a while, and its certificates are not backdated.
        Clock.Advance(TimeSpan.FromMinutes(1));
    }

    /// <summary>Asks openssl whether a certificate is good for a server of that name.</summary>
    public string Judge(LocalCertificate certificate, string name, string authorityPath)
    {
        var leaf = this[$"leaf-{Guid.NewGuid():N}.pem"];
        using var loaded = X509CertificateLoader.LoadCertificate(certificate.ChainDer[0]);
        File.WriteAllText(leaf, loaded.ExportCertificatePem());
        return ProgramRun.Of("openssl",
        [
            "verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver", "-verify_hostname", name,
            "-attime", $"{Clock.GetUtcNow().ToUnixTimeSeconds()}", "-no-CApath", "-no-CAstore",
            "-CAfile", authorityPath, leaf,
        ]).Output.Replace(leaf, "leaf", StringComparison.Ordinal).Trim();
    }

    public void Dispose() => _temporary.Dispose();

    private string? Read(string variable) => variable == "HOME" ? this["home"] : Variables.GetValueOrDefault(variable);
}
