using System.Text.Json;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// The renewal records on disk, one small JSON file each beside the certificates. A record is worth less than a
/// certificate: one that is damaged or cannot be written is reported and done without. Every method blocks on the
/// disk.
/// </summary>
internal sealed class RenewalRecords(string folder, Action<string> log)
{
    private const int MaxFileBytes = 64 * 1024;

    // No domain's files begin like that: CertificateStore.StemOf.
    private string AuthorityPath => Path.Combine(folder, "certificate_authority.json");

    public RenewalRecord Load(DomainName domain) => Load(PathOf(domain));

    public void Save(DomainName domain, RenewalRecord record) => Save(PathOf(domain), record);

    /// <summary>What holds back all domains.</summary>
    public RenewalRecord LoadAuthority() => Load(AuthorityPath);

    public void SaveAuthority(RenewalRecord record) => Save(AuthorityPath, record);

    private string PathOf(DomainName domain) => Path.Combine(folder, CertificateStore.StemOf(domain) + ".json");

    private RenewalRecord Load(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) return RenewalRecord.Empty;
            if (file.Length > MaxFileBytes) throw new JsonException("it is too large");
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), RecordJson.Default.RenewalRecord)
                ?? RenewalRecord.Empty;
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            log($"{path} cannot be read ({failure.Message}): when to renew is decided anew");
            return RenewalRecord.Empty;
        }
    }

    private void Save(string path, RenewalRecord record)
    {
        try
        {
            DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(record, RecordJson.Default.RenewalRecord));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log($"{path} cannot be written ({failure.Message}): it will not be remembered after a restart");
        }
    }
}
