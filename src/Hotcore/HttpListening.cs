using System.Net;
using System.Net.Sockets;
using Hotcore.Proxying;

namespace Hotcore;

/// <summary>Which addresses and port plain HTTP is served on, by mode and by what the machine allows.</summary>
internal static class HttpListening
{
    private const int UsualPort = 80;
    private const int UnprivilegedPort = 8080;
    private const int MostTriesForAFreePort = 20;

    /// <summary>Has <paramref name="proxy"/> listen; says in <paramref name="log"/> where it had to settle for less.</summary>
    /// <exception cref="StartFailure">A port is taken or not ours to take.</exception>
    public static void Begin(Proxy proxy, DaemonOptions options, Action<string> log)
    {
        var addresses = Addresses(options);
        if (options.HttpPort is { } given)
        {
            ListenOnAll(proxy, addresses, given, log);
            return;
        }

        if (!TryListen(proxy, addresses, UsualPort, log, out var failure) && options.IsLocal
            && failure!.SocketErrorCode == SocketError.AccessDenied)
        {
            log($"port {UsualPort} needs a right that this user lacks; serving on port {UnprivilegedPort} instead");
            ListenOnAll(proxy, addresses, UnprivilegedPort, log);
        }
        else if (failure is not null)
        {
            throw Explain(UsualPort, failure);
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

    private static void ListenOnAll(Proxy proxy, IPAddress[] addresses, int port, Action<string> log)
    {
        if (!TryListen(proxy, addresses, port, log, out var failure))
            throw Explain(port, failure!);
    }

    private static bool TryListen(
        Proxy proxy, IPAddress[] addresses, int port, Action<string> log, out SocketException? failure)
    {
        failure = null;
        for (var tries = port == 0 ? MostTriesForAFreePort : 1; tries > 0; tries--)
        {
            try
            {
                // A port of 0 is whatever is free; all addresses then get the one that the first got.
                var chosen = proxy.Listen(new IPEndPoint(addresses[0], port)).Port;
                foreach (var address in addresses.AsSpan(1))
                    ListenOnAnother(proxy, new IPEndPoint(address, chosen), log);
                return true;
            }
            catch (SocketException refused)
            {
                proxy.StopListeningAsync().GetAwaiter().GetResult(); // A few posts to idle loops, at start.
                failure = refused;
            }
        }

        return false;
    }

    private static void ListenOnAnother(Proxy proxy, IPEndPoint address, Action<string> log)
    {
        try
        {
            proxy.Listen(address);
        }
        catch (SocketException refused) when (refused.SocketErrorCode is SocketError.AddressNotAvailable
            or SocketError.AddressFamilyNotSupported)
        {
            log($"not listening on {address}: {refused.Message}");
        }
    }

    private static StartFailure Explain(int port, SocketException failure) => failure.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => new StartFailure(
            $"port {port} is taken by another program (which one: sudo ss -ltnp 'sport = :{port}'); stop it, or choose another with --http-port",
            failure),
        SocketError.AccessDenied => new StartFailure(
            $"port {port} needs a right that this user lacks; run as the installed service, or choose a port from 1024 on with --http-port",
            failure),
        _ => new StartFailure($"port {port} cannot be listened on: {failure.Message}", failure),
    };
}
