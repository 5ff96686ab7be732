using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Xunit;

namespace Hotcore.Certificates.Local;

public sealed class OwnAuthorityFilesTests : IDisposable
{
    private readonly AuthorityFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_key_is_its_owners_alone()
    {
        _folder.Open().Dispose();
        Assert.Equal("700", Mode(_folder.Folder));
        Assert.Equal("600", Mode(_folder.KeyPath));
        Assert.Equal("644", Mode(_folder.CertificatePath));
        Assert.Contains("hotcore trust", Assert.Single(_folder.Log.All));
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Folder).Length);
    }

    [Fact]
    public void Rights_that_are_too_wide_are_mended()
    {
        _folder.Open().Dispose();
        File.SetUnixFileMode(_folder.KeyPath, (UnixFileMode)0b110_110_100);
        File.SetUnixFileMode(_folder.Folder, (UnixFileMode)0b111_101_101);
        _folder.Open().Dispose();
        Assert.Equal(("700", "600"), (Mode(_folder.Folder), Mode(_folder.KeyPath)));
        Assert.Contains("could be read by others", _folder.Log.All.Last());
    }

    [Fact]
    public void The_ca_stays_the_same_from_one_start_to_the_next()
    {
        using var first = _folder.Open();
        using var second = _folder.Open();
        Assert.Equal(first.CertificateDer, second.CertificateDer);
        Assert.Single(_folder.Log.All);
    }

    [Fact]
    public void A_crash_between_key_and_certificate_is_made_good()
    {
        using var first = _folder.Open();
        File.Delete(_folder.CertificatePath);
        File.WriteAllText(_folder.CertificatePath + ".0123.new", "half a certi");
        using var second = _folder.Open();
        Assert.Equal(first.Name, second.Name);
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Folder).Length);
        var issued = second.Issue(AuthorityFolder.Domain("a.localhost"));
        File.WriteAllBytes(_folder["first.pem"], first.ExportCertificatePem());
        Assert.Equal("leaf: OK", _folder.Judge(issued, "a.localhost", _folder["first.pem"]));
    }

    [Fact]
    public void A_damaged_certificate_is_set_aside_and_what_trusted_it_trusts_the_new_one()
    {
        using var first = _folder.Open();
        var damaged = File.ReadAllBytes(_folder.CertificatePath)[..200];
        File.WriteAllBytes(_folder.CertificatePath, damaged);
        using var second = _folder.Open();
        Assert.Equal(damaged, File.ReadAllBytes(Assert.Single(Aside())));
        Assert.Contains("(it is damaged): it is kept as", _folder.Log.All.Last());
        File.WriteAllBytes(_folder["first.pem"], first.ExportCertificatePem());
        var issued = second.Issue(AuthorityFolder.Domain("a.localhost"));
        Assert.Equal("leaf: OK", _folder.Judge(issued, "a.localhost", _folder["first.pem"]));
    }

    [Fact]
    public void A_damaged_key_is_set_aside_with_its_certificate()
    {
        using var first = _folder.Open();
        var key = File.ReadAllBytes(_folder.KeyPath);
        var certificate = File.ReadAllBytes(_folder.CertificatePath);
        File.WriteAllBytes(_folder.KeyPath, key[..100]);
        using var second = _folder.Open();
        Assert.NotEqual(first.Name, second.Name);
        Assert.Equal(key[..100], File.ReadAllBytes(Aside().Single(path => path.Contains("key.pem"))));
        Assert.Equal(certificate, File.ReadAllBytes(Aside().Single(path => path.Contains("ca.pem"))));
        Assert.Equal("leaf: OK", _folder.Judge(
            second.Issue(AuthorityFolder.Domain("a.localhost")), "a.localhost", second.CertificatePath));
    }

    [Fact]
    public void A_certificate_and_a_key_that_were_swapped_with_those_of_others_are_noticed()
    {
        _folder.Open().Dispose();
        using var other = new AuthorityFolder();
        other.Open().Dispose();
        File.Copy(other.CertificatePath, _folder.CertificatePath, overwrite: true);
        _folder.Open().Dispose();
        Assert.Contains("it is not that of the key", _folder.Log.All.Last());

        var certificate = File.ReadAllText(_folder.CertificatePath);
        File.Copy(_folder.KeyPath, _folder.CertificatePath, overwrite: true);
        File.WriteAllText(_folder.KeyPath, certificate);
        _folder.Open().Dispose();
        Assert.Equal(3, Aside().Length);
    }

    [Fact]
    public void A_folder_and_a_file_without_end_in_the_place_of_the_files_are_set_aside()
    {
        Directory.CreateDirectory(_folder.KeyPath);
        File.WriteAllBytes(_folder.CertificatePath, new byte[1_000_000]);
        using var authority = _folder.Open();
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Folder, "*damaged*").Length);
        Assert.Equal("leaf: OK", _folder.Judge(
            authority.Issue(AuthorityFolder.Domain("a.localhost")), "a.localhost", authority.CertificatePath));
    }

    [Theory]
    [InlineData(3660, "it ended on")]
    [InlineData(-30, "it begins only on")]
    public void A_certificate_out_of_its_time_is_made_anew_for_the_same_key(int days, string reason)
    {
        using var first = _folder.Open();
        _folder.Clock.Advance(TimeSpan.FromDays(days));
        using var second = _folder.Open();
        Assert.Equal(first.Name, second.Name);
        Assert.NotEqual(first.CertificateDer, second.CertificateDer);
        Assert.Contains(reason, _folder.Log.All.Last());
        Assert.Equal("leaf: OK", _folder.Judge(
            second.Issue(AuthorityFolder.Domain("a.localhost")), "a.localhost", second.CertificatePath));
    }

    [Fact]
    public void The_certificate_of_a_server_is_not_taken_for_a_ca()
    {
        _folder.Open().Dispose();
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(_folder.KeyPath));
        var request = new CertificateRequest("CN=hotcore local CA", key, HashAlgorithmName.SHA256);
        using var leaf = request.CreateSelfSigned(
            _folder.Clock.GetUtcNow().AddDays(-1), _folder.Clock.GetUtcNow().AddDays(1));
        File.WriteAllText(_folder.CertificatePath, leaf.ExportCertificatePem());
        _folder.Open().Dispose();
        Assert.Contains("it is not the certificate of a CA", _folder.Log.All.Last());
    }

    [Fact]
    public void Twenty_that_open_an_empty_folder_at_once_agree()
    {
        for (var round = 0; round < 5; round++)
        {
            using var folder = new AuthorityFolder();
            var opened = new LocalAuthority[20];
            Parallel.For(0, opened.Length, new ParallelOptions { MaxDegreeOfParallelism = 20 },
                i => opened[i] = folder.Open());
            Assert.Single(opened.Select(authority => Convert.ToHexString(authority.CertificateDer)).Distinct());
            Assert.Equal(2, Directory.GetFileSystemEntries(folder.Folder).Length);
            foreach (var authority in opened) authority.Dispose();
        }
    }

    [Fact]
    public void Whatever_happened_to_the_files_the_pair_is_refused_or_the_one_that_was_written()
    {
        using var authority = _folder.Open();
        var key = File.ReadAllBytes(_folder.KeyPath);
        var certificate = File.ReadAllBytes(_folder.CertificatePath);
        var now = _folder.Clock.GetUtcNow();
        using var whole = SigningKey.TryRead(Encoding.Latin1.GetString(key))!;
        Cases.Check(
            random => random.Next(2) == 0
                ? (Key: Cases.Mutate(random, key), Certificate: certificate)
                : (Key: key, Certificate: Cases.Mutate(random, certificate)),
            pair =>
            {
                using var read = SigningKey.TryRead(Encoding.Latin1.GetString(pair.Key));
                if (read is null) return;
                var text = Encoding.Latin1.GetString(pair.Certificate);
                using var accepted = AuthorityCertificate.TryRead(text, read, now, out var fault);
                Assert.Equal(accepted is null, fault.Length > 0);
                if (accepted is null) return;
                Assert.Equal(authority.CertificateDer, accepted.RawData);
                Assert.Equal(
                    whole.PublicKey.ExportSubjectPublicKeyInfo(), read.PublicKey.ExportSubjectPublicKeyInfo());
            });
    }

    [Fact]
    public void Whatever_happened_to_the_files_opening_gives_a_ca_that_issues_and_loses_nothing()
    {
        _folder.Open().Dispose();
        var key = File.ReadAllBytes(_folder.KeyPath);
        var certificate = File.ReadAllBytes(_folder.CertificatePath);
        Cases.Check(
            random => (Key: Cases.Mutate(random, key), Certificate: Cases.Mutate(random, certificate)),
            pair =>
            {
                using var folder = new AuthorityFolder();
                Directory.CreateDirectory(folder.Folder);
                File.WriteAllBytes(folder.KeyPath, pair.Key);
                File.WriteAllBytes(folder.CertificatePath, pair.Certificate);
                using var opened = folder.Open();
                Assert.NotEmpty(opened.Issue(AuthorityFolder.Domain("a.localhost")).ChainDer);
                string[] kept =
                    [.. Directory.GetFiles(folder.Folder).Select(File.ReadAllBytes).Select(Convert.ToHexString)];
                Assert.Contains(Convert.ToHexString(pair.Key), kept);
                Assert.Contains(Convert.ToHexString(pair.Certificate), kept);
            },
            count: 200);
    }

    private string[] Aside() => Directory.GetFiles(_folder.Folder, "*.damaged-*");

    private static string Mode(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);
}
