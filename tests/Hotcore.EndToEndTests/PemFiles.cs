namespace Hotcore.EndToEndTests;

/// <summary>Files of an owner's own as the programs and editors that people have write them.</summary>
public class PemFiles : IAsyncLifetime
{
    private readonly TestUpstream _upstream = TestUpstream.Repeating();
    private readonly TemporaryFolder _made = new();
    private RunningHotcore _hotcore = null!;

    public async ValueTask InitializeAsync() =>
        _hotcore = await RunningHotcore.Start(new StartOptions { Acme = AcmeDirectory.Unreachable });

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _hotcore.DisposeAsync();
        await _upstream.DisposeAsync();
        _made.Dispose();
    }

    [Theory]
    [InlineData("ed25519", "-newkey ed25519", "", "")]
    [InlineData("ed448", "-newkey ed448", "", "")]
    [InlineData("pss", "-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048", "", "")]
    [InlineData("ec", "-key key.pem", "openssl ecparam -genkey -name prime256v1 -out key.pem", "")]
    [InlineData("rsa", "-key key.pem", "openssl genrsa -traditional -out key.pem 2048", "")]
    [InlineData("crlf", "-newkey ed25519", "", "sed -i 's/$/\\r/' file.pem")]
    [InlineData("bom", "-newkey ed25519", "", "sed -i '1s/^/\\xef\\xbb\\xbf/' file.pem")]
    [InlineData("two-boms", "-newkey ed25519", "", "sed -i 's/^-----BEGIN/\\xef\\xbb\\xbf&/' file.pem")]
    [InlineData("utf16", "-newkey ed25519", "", "(printf '\\377\\376'; iconv -t utf-16le file.pem) > new.pem && mv new.pem file.pem")]
    [InlineData("text", "-newkey ed25519", "", "sed -i 's/^-----BEGIN/Bag Attributes: ü\\n    localKeyID: 01\\n&/' file.pem")]
    public async Task A_file_is_used_whoever_wrote_it(string name, string key, string before, string after)
    {
        var domain = $"{name}.example.com";
        var folder = Directory.CreateDirectory(_made.Path(name)).FullName;
        var request = $"openssl req -x509 -nodes {key} -keyout new.key -subj / -days 60 -out certificate.pem"
            + $" -addext subjectAltName=DNS:{domain}";
        var join = "cp certificate.pem file.pem; if [ -e new.key ]; then cat new.key; else cat key.pem; fi >> file.pem";
        var made = await Finished.Run(
            "sh", ["-c", $"cd '{folder}' && {Or(before)} && {request} && {join} && {Or(after)}"]);
        Assert.True(made.ExitCode == 0, made.All);

        File.Move(Path.Combine(folder, "file.pem"), _hotcore.CertificateFile(domain));
        await _hotcore.Add(domain, _upstream.Port);
        await _hotcore.UntilCertificateIs("valid", domain);
        var answer = await OpenSsl.Run(
            _hotcore, domain, $"GET /{name} HTTP/1.1\nHost: {domain}\nConnection: close\n\n",
            "-CAfile", Path.Combine(folder, "certificate.pem"), "-verify_return_error", "-verify_hostname", domain, "-crlf");

        Assert.Contains("Verification: OK", answer);
        Assert.Contains($"GET /{name}", answer);
    }

    private static string Or(string command) => command == "" ? "true" : command;
}
