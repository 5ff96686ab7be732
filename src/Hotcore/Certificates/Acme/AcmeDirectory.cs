namespace Hotcore.Certificates.Acme;

/// <summary>Where a CA does what (RFC 8555 7.1.1).</summary>
internal sealed record AcmeDirectory(string NewNonce, string NewAccount, string NewOrder, string? RenewalInfo)
{
    /// <exception cref="AcmeFailure">The CA cannot be asked, or answers something else.</exception>
    public static async Task<AcmeDirectory> FetchAsync(
        AcmeConnection connection, Uri url, CancellationToken cancellation)
    {
        var answer = await connection.GetAsync(url.AbsoluteUri, cancellation).ConfigureAwait(false);
        if (!answer.IsSuccess)
        {
            var why = Problem.Tidy(answer.ReadProblem()?.Detail ?? answer.Describe());
            throw new AcmeFailure($"the CA's directory {url} cannot be had: {why}")
            {
                RetryAfter = answer.RetryAfter,
                ConcernsAllDomains = answer.RetryAfter is not null,
            };
        }
        var document = answer.Read(AcmeJson.Default.DirectoryDocument, "for its directory");
        if (document is not { NewNonce: { } nonce, NewAccount: { } account, NewOrder: { } order })
            throw new AcmeFailure($"{url} is not the directory of a CA: check the URL");
        return new AcmeDirectory(nonce, account, order, document.RenewalInfo);
    }
}
