using Xunit;

namespace Hotcore.Http;

public sealed class FieldNamesTests
{
    private static readonly Dictionary<string, KnownField> Names = new()
    {
        ["accept"] = KnownField.Accept,
        ["connection"] = KnownField.Connection,
        ["content-length"] = KnownField.ContentLength,
        ["content-type"] = KnownField.ContentType,
        ["cookie"] = KnownField.Cookie,
        ["date"] = KnownField.Date,
        ["expect"] = KnownField.Expect,
        ["forwarded"] = KnownField.Forwarded,
        ["host"] = KnownField.Host,
        ["http2-settings"] = KnownField.Http2Settings,
        ["keep-alive"] = KnownField.KeepAlive,
        ["location"] = KnownField.Location,
        ["proxy-connection"] = KnownField.ProxyConnection,
        ["sec-websocket-accept"] = KnownField.SecWebSocketAccept,
        ["sec-websocket-key"] = KnownField.SecWebSocketKey,
        ["te"] = KnownField.TE,
        ["trailer"] = KnownField.Trailer,
        ["transfer-encoding"] = KnownField.TransferEncoding,
        ["upgrade"] = KnownField.Upgrade,
        ["via"] = KnownField.Via,
        ["x-forwarded-for"] = KnownField.XForwardedFor,
        ["x-forwarded-host"] = KnownField.XForwardedHost,
        ["x-forwarded-proto"] = KnownField.XForwardedProto,
        ["x-real-ip"] = KnownField.XRealIP,
    };

    [Fact]
    public void Every_field_that_matters_has_a_name() =>
        Assert.Equal(Enum.GetValues<KnownField>().Except([KnownField.Other, KnownField.ForwardedLookalike]), Names.Values.Order());

    [Fact]
    public void A_name_is_found_in_any_case() => Cases.Check(
        random => Wire.RandomCase(random, Cases.Pick<string>(random, [.. Names.Keys])),
        name => Assert.Equal(Names[name.ToLowerInvariant()], FieldNames.Identify(Wire.Bytes(name))));

    [Fact]
    public void A_name_that_differs_by_a_character_is_another() => Cases.Check(
        random =>
        {
            var name = Cases.Pick<string>(random, [.. Names.Keys]).ToCharArray();
            name[random.Next(name.Length)] = Wire.TokenCharacters[random.Next(Wire.TokenCharacters.Length)];
            return new string(name);
        },
        name => Assert.Equal(Expected(name), FieldNames.Identify(Wire.Bytes(name))));

    [Theory]
    [InlineData("X_Forwarded_For", KnownField.ForwardedLookalike)]
    [InlineData("x-forwarded_host", KnownField.ForwardedLookalike)]
    [InlineData("X_FORWARDED-PROTO", KnownField.ForwardedLookalike)]
    [InlineData("x_real_ip", KnownField.ForwardedLookalike)]
    [InlineData("Content_Length", KnownField.Other)]
    [InlineData("Transfer_Encoding", KnownField.Other)]
    internal void Only_the_forwarded_fields_have_lookalikes_with_underscores(string name, KnownField expected) =>
        Assert.Equal(expected, FieldNames.Identify(Wire.Bytes(name)));

    private static KnownField Expected(string name)
    {
        var lower = name.ToLowerInvariant();
        var hyphenated = lower.Replace('_', '-');
        return Names.TryGetValue(lower, out var field) ? field
            : hyphenated.StartsWith("x-", StringComparison.Ordinal) && Names.ContainsKey(hyphenated) ? KnownField.ForwardedLookalike
            : KnownField.Other;
    }
}
