using System.Net;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Another machine, in effect: a network namespace behind a virtual cable, so that a client's address is not one of
/// this machine's loopback ones. Needs root and iproute2.
/// </summary>
public sealed class OutsideNetwork : IAsyncDisposable
{
    // 198.18.0.0/15 is for tests (RFC 2544); the process id keeps runs at the same time apart.
    private static readonly int Number = Environment.ProcessId % 60_000;
    private readonly string _name = $"hotcore{Number}";
    private readonly string _cable = $"hc{Number}";

    private OutsideNetwork()
    {
        var network = Number * 4 % 65_536;
        var second = 18 + Number * 4 / 65_536 % 2;
        Inside = new IPAddress([198, (byte)second, (byte)(network >> 8), (byte)((network & 0xff) + 1)]);
        var bytes = Inside.GetAddressBytes();
        bytes[3]++;
        Outside = new IPAddress(bytes);
    }

    /// <summary>This machine's address, as the other one sees it. Not a loopback address either.</summary>
    public IPAddress Inside { get; }

    /// <summary>The other machine's address.</summary>
    public IPAddress Outside { get; }

    public static async Task<OutsideNetwork> Start()
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("this test makes a network namespace, which needs root: run the tests as root");
        var network = new OutsideNetwork();
        try
        {
            await Browser.WhileNoneShows(network.Lay);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a program on the other machine.</summary>
    public Task<Finished> Run(params string[] command) => Finished.Run("ip", ["netns", "exec", _name, .. command]);

    /// <summary>The cable first: with the namespace, it would go at some later time, and keep its name until then.</summary>
    public async ValueTask DisposeAsync()
    {
        await Browser.WhileNoneShows(() => Finished.Run("ip", ["link", "delete", _cable]));
        await Finished.Run("ip", ["netns", "delete", _name]);
    }

    private async Task Lay()
    {
        await Ip("netns", "add", _name);
        await Ip("link", "add", _cable, "type", "veth", "peer", "name", "eth0", "netns", _name);
        // No IPv6 address, which the kernel would give it some seconds later.
        await Ip("link", "set", _cable, "addrgenmode", "none");
        await Ip("address", "add", $"{Inside}/30", "dev", _cable);
        await Ip("link", "set", _cable, "up");
        await Ip("-n", _name, "address", "add", $"{Outside}/30", "dev", "eth0");
        await Ip("-n", _name, "link", "set", "eth0", "up");
    }

    private static async Task Ip(params string[] arguments)
    {
        var finished = await Finished.Run("ip", arguments);
        if (finished.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"this test makes a network namespace, and `ip {string.Join(' ', arguments)}` failed: {finished.Error}");
        }
    }
}
