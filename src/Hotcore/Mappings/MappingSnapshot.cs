using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;

namespace Hotcore.Mappings;

/// <summary>
/// All mappings at one instant. Immutable: any thread may read it, for as long as it likes, without a lock.
/// </summary>
internal sealed class MappingSnapshot
{
    private static readonly Comparer<Mapping> ByDomain =
        Comparer<Mapping>.Create((a, b) => a.Domain.CompareTo(b.Domain));

    private readonly DomainIndex _index;
    private readonly ImmutableSortedSet<Mapping> _sorted;

    private MappingSnapshot(DomainIndex index, ImmutableSortedSet<Mapping> sorted)
    {
        _index = index;
        _sorted = sorted;
    }

    public static MappingSnapshot Empty { get; } = new(DomainIndex.Empty, ImmutableSortedSet.Create<Mapping>(ByDomain));

    public int Count => _index.Count;

    /// <summary>All mappings in ordinal order of their domains.</summary>
    public IReadOnlyCollection<Mapping> All => _sorted;

    /// <summary>Makes a snapshot of many mappings at once; of two for one domain the later stands.</summary>
    public static MappingSnapshot Create(IReadOnlyCollection<Mapping> mappings)
    {
        var index = new DomainIndex.Builder(mappings.Count);
        var latest = new Dictionary<DomainName, Mapping>(mappings.Count);
        foreach (var mapping in mappings)
        {
            index.Put(mapping);
            latest[mapping.Domain] = mapping;
        }
        return new MappingSnapshot(index.Build(), ImmutableSortedSet.CreateRange(ByDomain, latest.Values));
    }

    /// <summary>
    /// The mapping of a host as a request names it: any case, with or without one trailing dot, without a port.
    /// Never allocates; costs the same whatever the number of mappings.
    /// </summary>
    [SkipLocalsInit]
    public Mapping? Find(ReadOnlySpan<byte> host)
    {
        if (host.Length > 0 && host[^1] == '.') host = host[..^1];
        if (host.Length is 0 or > DomainName.MaxLength) return null;
        Span<byte> name = stackalloc byte[DomainName.MaxLength];
        Ascii.ToLower(host, name, out var length);
        // ToLower stops at a byte that is not ASCII, and no domain has one.
        return length == host.Length ? _index.Find(name[..length]) : null;
    }

    /// <summary>The mapping of a domain, or null.</summary>
    public Mapping? Find(DomainName domain)
    {
        Span<byte> name = stackalloc byte[DomainName.MaxLength];
        return _index.Find(name[..Encoding.ASCII.GetBytes(domain.ToString(), name)]);
    }

    /// <summary>
    /// The mappings in ordinal order of their domains, from the first beyond <paramref name="domain"/> (which need not
    /// be mapped), or from the very first where that is null. The start is found in logarithmic time.
    /// </summary>
    public IEnumerable<Mapping> After(string? domain)
    {
        for (var i = domain is null ? 0 : IndexAfter(domain); i < _sorted.Count; i++) yield return _sorted[i];
    }

    /// <summary>This snapshot with changes made to it, in their order. Shares what they leave alone.</summary>
    public MappingSnapshot With(IReadOnlyList<MappingChange> changes)
    {
        if (changes.Count == 0) return this;
        var index = new DomainIndex.Builder(_index);
        var sorted = _sorted.ToBuilder();
        foreach (var change in changes)
        {
            // The set compares by domain alone: the old mapping goes out by any other of its domain.
            var key = change.Mapping ?? new Mapping(change.Domain, 1, DateTimeOffset.UnixEpoch);
            sorted.Remove(key);
            if (change.Mapping is null)
            {
                index.Remove(key.DomainBytes);
            }
            else
            {
                index.Put(change.Mapping);
                sorted.Add(change.Mapping);
            }
        }
        return new MappingSnapshot(index.Build(), sorted.ToImmutable());
    }

    private int IndexAfter(string domain)
    {
        int low = 0, high = _sorted.Count;
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            if (string.CompareOrdinal(_sorted[middle].Domain.ToString(), domain) <= 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
