using System.Security.Cryptography;
using System.Text;

namespace Hotcore.Certificates.Acme;

/// <summary>
/// An account on disk: its key in PEM and, once the CA has told it, its URL in a line above. The key is there before
/// it is used, so that whatever ends hotcore, the CA finds the same account by the same key. Blocks on the disk.
/// </summary>
internal sealed class AccountFile
{
    private const string UrlLabel = "Account: ";

    private readonly TimeProvider _clock;
    private readonly Action<string> _log;

    public AccountFile(string folder, Uri directory, TimeProvider clock, Action<string> log)
    {
        _clock = clock;
        _log = log;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(directory.AbsoluteUri)));
        // No certificate has this name: CertificateStore.StemOf.
        Path = System.IO.Path.Combine(folder, $"account_{hash[..16]}.pem");
    }

    public string Path { get; }

    /// <summary>The key and, where it is known, the URL. A damaged file is set aside, a missing one begun.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The file belongs to someone else.</exception>
    public (AccountKey Key, string? Url) LoadOrCreate()
    {
        if (File.Exists(Path))
        {
            var text = File.ReadAllText(Path);
            try
            {
                return (ReadKey(text), ReadUrl(text));
            }
            catch (Exception failure) when (failure is CryptographicException or ArgumentException
                or NotSupportedException)
            {
                var aside = DurableFile.SetAside(Path, _clock.GetUtcNow());
                _log($"the account key for the CA is damaged ({failure.Message}): kept as {aside}, a new one is made");
            }
        }
        var key = AccountKey.Create();
        Save(key, null);
        return (key, null);
    }

    /// <exception cref="IOException">The disk refuses.</exception>
    public void Save(AccountKey key, string? url)
    {
        var line = url is null ? "" : UrlLabel + url + "\n";
        DurableFile.Write(Path, Encoding.UTF8.GetBytes(line + key.ExportPem() + "\n"));
    }

    private static AccountKey ReadKey(string text)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(text);
            return new AccountKey(key);
        }
        catch (Exception)
        {
            key.Dispose();
            throw;
        }
    }

    private static string? ReadUrl(string text)
    {
        var first = text.Split('\n', 2)[0].Trim();
        if (!first.StartsWith(UrlLabel, StringComparison.Ordinal)) return null;
        var url = first[UrlLabel.Length..];
        return Uri.TryCreate(url, UriKind.Absolute, out _) ? url : null;
    }
}
