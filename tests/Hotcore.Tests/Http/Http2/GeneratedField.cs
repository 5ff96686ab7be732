namespace Hotcore.Http.Http2;

/// <summary>Fields as applications have them: names that repeat, some that HPACK knows, and values of all kinds.</summary>
internal static class GeneratedField
{
    private static readonly string[] StaticNames =
    [
        .. Enumerable.Range(1, HpackStaticTable.Count)
            .Select(index => Wire.Text(HpackStaticTable.Line(index)[..HpackStaticTable.Lengths(index).NameLength])),
    ];

    public static (string Name, string Value) Create(Random random)
    {
        var name = random.Next(4) switch
        {
            0 or 1 => Wire.RandomCase(random, Cases.Pick<string>(random, StaticNames)),
            2 => Cases.Pick<string>(random, "x-request-id", "x-a", "x-forwarded-for", "dnt", "Priority"),
            _ => Wire.Token(random, 30),
        };
        var value = random.Next(6) switch
        {
            0 => "",
            1 => Cases.Pick<string>(random, "GET", "/", "https", "200", "404", "gzip, deflate", "no-cache", "max-age=3600"),
            2 => Wire.Value(random, 400),
            3 => $"{random.Next(20)}",
            _ => Wire.Value(random, 40),
        };
        return (name, value);
    }

    /// <summary>Any octets at all, of which HPACK says nothing.</summary>
    public static (string Name, string Value) CreateAny(Random random) => random.Next(3) == 0
        ? (Wire.Text(Cases.Noise(random, 20)), Wire.Text(Cases.Noise(random, 100)))
        : Create(random);
}
