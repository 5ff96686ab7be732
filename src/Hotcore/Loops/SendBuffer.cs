using System.Diagnostics;

namespace Hotcore.Loops;

/// <summary>
/// Bytes gathered for one send. Owns a pooled buffer only while it holds bytes. Belongs to one loop.
/// </summary>
internal sealed class SendBuffer(BufferPool pool)
{
    private byte[]? _bytes;

    public int Count { get; private set; }

    /// <summary>How many bytes fit without growing.</summary>
    public int Room => (_bytes?.Length ?? BufferPool.SmallBytes) - Count;

    public ReadOnlySpan<byte> Gathered => _bytes.AsSpan(0, Count);

    /// <summary>Adds bytes, moving to a large buffer where a small one is too small.</summary>
    /// <exception cref="InvalidOperationException">All together they exceed <see cref="BufferPool.LargeBytes"/>.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_bytes is null || bytes.Length > _bytes.Length - Count)
            Grow(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Count));
        Count += bytes.Length;
    }

    /// <summary>Changes one byte of what is gathered.</summary>
    public void Patch(int position, byte value)
    {
        Debug.Assert(position < Count, "Only what was gathered can be changed.");
        _bytes![position] = value;
    }

    /// <summary>Adds a number in decimal.</summary>
    public void AppendDecimal(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        var isWritten = number.TryFormat(digits, out var length);
        Debug.Assert(isWritten, "20 digits hold every number of 64 bits.");
        Append(digits[..length]);
    }

    /// <summary>Adds a number in hexadecimal.</summary>
    public void AppendHexadecimal(int number)
    {
        Span<byte> digits = stackalloc byte[8];
        var isWritten = number.TryFormat(digits, out var length, "x");
        Debug.Assert(isWritten, "8 digits hold every number of 32 bits.");
        Append(digits[..length]);
    }

    /// <summary>
    /// Sends all that was gathered and is empty afterwards: false when <paramref name="connection"/> broke, was closed, or
    /// took nothing for the time given.
    /// </summary>
    public LoopTask<bool> FlushAsync(Connection connection, long timeoutMilliseconds)
    {
        if (Count == 0)
            return new LoopTask<bool>(true);
        var sent = connection.TrySend(Gathered);
        if (sent != Count)
            return FlushRestAsync(connection, Math.Max(sent, 0), timeoutMilliseconds);
        Release();
        return new LoopTask<bool>(true);
    }

    /// <summary>Returns the buffer and forgets what was gathered.</summary>
    public void Release()
    {
        Count = 0;
        if (_bytes is null)
            return;
        pool.Return(_bytes);
        _bytes = null;
    }

    private async LoopTask<bool> FlushRestAsync(Connection connection, int alreadySent, long timeoutMilliseconds)
    {
        var isSent = await connection.SendAsync(_bytes.AsMemory(alreadySent, Count - alreadySent), timeoutMilliseconds);
        Release();
        return isSent;
    }

    private void Grow(int more)
    {
        if (_bytes is null)
        {
            _bytes = more <= BufferPool.SmallBytes ? pool.RentSmall() : pool.RentLarge();
        }
        else if (_bytes.Length < BufferPool.LargeBytes)
        {
            var large = pool.RentLarge();
            Gathered.CopyTo(large);
            pool.Return(_bytes);
            _bytes = large;
        }

        if (more > _bytes.Length - Count)
            throw new InvalidOperationException($"{Count + more} bytes do not fit into one send buffer.");
    }
}
