using System.Text;

namespace Hotcore.Http.Http2;

/// <summary>The 61 fields that both sides know from the start (RFC 7541 appendix A), by index and by name.</summary>
internal static class HpackStaticTable
{
    public const int Count = 61;

    /// <summary>The indices that somebody asks for by name; of a name that has several, the first.</summary>
    public const int Status = 8;
    public const int Authorization = 23;
    public const int Cookie = 32;
    public const int ProxyAuthorization = 49;
    public const int SetCookie = 55;

    private const int Slots = 256;

    private static readonly string[] Fields =
    [
        ":authority: ", ":method: GET", ":method: POST", ":path: /", ":path: /index.html", ":scheme: http", ":scheme: https",
        ":status: 200", ":status: 204", ":status: 206", ":status: 304", ":status: 400", ":status: 404", ":status: 500",
        "accept-charset: ", "accept-encoding: gzip, deflate", "accept-language: ", "accept-ranges: ", "accept: ",
        "access-control-allow-origin: ", "age: ", "allow: ", "authorization: ", "cache-control: ", "content-disposition: ",
        "content-encoding: ", "content-language: ", "content-length: ", "content-location: ", "content-range: ",
        "content-type: ", "cookie: ", "date: ", "etag: ", "expect: ", "expires: ", "from: ", "host: ", "if-match: ",
        "if-modified-since: ", "if-none-match: ", "if-range: ", "if-unmodified-since: ", "last-modified: ", "link: ",
        "location: ", "max-forwards: ", "proxy-authenticate: ", "proxy-authorization: ", "range: ", "referer: ", "refresh: ",
        "retry-after: ", "server: ", "set-cookie: ", "strict-transport-security: ", "transfer-encoding: ", "user-agent: ",
        "vary: ", "via: ", "www-authenticate: ",
    ];

    private static readonly byte[][] Lines = [[], .. Fields.Select(field => Encoding.ASCII.GetBytes($"{field}\r\n"))];

    private static readonly HpackLine[] LineLengths = [default, .. Fields.Select(Measure)];

    // From a name's hash to its first index; 0 where there is none. Were two names to meet, the second has the next free slot.
    private static readonly byte[] IndexByHash = BuildIndexByHash();

    /// <summary>The field's whole line; empty at 0, where no field is.</summary>
    public static ReadOnlySpan<byte> Line(int index) => Lines[index];

    /// <summary>The lengths of that line.</summary>
    public static HpackLine Lengths(int index) => LineLengths[index];

    /// <summary>The first index with that name, in whatever case it is given; 0 when there is none.</summary>
    public static int FindName(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
            return 0;
        for (var slot = Hash(name); ; slot = (slot + 1) & (Slots - 1))
        {
            int index = IndexByHash[slot];
            if (index == 0 || Ascii.EqualsIgnoreCase(name, Name(index)))
                return index;
        }
    }

    /// <summary>The index that has that value too, from what <see cref="FindName"/> found on; 0 when none has.</summary>
    public static int FindValue(int firstIndex, ReadOnlySpan<byte> value)
    {
        for (var index = firstIndex; index <= LastWithSameName(firstIndex); index++)
        {
            if (value.SequenceEqual(Value(index)))
                return index;
        }

        return 0;
    }

    private static ReadOnlySpan<byte> Name(int index) => Lines[index].AsSpan(0, LineLengths[index].NameLength);

    private static ReadOnlySpan<byte> Value(int index) =>
        Lines[index].AsSpan(LineLengths[index].NameLength + 2, LineLengths[index].ValueLength);

    private static int LastWithSameName(int firstIndex) => firstIndex switch
    {
        2 or 4 or 6 => firstIndex + 1,
        Status => 14,
        _ => firstIndex,
    };

    private static HpackLine Measure(string field)
    {
        var nameLength = field.IndexOf(": ", StringComparison.Ordinal);
        return new HpackLine(nameLength, field.Length - nameLength - 2);
    }

    /// <summary>Chosen so that no two names of the table meet. The bit is what upper and lower case differ in.</summary>
    private static int Hash(ReadOnlySpan<byte> name) =>
        (name.Length + (name[0] | 0x20) * 10 + (name[^1] | 0x20) * 4) & (Slots - 1);

    private static byte[] BuildIndexByHash()
    {
        var indices = new byte[Slots];
        for (var index = 1; index <= Count; index++)
        {
            if (index > 1 && Name(index).SequenceEqual(Name(index - 1)))
                continue;
            var slot = Hash(Name(index));
            while (indices[slot] != 0)
                slot = (slot + 1) & (Slots - 1);
            indices[slot] = (byte)index;
        }

        return indices;
    }
}
