using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Hotcore.Certificates.Acme;

/// <summary>What a CA answered to one request.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">The media type in lower case without parameters; empty for none.</param>
/// <param name="Body">The whole body.</param>
/// <param name="Location">The URL of what was made, or null.</param>
/// <param name="Nonce">A fresh nonce for the next request, or null.</param>
/// <param name="RetryAfter">How long to wait before asking again, or null.</param>
internal sealed record AcmeAnswer(
    int Status, string ContentType, byte[] Body, string? Location, string? Nonce, TimeSpan? RetryAfter)
{
    public bool IsSuccess => Status is >= 200 and <= 299;

    /// <summary>The body as the document that it should be.</summary>
    /// <exception cref="AcmeFailure">It is something else, or cut off.</exception>
    public T Read<T>(JsonTypeInfo<T> type, string what)
        where T : class
    {
        if (ContentType is not "application/json")
            throw Failure($"the CA answered {what} with {Shown(ContentType)} where JSON was due");
        try
        {
            return JsonSerializer.Deserialize(Body, type) ?? throw new JsonException("it is null");
        }
        catch (JsonException failure)
        {
            var why = Problem.Tidy(failure.Message);
            throw Failure($"the CA answered {what} with JSON that cannot be read: {why}", failure);
        }
    }

    /// <summary>The problem document of a refusal; null where there is none.</summary>
    public ProblemDocument? ReadProblem() =>
        !IsSuccess && ContentType is "application/problem+json" or "application/json" ? Problem.Read(Body) : null;

    /// <summary>An answer that is none, in words.</summary>
    public string Describe() => $"HTTP status {Status}, {Shown(ContentType)}";

    private AcmeFailure Failure(string words, Exception? inner = null) => new(words, inner) { RetryAfter = RetryAfter };

    private static string Shown(string contentType) =>
        contentType.Length == 0 ? "no content type" : Problem.Tidy(contentType);
}
