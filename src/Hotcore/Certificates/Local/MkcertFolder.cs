namespace Hotcore.Certificates.Local;

/// <summary>Where mkcert keeps its CA. hotcore reads it, and never writes there.</summary>
internal static class MkcertFolder
{
    /// <summary>The CA of mkcert; null where there is none, or one of no use, which the log then says.</summary>
    public static LocalAuthority? TryOpen(TimeProvider clock, Action<string> log, Func<string, string?> environment)
    {
        var folder = Find(environment);
        var certificatePath = Path.Combine(folder, "rootCA.pem");
        var keyPath = Path.Combine(folder, "rootCA-key.pem");
        // A folder with the certificate alone is one that someone shared without the key: nothing to issue from.
        if (!Path.Exists(certificatePath) || !Path.Exists(keyPath)) return null;
        string fault;
        try
        {
            var key = SigningKey.TryRead(SmallTextFile.Read(keyPath) ?? "");
            if (key is not null)
            {
                var text = SmallTextFile.Read(certificatePath) ?? "";
                var certificate = AuthorityCertificate.TryRead(text, key, clock.GetUtcNow(), out fault);
                if (certificate is not null)
                    return new LocalAuthority(certificate, key, certificatePath, isOfMkcert: true, clock);
                key.Dispose();
            }
            else
            {
                fault = "its key is damaged";
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            fault = failure.Message;
        }
        log($"mkcert's CA in {folder} cannot be used ({fault}); hotcore's own is used instead");
        return null;
    }

    /// <summary>As mkcert itself finds it.</summary>
    private static string Find(Func<string, string?> environment)
    {
        var root = environment("CAROOT");
        if (!string.IsNullOrEmpty(root)) return Path.GetFullPath(root);
        var data = environment("XDG_DATA_HOME");
        if (!string.IsNullOrEmpty(data)) return Path.GetFullPath(Path.Combine(data, "mkcert"));
        var home = environment("HOME");
        if (string.IsNullOrEmpty(home)) home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.GetFullPath(Path.Combine(home, ".local", "share", "mkcert"));
    }
}
