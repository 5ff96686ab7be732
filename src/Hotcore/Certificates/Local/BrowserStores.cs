using System.Text;
using Hotcore.Machine;

namespace Hotcore.Certificates.Local;

/// <summary>
/// The stores of the user's browsers, which do not look at the system's: one of Chromium and its kin, and one in each
/// profile of Firefox. NSS's own certutil does the work, as the user.
/// </summary>
/// <param name="root">The root folder: <c>/</c>, or one of a test.</param>
/// <param name="user">Whose browsers.</param>
/// <param name="environment">Reads an environment variable: PATH, where certutil is looked for.</param>
internal sealed class BrowserStores(string root, MachineUser user, Func<string, string?> environment)
{
    private const int MaxCopies = 20;
    private const string BadPassword = "SEC_ERROR_BAD_PASSWORD";

    // As an ordinary install, a snap and a flatpak keep them.
    private static readonly string[] FirefoxFolders =
    [
        ".mozilla/firefox",
        ".config/mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ];

    private readonly string? _certutil = FindOnPath("certutil", environment("PATH"));

    private string Home => Path.Combine(root, user.Home.TrimStart('/'));

    private string ChromiumStore => Path.Combine(Home, ".pki/nssdb");

    /// <summary>Puts a CA into each store; Chromium's is made where missing. One step a store; none throws.</summary>
    public IEnumerable<TrustStep> Add(LocalAuthority authority) =>
        _certutil is null
            ? [MissingCertutil()]
            : FindStores(alsoMissing: true).Select(store => Attempt(store, () => Add(store, authority)));

    /// <summary>Takes every CA that hotcore made out of each store. One step a store; none throws.</summary>
    public IEnumerable<TrustStep> Remove()
    {
        Store[] stores = [.. FindStores(alsoMissing: false)];
        if (stores.Length == 0) return [new TrustStep("browsers", TrustOutcome.AlreadySo, $"no store in {Home}")];
        return _certutil is null
            ? [MissingCertutil()]
            : stores.Select(store => Attempt(store, () => Remove(store)));
    }

    private IEnumerable<Store> FindStores(bool alsoMissing)
    {
        if (alsoMissing || HasStore(ChromiumStore)) yield return new Store("Chromium", ChromiumStore);
        var snap = Path.Combine(Home, "snap/chromium/current/.pki/nssdb");
        if (HasStore(snap)) yield return new Store("Chromium (snap)", snap);
        foreach (var folder in FirefoxFolders.Select(name => Path.Combine(Home, name)).Where(Directory.Exists))
        {
            foreach (var profile in Directory.GetDirectories(folder).Where(HasStore).Order(StringComparer.Ordinal))
                yield return new Store($"Firefox ({Path.GetFileName(profile)})", profile);
        }
    }

    private static bool HasStore(string folder) => File.Exists(Path.Combine(folder, "cert9.db"));

    private static TrustStep Attempt(Store store, Func<TrustOutcome> step)
    {
        try
        {
            return new TrustStep(store.Name, step(), store.Folder);
        }
        catch (ProgramFailure failure)
        {
            return new TrustStep(store.Name, TrustOutcome.Failed, $"{store.Folder}: {failure.Message}");
        }
    }

    private TrustOutcome Add(Store store, LocalAuthority authority)
    {
        if (!HasStore(store.Folder))
        {
            user.Run("mkdir", "-p", "-m", "700", "--", store.Folder);
            Certutil(store, "-N", "--empty-password");
        }
        if (IsTrusted(store, authority.Name) && HasCertificate(store, authority)) return TrustOutcome.AlreadySo;
        try
        {
            // An empty file for the password: a store that has one refuses at once, instead of asking and waiting.
            var path = authority.CertificatePath;
            Certutil(store, "-A", "-t", "C,,", "-n", authority.Name, "-i", path, "-f", "/dev/null");
        }
        catch (ProgramFailure failure) when (failure.Message.Contains(BadPassword, StringComparison.Ordinal))
        {
            // It is in the store by then, but not trusted.
            RemoveAll(store, authority.Name);
            throw new ProgramFailure(
                $"it has a primary password; import {authority.CertificatePath} in the settings of the browser");
        }
        return TrustOutcome.Done;
    }

    private TrustOutcome Remove(Store store)
    {
        string[] names = [.. ListNames(store).Select(entry => entry.Name).Distinct()];
        foreach (var name in names) RemoveAll(store, name);
        return names.Length == 0 ? TrustOutcome.AlreadySo : TrustOutcome.Done;
    }

    /// <summary>A name may stand for several certificates of one CA; each call takes out one.</summary>
    private void RemoveAll(Store store, string name)
    {
        for (var i = 0; i < MaxCopies && ListNames(store).Any(entry => entry.Name == name); i++)
            Certutil(store, "-D", "-n", name, "-f", "/dev/null");
    }

    private bool IsTrusted(Store store, string name) =>
        ListNames(store).Any(entry => entry.Name == name && entry.Trust.StartsWith('C'));

    private bool HasCertificate(Store store, LocalAuthority authority) =>
        Certutil(store, "-L", "-n", authority.Name, "-a").ReplaceLineEndings("\n")
            .Contains(Encoding.ASCII.GetString(authority.ExportCertificatePem()).Trim(), StringComparison.Ordinal);

    /// <summary>The CAs of hotcore in a store: lines of a name, blanks, and for what it is trusted.</summary>
    private IEnumerable<(string Name, string Trust)> ListNames(Store store) =>
        from line in Certutil(store, "-L").Split('\n')
        where line.StartsWith(AuthorityCertificate.NameStart, StringComparison.Ordinal)
        let end = line.TrimEnd().LastIndexOf(' ')
        where end > 0
        select (line[..end].TrimEnd(), line[(end + 1)..].Trim());

    private string Certutil(Store store, params IEnumerable<string> arguments) =>
        user.Run(_certutil!, ["-d", $"sql:{store.Folder}", .. arguments]);

    private TrustStep MissingCertutil()
    {
        var install = File.Exists(Path.Combine(root, "usr/bin/dnf"))
            ? "sudo dnf install nss-tools"
            : "sudo apt install libnss3-tools";
        return new TrustStep("browsers", TrustOutcome.Failed, $"certutil is missing; install and repeat: {install}");
    }

    private static string? FindOnPath(string program, string? path) =>
        path?.Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>One store: the browser's name for a user, and the folder.</summary>
    private sealed record Store(string Name, string Folder);
}
