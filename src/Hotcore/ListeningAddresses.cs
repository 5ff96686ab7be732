using System.Net;
using System.Net.Sockets;
using Hotcore.Installing;
using Hotcore.Machine;
using Hotcore.Proxying;
using Hotcore.Tls;

namespace Hotcore;

/// <summary>Which addresses and ports are served, by mode and by what the machine allows.</summary>
internal static class ListeningAddresses
{
    /// <summary>Listens at sockets that listen already. Returns their addresses.</summary>
    public static IReadOnlyList<IPEndPoint> Continue(Proxy proxy, IReadOnlyList<Socket> sockets, TlsContext? tls) =>
        [.. sockets.Select(socket => proxy.Listen(socket, tls))];

    /// <summary>Listens for plain HTTP; says in <paramref name="log"/> where it had to settle for less. Returns the addresses.</summary>
    /// <exception cref="StartFailure">A port is taken or not ours to take.</exception>
    public static IReadOnlyList<IPEndPoint> BeginHttp(Proxy proxy, DaemonOptions options, Action<string> log) =>
        Begin(address => proxy.Listen(address), options, new Ports(options.HttpPort, 80, 8080, "--http-port"), log);

    /// <summary>Listens for HTTPS, likewise.</summary>
    /// <exception cref="StartFailure">A port is taken or not ours to take.</exception>
    public static IReadOnlyList<IPEndPoint> BeginHttps(
        Proxy proxy, TlsContext tls, DaemonOptions options, Action<string> log) =>
        Begin(address => proxy.Listen(address, tls), options, new Ports(options.HttpsPort, 443, 8443, "--https-port"), log);

    private static IReadOnlyList<IPEndPoint> Begin(
        Func<IPEndPoint, IPEndPoint> listen, DaemonOptions options, Ports ports, Action<string> log)
    {
        var addresses = Addresses(options);
        var port = ports.Given ?? ports.Usual;
        try
        {
            return Listen(listen, addresses, port, log);
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.AccessDenied
            && options.IsLocal && ports.Given is null)
        {
            log($"port {ports.Usual} needs a right that this user lacks; serving on port {ports.Unprivileged} instead");
            port = ports.Unprivileged;
        }
        catch (SocketException refused)
        {
            throw Explain(port, ports.Option, refused);
        }

        try
        {
            return Listen(listen, addresses, port, log);
        }
        catch (SocketException refused)
        {
            throw Explain(port, ports.Option, refused);
        }
    }

    /// <summary>Local mode never listens beyond this machine; a server listens everywhere, on both kinds of addresses at once.</summary>
    private static IPAddress[] Addresses(DaemonOptions options)
    {
        if (options.BindAddress is { } given)
            return [given];
        if (!options.IsLocal)
            return Socket.OSSupportsIPv6 ? [IPAddress.IPv6Any] : [IPAddress.Any];
        return Socket.OSSupportsIPv6 ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [IPAddress.Loopback];
    }

    private static List<IPEndPoint> Listen(
        Func<IPEndPoint, IPEndPoint> listen, IPAddress[] addresses, int port, Action<string> log)
    {
        var listening = new List<IPEndPoint> { listen(new IPEndPoint(addresses[0], port)) };
        foreach (var address in addresses.AsSpan(1))
        {
            // A port of 0 is whatever is free; all addresses get the one that the first got.
            var other = new IPEndPoint(address, listening[0].Port);
            try
            {
                listening.Add(listen(other));
            }
            catch (SocketException refused) when (port == 0 || refused.SocketErrorCode is SocketError.AddressNotAvailable
                or SocketError.AddressFamilyNotSupported)
            {
                log($"not listening on {other}: {refused.Message}");
            }
        }

        return listening;
    }

    private static StartFailure Explain(int port, string option, SocketException failure) => failure.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => new StartFailure(ExplainTaken(port, option), failure),
        SocketError.AccessDenied => new StartFailure(
            $"port {port} needs a right that this user lacks; run as the installed service, or choose a port from 1024 on with {option}",
            failure),
        _ => new StartFailure($"port {port} cannot be listened on: {failure.Message}", failure),
    };

    private static string ExplainTaken(int port, string option)
    {
        var holder = PortHolder.FindHolder(new MachineRoot("/"), isUdp: false, port);
        if (holder?.ProcessId == Environment.ProcessId)
            return $"port {port} cannot be the one for HTTP and the one for HTTPS; choose another with {option}";
        return holder is null
            ? $"port {port} is taken by another program (which one: sudo ss -tanp 'sport = :{port}'); stop it, or choose another with {option}"
            : $"{holder.Describe()}, or choose another port with {option}";
    }

    /// <summary>The port that was asked for, the one that is usual, and the one for whoever may not have that.</summary>
    private sealed record Ports(int? Given, int Usual, int Unprivileged, string Option);
}
