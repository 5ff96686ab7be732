using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hotcore.Loops;
using Hotcore.Machine;

namespace Hotcore.Certificates.Local;

/// <summary>
/// The CAs that this machine's programs trust: a folder of certificates, and a program that gathers them into the one
/// file which programs read.
/// </summary>
/// <param name="root">The root folder: <c>/</c>, or one of a test.</param>
/// <param name="isPrivileged">Whether this process may write there.</param>
/// <param name="sudoCommand">What a user types to have it done by root.</param>
internal sealed class SystemStore(string root, bool isPrivileged, string sudoCommand)
{
    private const string Name = "system";
    private const string FileStart = "hotcore-local-ca-";

    private const UnixFileMode ReadableByAll =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private static readonly Family[] Families =
    [
        new(
            "usr/local/share/ca-certificates",
            "etc/ssl/certs/ca-certificates.crt",
            "usr/sbin/update-ca-certificates",
            // Without it, the links to what was taken out would stay.
            RemoveArguments: ["--fresh"]),
        new(
            "etc/pki/ca-trust/source/anchors",
            "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
            "usr/bin/update-ca-trust",
            RemoveArguments: []),
    ];

    /// <summary>Puts a CA in. Never throws: the step says how it went.</summary>
    public TrustStep Add(LocalAuthority authority) => Attempt(family =>
    {
        var path = Path.Combine(root, family.Folder, FileName(authority.CertificateDer));
        var pem = authority.ExportCertificatePem();
        if (HasFile(path, pem) && IsGathered(family, pem)) return new TrustStep(Name, TrustOutcome.AlreadySo, path);
        if (!isPrivileged) return NeedsRoot();
        WriteBesideAndRename(path, pem);
        OutsideProgram.Run(Path.Combine(root, family.Gatherer));
        return IsGathered(family, pem)
            ? new TrustStep(Name, TrustOutcome.Done, path)
            : new TrustStep(Name, TrustOutcome.Failed, $"{family.Gatherer} left {path} out");
    });

    /// <summary>Takes out every CA that hotcore made for a user. Never throws: the step says how it went.</summary>
    public TrustStep Remove(string userName) => Attempt(family =>
    {
        var folder = Path.Combine(root, family.Folder);
        string[] files = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, FileStart + "*.crt").Where(file => HoldsOneOf(userName, file))]
            : [];
        if (files.Length == 0 && !HoldsOneOf(userName, Path.Combine(root, family.Gathered)))
            return new TrustStep(Name, TrustOutcome.AlreadySo, folder);
        if (!isPrivileged) return NeedsRoot();
        foreach (var file in files) File.Delete(file);
        OutsideProgram.Run(Path.Combine(root, family.Gatherer), family.RemoveArguments);
        return new TrustStep(Name, TrustOutcome.Done, folder);
    });

    private TrustStep Attempt(Func<Family, TrustStep> step)
    {
        var family = Families.FirstOrDefault(known => File.Exists(Path.Combine(root, known.Gatherer)));
        if (family is null)
        {
            return new TrustStep(Name, TrustOutcome.Failed,
                "neither update-ca-certificates nor update-ca-trust is on this machine: "
                + "install the package ca-certificates, and repeat");
        }
        try
        {
            return step(family);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ProgramFailure)
        {
            return new TrustStep(Name, TrustOutcome.Failed, failure.Message);
        }
    }

    private TrustStep NeedsRoot() => new(Name, TrustOutcome.Failed, $"only root may do that; run: {sudoCommand}");

    private static string FileName(byte[] certificate) =>
        $"{FileStart}{Convert.ToHexStringLower(SHA256.HashData(certificate))[..8]}.crt";

    private static bool HasFile(string path, byte[] content) =>
        File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(content);

    /// <summary>Whether programs see the certificate, not only whether it waits in the folder.</summary>
    private bool IsGathered(Family family, byte[] pem)
    {
        var path = Path.Combine(root, family.Gathered);
        return File.Exists(path) && File.ReadAllBytes(path).AsSpan().IndexOf(pem.AsSpan().TrimEnd((byte)'\n')) >= 0;
    }

    /// <summary>Whether a file of certificates has one that hotcore made for a user.</summary>
    private static bool HoldsOneOf(string userName, string path)
    {
        if (!File.Exists(path)) return false;
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPemFile(path);
            return certificates.Any(certificate => IsOf(userName, certificate));
        }
        catch (CryptographicException)
        {
            // Not a certificate, so nothing that anyone trusts.
            return false;
        }
        finally
        {
            foreach (var certificate in certificates) certificate.Dispose();
        }
    }

    private static bool IsOf(string userName, X509Certificate2 certificate)
    {
        var name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return name.StartsWith(AuthorityCertificate.NameStart, StringComparison.Ordinal)
            && name.Contains($"({userName}@", StringComparison.Ordinal);
    }

    private static void WriteBesideAndRename(string path, byte[] content)
    {
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        // The end of the name keeps it out of the store until it is whole.
        var beside = path + ".new";
        File.Delete(beside);
        using (var file = new FileStream(beside, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = ReadableByAll,
        }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
        DirectoryEntries.Flush(folder);
    }

    /// <summary>A family of distributions: where CAs are put in, where gathered, and by what.</summary>
    private sealed record Family(string Folder, string Gathered, string Gatherer, string[] RemoveArguments);
}
