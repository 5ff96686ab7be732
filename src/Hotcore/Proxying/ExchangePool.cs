using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>Exchanges of one loop that are free to be lent. Those beyond a bound are left to the garbage collector.</summary>
internal sealed class ExchangePool<T>(EventLoop loop, Func<T> make)
    where T : Exchange
{
    private const int MostFree = 256;
    private const int ExchangeBytes = 16 * 1024;

    private readonly Stack<T> _free = new();

    public T Rent() => _free.TryPop(out var exchange) ? exchange : make();

    /// <summary>Takes back an exchange that no method is at work on any more.</summary>
    public void Return(T exchange)
    {
        exchange.Request.Fields.Clear();
        exchange.Response.Fields.Clear();
        if (_free.Count < MostFree)
            _free.Push(exchange);
        else
            loop.Buffers.CountLetGo(ExchangeBytes);
    }
}
