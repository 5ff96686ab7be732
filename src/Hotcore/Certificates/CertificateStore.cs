using System.Security.Cryptography;
using System.Text;
using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// The certificates on disk: one PEM file a domain (leaf, chain, key), readable by its owner alone, the one before
/// kept beside it. A file placed there by hand is as good as one of hotcore's own. Every method blocks on the disk;
/// for one domain they are called one at a time, for different ones from any thread.
/// </summary>
internal sealed class CertificateStore
{
    private const int MaxFileBytes = 1024 * 1024;

    // The longest file name is 255 bytes, and a domain may have 253.
    private const int MaxStemLength = 200;

    // How long whoever copies a file here, or puts it together, may take.
    private static readonly TimeSpan WritingTime = TimeSpan.FromSeconds(10);

    private readonly string _folder;
    private readonly TimeProvider _clock;
    private readonly Action<string> _log;

    /// <summary>Makes the folder where it is missing, and clears away what a crash left half written.</summary>
    /// <exception cref="IOException">The folder cannot be made, or is not ours.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public CertificateStore(string folder, TimeProvider clock, Action<string> log)
    {
        _folder = folder;
        _clock = clock;
        _log = log;
        DurableFile.MakeFolder(folder);
        foreach (var beside in Directory.EnumerateFiles(folder, "*" + DurableFile.Beside)) FinishOrDelete(beside);
    }

    /// <summary>Where a domain's certificate is.</summary>
    public string PathOf(DomainName domain) => Path.Combine(_folder, StemOf(domain) + ".pem");

    /// <summary>
    /// The beginning of the names of a domain's files. The stems of other files there are single labels with an underscore,
    /// which a domain may be as well: it gets a '~' then, which no domain has.
    /// </summary>
    public static string StemOf(DomainName domain)
    {
        var name = domain.ToString();
        if (name.Contains('_') && !name.Contains('.')) return name + "~";
        if (name.Length <= MaxStemLength) return name;
        return $"{name[..150]}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(name)))[..32]}";
    }

    /// <summary>Tells one content of a domain's file from the next, and from none, without reading it.</summary>
    public FileStamp StampOf(DomainName domain) => FileStamp.Of(PathOf(domain));

    /// <summary>Whether there is a file for a domain, which is not so where the one before it has to serve.</summary>
    public bool Has(DomainName domain) => File.Exists(PathOf(domain));

    /// <summary>Whether a domain's file cannot be used, and was written a moment ago: there may be more to come.</summary>
    public bool IsUnfinished(DomainName domain)
    {
        var age = _clock.GetUtcNow() - StampOf(domain).WrittenAt;
        if (age < TimeSpan.Zero || age >= WritingTime) return false;
        try
        {
            return Read(PathOf(domain), domain, out _).Length > 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Whoever loads it says what is wrong.
            return false;
        }
    }

    /// <summary>
    /// The certificate of a domain, be it expired; null where there is none that can be used. A file that is
    /// damaged, or does not belong to the domain, is set aside and reported, and the one before it used if it is
    /// good.
    /// </summary>
    /// <exception cref="IOException">There is a file, which cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise, for want of rights.</exception>
    public StoredCertificate? Load(DomainName domain)
    {
        var path = PathOf(domain);
        if (TryLoad(path, domain, out var certificate)) return certificate;
        if (!TryLoadPrevious(path + ".previous", domain, out certificate)) return null;
        _log($"certificate of {domain}: the one before it is used");
        return certificate;
    }

    /// <summary>
    /// Puts a certificate in its place, and keeps the one that was there: as the one before, or, where it is the owner's, under
    /// a name at which nothing of hotcore's ever comes. Durable when it returns. Returns where an owner's is now, or null.
    /// </summary>
    /// <exception cref="IOException">The disk is full, or failed; the old one is still used.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder is not ours.</exception>
    public string? Save(StoredCertificate certificate, bool replacesOwners = false)
    {
        var path = PathOf(certificate.Domain);
        DurableFile.WriteBeside(path, certificate.Pem);
        // A crash between the two is mended at the next start: the new file is whole by now.
        string? kept = null;
        if (File.Exists(path))
        {
            if (replacesOwners) kept = DurableFile.SetAside(path, _clock.GetUtcNow(), "owner");
            else File.Move(path, path + ".previous", overwrite: true);
        }
        File.Move(path + DurableFile.Beside, path, overwrite: true);
        DurableFile.FlushFolderOf(path);
        return kept;
    }

    private void FinishOrDelete(string beside)
    {
        var path = beside[..^DurableFile.Beside.Length];
        var isCertificate = path.EndsWith(".pem", StringComparison.Ordinal) && !File.Exists(path);
        if (isCertificate && DomainName.TryParse(Path.GetFileNameWithoutExtension(path).TrimEnd('~'), out var domain, out _)
            && StoredCertificate.TryParse(File.ReadAllBytes(beside), domain, out _, out _))
        {
            File.Move(beside, path);
            return;
        }
        File.Delete(beside);
    }

    private bool TryLoad(string path, DomainName domain, out StoredCertificate? certificate)
    {
        certificate = null;
        if (!Path.Exists(path)) return false;
        var error = Read(path, domain, out certificate);
        if (error.Length == 0) return true;
        var aside = DurableFile.SetAside(path, _clock.GetUtcNow());
        _log($"certificate of {domain}: {path} cannot be used: {error}; it is kept as {aside}");
        return false;
    }

    private bool TryLoadPrevious(string path, DomainName domain, out StoredCertificate? certificate)
    {
        try
        {
            return TryLoad(path, domain, out certificate);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _log($"certificate of {domain}: cannot read {path}: {failure.Message}");
            certificate = null;
            return false;
        }
    }

    private static string Read(string path, DomainName domain, out StoredCertificate? certificate)
    {
        certificate = null;
        if (Directory.Exists(path)) return "it is a folder, not a file";
        using var file = File.OpenRead(path);
        if (file.Length > MaxFileBytes) return $"it is larger than {MaxFileBytes} bytes";
        var content = new byte[file.Length];
        file.ReadExactly(content);
        StoredCertificate.TryParse(content, domain, out certificate, out var error);
        return error;
    }
}
