using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace Hotcore.Certificates;

/// <summary>
/// A CA in miniature that notes what it is asked, and can be made to misbehave: <see cref="Tamper"/> sees each request
/// with the right answer to it, and gives the one that is sent instead.
/// </summary>
internal sealed class FakeCa : IDisposable
{
    private static readonly object Refused = new { type = "urn:ietf:params:acme:error:connection", detail = "refused" };

    private readonly FakeHttpServer _server;
    private readonly HttpChallenges _challenges;
    private readonly TimeProvider _clock;
    private readonly TestAuthority _authority = new();
    private readonly ConcurrentDictionary<string, bool> _nonces = [];
    private readonly ConcurrentDictionary<string, string> _accounts = [];
    private readonly ConcurrentDictionary<string, Order> _orders = [];
    private int _count;

    public FakeCa(HttpChallenges challenges, TimeProvider clock)
    {
        _challenges = challenges;
        _clock = clock;
        _server = new FakeHttpServer(Answer);
    }

    public Uri Directory => new(Url + "/directory");

    public string Url => _server.Url;

    public TimeSpan Lifetime { get; set; } = TimeSpan.FromDays(90);

    /// <summary>The name that it certifies, whatever was ordered; null for what was.</summary>
    public string? NameInstead { get; set; }

    /// <summary>Whether its directory names renewal information.</summary>
    public bool HasRenewalInfo { get; set; } = true;

    /// <summary>What it says of a certificate, given its id.</summary>
    public Func<string, FakeAnswer> RenewalInfo { get; set; } = _ => new FakeAnswer(404, "text/plain", "");

    public Func<FakeRequest, FakeAnswer, FakeAnswer?> Tamper { get; set; } = (_, right) => right;

    /// <summary>The paths that were asked for.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>What each order said that it replaces, or null.</summary>
    public ConcurrentQueue<string?> Replaced { get; } = [];

    /// <summary>How many accounts it has; by key, so that a second key would be a second account.</summary>
    public int Accounts => _accounts.Count;

    /// <summary>How many orders it took.</summary>
    public int Orders => _orders.Count;

    public void ForgetAccounts() => _accounts.Clear();

    public void Dispose() => _server.Dispose();

    public static FakeAnswer Problem(int status, string type, string detail, params string[] fields)
    {
        var body = JsonSerializer.Serialize(new { type = "urn:ietf:params:acme:error:" + type, detail });
        return new FakeAnswer(status, "application/problem+json", body, fields);
    }

    public static FakeAnswer Json(object document, params string[] fields) =>
        new(200, "application/json", JsonSerializer.Serialize(document), fields);

    private FakeAnswer? Answer(FakeRequest request)
    {
        Requests.Enqueue(request.Path);
        var answer = Tamper(request, RightAnswer(request));
        if (answer is null) return null;
        var nonce = $"nonce{Interlocked.Increment(ref _count)}";
        _nonces[nonce] = true;
        return answer with { Fields = [.. answer.Fields, $"Replay-Nonce: {nonce}"] };
    }

    private FakeAnswer RightAnswer(FakeRequest request)
    {
        var path = request.Path.Split('/');
        if (request.Method is not "POST") return ToPlainRequest(path);
        using var signed = JsonDocument.Parse(request.Body);
        using var header = Part(signed, "protected");
        var nonce = header.RootElement.GetProperty("nonce").GetString()!;
        if (!_nonces.TryRemove(nonce, out _)) return Problem(400, "badNonce", "used");
        using var payload = Part(signed, "payload");
        if (path[1] == "account") return ToAccount(header.RootElement.GetProperty("jwk").GetRawText());
        var account = header.RootElement.GetProperty("kid").GetString()!;
        var isKnown = _accounts.Values.Contains(account);
        return isKnown ? ToSignedRequest(path, payload) : Problem(400, "accountDoesNotExist", "who?");
    }

    private FakeAnswer ToPlainRequest(string[] path) => path[1] switch
    {
        "directory" => Json(new Dictionary<string, string?>
        {
            ["newNonce"] = Url + "/nonce",
            ["newAccount"] = Url + "/account",
            ["newOrder"] = Url + "/orders",
            ["renewalInfo"] = HasRenewalInfo ? Url + "/renewal" : null,
        }),
        "renewal" => RenewalInfo(path[2]),
        _ => new FakeAnswer(200, "text/plain", ""),
    };

    private FakeAnswer ToAccount(string jwk)
    {
        var url = _accounts.GetOrAdd(jwk, _ => $"{Url}/accounts/{Interlocked.Increment(ref _count)}");
        return Json(new { status = "valid" }, $"Location: {url}");
    }

    private FakeAnswer ToSignedRequest(string[] path, JsonDocument payload)
    {
        if (path[1] == "orders") return ToNewOrder(payload);
        var order = _orders[path[2]];
        switch (path[1])
        {
            case "challenge":
                var token = "token" + order.Id;
                var isProven = _challenges.TryFind(Encoding.ASCII.GetBytes(token), out var found)
                    && Encoding.ASCII.GetString(found).StartsWith(token + ".", StringComparison.Ordinal);
                order.Status = isProven ? "ready" : "invalid";
                return Json(new { status = "processing" });
            case "authorization":
                return ToAuthorization(order);
            case "finalize":
                order.Status = "valid";
                var csr = Base64Url.DecodeFromChars(payload.RootElement.GetProperty("csr").GetString());
                order.Pem = _authority.Certify(csr, NameInstead ?? order.Name, _clock.GetUtcNow(), Lifetime);
                return ToOrder(order);
            case "certificate":
                return new FakeAnswer(200, "application/pem-certificate-chain", order.Pem);
            default:
                return ToOrder(order);
        }
    }

    private FakeAnswer ToNewOrder(JsonDocument payload)
    {
        var name = payload.RootElement.GetProperty("identifiers")[0].GetProperty("value").GetString()!;
        var isReplacing = payload.RootElement.TryGetProperty("replaces", out var replaces);
        Replaced.Enqueue(isReplacing ? replaces.GetString() : null);
        var order = new Order($"{Interlocked.Increment(ref _count)}", name);
        _orders[order.Id] = order;
        var answer = ToOrder(order);
        return answer with { Status = 201, Fields = [$"Location: {Url}/order/{order.Id}"] };
    }

    private FakeAnswer ToOrder(Order order) => Json(new
    {
        status = order.Status,
        authorizations = new[] { $"{Url}/authorization/{order.Id}" },
        finalize = $"{Url}/finalize/{order.Id}",
        certificate = $"{Url}/certificate/{order.Id}",
    });

    private FakeAnswer ToAuthorization(Order order) => Json(new
    {
        status = order.Status switch { "ready" or "valid" => "valid", var other => other },
        identifier = new { type = "dns", value = order.Name },
        challenges = new[]
        {
            new
            {
                type = "http-01",
                url = $"{Url}/challenge/{order.Id}",
                status = "pending",
                token = "token" + order.Id,
                error = order.Status == "invalid" ? Refused : null,
            },
        },
    });

    private static JsonDocument Part(JsonDocument signed, string name)
    {
        var json = Base64Url.DecodeFromChars(signed.RootElement.GetProperty(name).GetString());
        return JsonDocument.Parse(json.Length == 0 ? "null"u8.ToArray() : json);
    }

    private sealed record Order(string Id, string Name)
    {
        public string Status { get; set; } = "pending";

        public string Pem { get; set; } = "";
    }
}
