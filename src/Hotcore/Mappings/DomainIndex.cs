using System.Numerics;

namespace Hotcore.Mappings;

/// <summary>
/// A persistent hash table from domain to mapping. An index that has been handed out never changes; a change makes
/// another that shares all but the pages it touched, so its cost hardly depends on how many domains there are.
/// </summary>
internal sealed class DomainIndex
{
    private const int PageBits = 8;
    private const int PageBuckets = 1 << PageBits;

    // Buckets by page; a page that is null holds nothing. The number of pages is a power of two.
    private readonly Entry?[]?[] _pages;

    private DomainIndex(Entry?[]?[] pages, int count)
    {
        _pages = pages;
        Count = count;
    }

    public static DomainIndex Empty { get; } = new(new Entry?[]?[1], 0);

    public int Count { get; }

    private uint BucketMask => (uint)((_pages.Length << PageBits) - 1);

    /// <summary>Finds a name given in lower case. Never allocates.</summary>
    public Mapping? Find(ReadOnlySpan<byte> name)
    {
        var hash = DomainHash.Compute(name);
        var bucket = hash & BucketMask;
        var entry = _pages[bucket >> PageBits]?[bucket & (PageBuckets - 1)];
        while (entry is not null && !entry.Is(hash, name)) entry = entry.Next;
        return entry?.Mapping;
    }

    /// <summary>
    /// Collects changes to one index and makes another of them. Of one thread; a page is copied once, whatever the
    /// number of changes to it.
    /// </summary>
    public sealed class Builder
    {
        private Entry?[]?[] _pages;
        private bool[] _owned;
        private int _count;

        public Builder(DomainIndex from)
        {
            _pages = (Entry?[]?[])from._pages.Clone();
            _owned = new bool[_pages.Length];
            _count = from.Count;
        }

        /// <summary>Begins empty, with room for <paramref name="capacity"/> domains.</summary>
        public Builder(int capacity)
        {
            var buckets = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, PageBuckets));
            _pages = new Entry?[]?[buckets >> PageBits];
            _owned = new bool[_pages.Length];
        }

        public void Put(Mapping mapping)
        {
            var hash = DomainHash.Compute(mapping.DomainBytes);
            ref var bucket = ref OwnBucket(hash);
            var replaced = Entry.Without(bucket, hash, mapping.DomainBytes, out var rest);
            bucket = new Entry(hash, mapping, rest);
            if (!replaced && ++_count > _pages.Length << PageBits) Grow();
        }

        public void Remove(ReadOnlySpan<byte> name)
        {
            var hash = DomainHash.Compute(name);
            ref var bucket = ref OwnBucket(hash);
            if (!Entry.Without(bucket, hash, name, out var rest)) return;
            bucket = rest;
            _count--;
        }

        /// <summary>The index as it is now. Afterwards the builder is not used again.</summary>
        public DomainIndex Build()
        {
            var built = new DomainIndex(_pages, _count);
            _pages = [];
            _owned = [];
            return built;
        }

        private ref Entry? OwnBucket(uint hash)
        {
            var bucket = hash & (uint)((_pages.Length << PageBits) - 1);
            var page = bucket >> PageBits;
            if (!_owned[page])
            {
                _pages[page] = (Entry?[]?)_pages[page]?.Clone() ?? new Entry?[PageBuckets];
                _owned[page] = true;
            }
            return ref _pages[page]![bucket & (PageBuckets - 1)];
        }

        private void Grow()
        {
            var old = _pages;
            _pages = new Entry?[]?[old.Length * 2];
            _owned = new bool[_pages.Length];
            foreach (var page in old)
            {
                foreach (var chain in page ?? [])
                {
                    for (var entry = chain; entry is not null; entry = entry.Next)
                    {
                        ref var bucket = ref OwnBucket(entry.Hash);
                        bucket = new Entry(entry.Hash, entry.Mapping, bucket);
                    }
                }
            }
        }
    }

    /// <summary>A link of a bucket's chain; immutable, since older indexes share it.</summary>
    private sealed class Entry(uint hash, Mapping mapping, Entry? next)
    {
        public uint Hash { get; } = hash;

        public Mapping Mapping { get; } = mapping;

        public Entry? Next { get; } = next;

        public bool Is(uint hash, ReadOnlySpan<byte> name) => Hash == hash && name.SequenceEqual(Mapping.DomainBytes);

        /// <summary>The chain without a name, sharing what follows it; false where it is not in it.</summary>
        public static bool Without(Entry? chain, uint hash, ReadOnlySpan<byte> name, out Entry? rest)
        {
            var found = chain;
            while (found is not null && !found.Is(hash, name)) found = found.Next;
            if (found is null)
            {
                rest = chain;
                return false;
            }
            rest = found.Next;
            for (var entry = chain; entry != found; entry = entry!.Next)
                rest = new Entry(entry!.Hash, entry.Mapping, rest);
            return true;
        }
    }
}
