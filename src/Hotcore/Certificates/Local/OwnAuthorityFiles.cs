using System.Security.Cryptography.X509Certificates;
using Hotcore.Loops;
using Hotcore.Machine;

namespace Hotcore.Certificates.Local;

/// <summary>
/// hotcore's own CA on disk: <c>local-ca-key.pem</c>, which is the CA, and <c>local-ca.pem</c>, its certificate. As
/// long as the key is whole a certificate that is missing or no good is made anew for it, under the same name: so what
/// trusted the old one trusts the new one's domains. Several processes may open the same folder at once.
/// </summary>
internal sealed class OwnAuthorityFiles(
    string folder, TimeProvider clock, Action<string> log, Func<string, string?> environment)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode ReadableByAll = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode FolderOfOwner = OwnerOnly | UnixFileMode.UserExecute;

    // Each attempt that fails means that another process was quicker.
    private const int MaxAttempts = 10;

    private readonly string _certificatePath = Path.Combine(folder, "local-ca.pem");
    private readonly string _keyPath = Path.Combine(folder, "local-ca-key.pem");

    /// <summary>Opens the CA, or makes one.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or a file in it belongs to someone else.</exception>
    public LocalAuthority Open()
    {
        MakeFolder();
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var key = OpenKey();
            var certificate = key is null ? null : OpenCertificate(key);
            if (certificate is not null)
                return new LocalAuthority(certificate, key!, _certificatePath, isOfMkcert: false, clock);
            key?.Dispose();
        }
        throw new IOException($"the files of the CA in {folder} change again and again");
    }

    private void MakeFolder()
    {
        Directory.CreateDirectory(folder, FolderOfOwner);
        if (File.GetUnixFileMode(folder) != FolderOfOwner) File.SetUnixFileMode(folder, FolderOfOwner);
    }

    /// <summary>The key, as it is on the disk; null to try again.</summary>
    private SigningKey? OpenKey()
    {
        var text = SmallTextFile.Read(_keyPath);
        if (text is null)
        {
            using var made = SigningKey.Create();
            if (SmallTextFile.TryPutInPlace(_keyPath, made.ExportPem(), OwnerOnly)) SayNew();
            return null;
        }
        var key = SigningKey.TryRead(text);
        if (key is null)
            SetAside(_keyPath, "it is damaged");
        else
            KeepPrivate();
        return key;
    }

    /// <summary>The certificate of the key, as it is on the disk; null to try again.</summary>
    private X509Certificate2? OpenCertificate(SigningKey key)
    {
        var text = SmallTextFile.Read(_certificatePath);
        if (text is null)
        {
            using var made = AuthorityCertificate.Make(key, FindOwner(), clock.GetUtcNow());
            SmallTextFile.TryPutInPlace(_certificatePath, made.ExportCertificatePem() + "\n", ReadableByAll);
            return null;
        }
        var certificate = AuthorityCertificate.TryRead(text, key, clock.GetUtcNow(), out var fault);
        if (certificate is null) SetAside(_certificatePath, fault);
        return certificate;
    }

    private void KeepPrivate()
    {
        if ((File.GetUnixFileMode(_keyPath) & ~OwnerOnly) == 0) return;
        log($"{_keyPath} could be read by others: now by its owner alone");
        File.SetUnixFileMode(_keyPath, OwnerOnly);
    }

    private void SetAside(string path, string fault)
    {
        string aside;
        try
        {
            aside = DirectoryEntries.SetAside(path, clock.GetUtcNow());
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            log($"{path} cannot be used ({fault}), and another hotcore replaces it");
            return;
        }
        log($"{path} cannot be used ({fault}): it is kept as {aside}, a new one is made; for browsers: hotcore trust");
    }

    private void SayNew() =>
        log($"made a CA for local certificates in {folder}; to have browsers trust it: hotcore trust");

    private string FindOwner() =>
        $"{MachineUser.FindName(Environment.IsPrivilegedProcess, environment)}@{Environment.MachineName}";
}
