namespace Hotcore.Proxying.Http2;

/// <summary>
/// What a client may cost without use: resets, faults, pings, settings and empty frames all count against it, and what it lets us
/// deliver is credited. Honest clients cancel, probe and update their windows by the hundred; floods do so by the hundred
/// thousand (CVE-2023-44487, CVE-2025-8671 and their kin).
/// </summary>
internal sealed class PatienceBudget(long nowMilliseconds)
{
    private const int Most = 1_000;
    private const int MillisecondsForOne = 10;

    /// <summary>A window update for every so many bytes is what eager clients send.</summary>
    private const int BytesForOne = 1_024;

    private const int ForOneAnswer = 8;

    /// <summary>For each frame of an answer some clients update the window of the stream and of the connection, and measure with a PING.</summary>
    private const int ForOneFrame = 3;

    private long _left = Most;
    private long _countedUntil = nowMilliseconds;
    private long _bytes;

    /// <summary>Takes from what is left; false when there is not that much.</summary>
    public bool TryTake(int cost, long nowMilliseconds)
    {
        if (_left < Most && nowMilliseconds - _countedUntil >= MillisecondsForOne)
        {
            Add((nowMilliseconds - _countedUntil) / MillisecondsForOne);
            _countedUntil = nowMilliseconds;
        }

        _left -= cost;
        return _left >= 0;
    }

    /// <summary>An answer reached its end.</summary>
    public void CreditAnswer() => Add(ForOneAnswer);

    /// <summary>A frame of an answer went out that was worth it.</summary>
    public void CreditFrame() => Add(ForOneFrame);

    /// <summary>So much of an answer was taken, or of a request's body passed on.</summary>
    public void CreditBytes(int bytes)
    {
        _bytes += bytes;
        Add(_bytes / BytesForOne);
        _bytes %= BytesForOne;
    }

    private void Add(long more) => _left = Math.Min(Most, _left + more);
}
