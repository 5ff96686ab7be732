using System.Net;
using System.Text;
using Hotcore.Http;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// What hotcore answers by itself: a small page for browsers, one line of text for everyone else. Not on the way of a request
/// that succeeds, so it is written for reading, not for speed.
/// </summary>
internal sealed record ErrorPage(int Status, string Title, string Explanation)
{
    public static ErrorPage UnknownDomain(string host) =>
        new(404, "Unknown domain", host.Length == 0 ? "The request names no domain." : $"Nothing is served at {host} here.");

    public static ErrorPage NothingAnswers(Mapping mapping) =>
        new(502, "Nothing answers", $"{mapping.Domain} is mapped to port {mapping.Port}, and nothing answers there.");

    public static ErrorPage NoAnswer(Mapping mapping) =>
        new(502, "No answer", $"{mapping.Domain} is mapped to port {mapping.Port}, and the app there closed the connection without an answer.");

    public static ErrorPage SpeaksHttps(Mapping mapping) =>
        new(502, "Please try again", $"{mapping.Domain} is mapped to port {mapping.Port}, and the app there speaks HTTPS alone, which hotcore had not known: it does from now on.");

    public static ErrorPage BadAnswer(Mapping mapping) =>
        new(502, "Malformed answer", $"{mapping.Domain} is mapped to port {mapping.Port}, and the app there sent an answer that is not valid HTTP.");

    public static ErrorPage Refused(Refusal refusal) => new(refusal.Status, Phrase(refusal.Status), $"Refused: {refusal.Reason}.");

    public static ErrorPage Misdirected { get; } =
        new(421, Phrase(421), "The request names another host than the TLS connection it came over.");

    public static ErrorPage BadBody { get; } =
        new(400, Phrase(400), "Refused: the body does not keep to its framing.");

    public static ErrorPage TooSlow { get; } =
        new(408, Phrase(408), "The request did not arrive in time.");

    /// <summary>The whole answer, as HTML for browsers.</summary>
    public OwnAnswer ToAnswer(bool asHtml)
    {
        var body = Encoding.UTF8.GetBytes(asHtml ? Html() : $"{Status} {Title}: {Explanation}\n");
        var head =
            $"HTTP/1.1 {Status} {Phrase(Status)}\r\n"
            + $"Content-Type: {(asHtml ? "text/html" : "text/plain")}; charset=utf-8\r\n"
            + $"Content-Length: {body.Length}\r\n"
            + (Status == 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : "")
            + "Cache-Control: no-store\r\n\r\n";
        return new OwnAnswer(head, body);
    }

    private static string Phrase(int status) => status switch
    {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        505 => "HTTP Version Not Supported",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "hotcore never answers so."),
    };

    private string Html()
    {
        var (title, explanation) = (WebUtility.HtmlEncode(Title), WebUtility.HtmlEncode(Explanation));
        return $$"""
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>{{Status}} {{title}}</title>
            <style>
            :root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif; }
            body { max-width: 34rem; margin: 20vh auto 0; padding: 0 1.5rem; }
            h1 { font-size: 1.4rem; }
            p, footer { opacity: .8; }
            footer { font-size: .8rem; margin-top: 3rem; }
            </style>
            <h1>{{Status}} {{title}}</h1>
            <p>{{explanation}}</p>
            <footer>hotcore</footer>
            </html>

            """;
    }
}
