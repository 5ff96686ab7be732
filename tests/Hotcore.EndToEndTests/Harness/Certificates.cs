using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>The files in hotcore's folder of certificates.</summary>
public static class Certificates
{
    /// <summary>Puts a file there by hand, as its owner may.</summary>
    public static void Put(string dataFolder, string domain, string pem)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var folder = Directory.CreateDirectory(
            Path.Combine(dataFolder, "certificates"), ownerOnly | UnixFileMode.UserExecute);
        var file = Path.Combine(folder.FullName, $"{domain}.pem");
        File.WriteAllText(file, pem);
        File.SetUnixFileMode(file, ownerOnly);
    }

    /// <summary>Makes a file say that a CA issued it to hotcore, as hotcore's own do.</summary>
    public static string MarkIssued(string pem, string directory)
    {
        using var leaf = X509Certificate2.CreateFromPem(pem);
        return $"Issued to hotcore by: {directory} {leaf.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant()}\n{pem}";
    }

    /// <summary>Reads a file that must hold a certificate and the key that belongs to it.</summary>
    public static X509Certificate2 ReadWhole(string file)
    {
        var pem = File.ReadAllText(file);
        return X509Certificate2.CreateFromPem(pem, pem);
    }
}
