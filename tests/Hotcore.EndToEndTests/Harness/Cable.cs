using System.Globalization;
using System.Net;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// A virtual cable from this machine into a booted Debian, whose own network leads nowhere. Needs root and iproute2.
/// </summary>
public sealed class Cable : IAsyncDisposable
{
    // 198.18.0.0/15 is for tests (RFC 2544). The process id keeps runs at the same time apart; half the range lies between
    // this network and the one of OutsideNetwork.
    private static readonly int Number = (Environment.ProcessId + 16_384) % 32_768;
    private readonly string _name = $"hcd{Number}";

    private Cable()
    {
        Here = Address(1);
        There = Address(2);
    }

    /// <summary>This machine's end.</summary>
    public IPAddress Here { get; }

    /// <summary>The Debian's end.</summary>
    public IPAddress There { get; }

    public static async Task<Cable> Lay(BootedDebian debian)
    {
        var cable = new Cable();
        try
        {
            await Browser.WhileNoneShows(() => cable.LayTo(debian));
            return cable;
        }
        catch
        {
            await cable.DisposeAsync();
            throw;
        }
    }

    /// <summary>Both ends go, unless they went with the Debian.</summary>
    public async ValueTask DisposeAsync() =>
        await Browser.WhileNoneShows(() => Finished.Run("ip", ["link", "delete", _name]));

    private async Task LayTo(BootedDebian debian)
    {
        var leader = debian.Leader.ToString(CultureInfo.InvariantCulture);
        await Ip("link", "add", _name, "type", "veth", "peer", "name", "outside", "netns", leader);
        // No IPv6 address, which the kernel would give it some seconds later.
        await Ip("link", "set", _name, "addrgenmode", "none");
        await Ip("address", "add", $"{Here}/30", "dev", _name);
        await Ip("link", "set", _name, "up");
        await debian.Shell($"ip address add {There}/30 dev outside && ip link set outside up");
    }

    private static IPAddress Address(int host) =>
        new([198, (byte)(18 + (Number >> 14)), (byte)(Number >> 6), (byte)((Number << 2) + host)]);

    private static async Task Ip(params string[] arguments)
    {
        var finished = await Finished.Run("ip", arguments);
        if (finished.ExitCode != 0)
            throw new InvalidOperationException($"`ip {string.Join(' ', arguments)}` failed: {finished.Error}");
    }
}
