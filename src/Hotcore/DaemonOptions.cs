using System.Net;
using Hotcore.Certificates.Acme;

namespace Hotcore;

/// <summary>What <c>serve</c> was told.</summary>
/// <param name="IsLocal">Local mode: loopback only, the user's own folder.</param>
/// <param name="Paths">Where its files are.</param>
/// <param name="BindAddress">The address to accept connections on; null for the mode's usual ones.</param>
/// <param name="HttpPort">The port for plain HTTP, 0 for any that is free; null for the mode's usual one.</param>
/// <param name="HttpsPort">The port for HTTPS, likewise.</param>
/// <param name="ControlPort">The UDP port of the control interface, 0 for any that is free.</param>
internal sealed record DaemonOptions(
    bool IsLocal, Paths Paths, IPAddress? BindAddress, int? HttpPort, int? HttpsPort, int ControlPort)
{
    /// <summary>It takes the place of the hotcore that runs with the same data folder, without a gap.</summary>
    public bool TakesOver { get; init; }

    /// <summary>The CA that certificates come from.</summary>
    public AcmeSettings Acme { get; init; } = AcmeSettings.LetsEncrypt;
}
