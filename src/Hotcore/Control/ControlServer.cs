using System.Net;
using System.Net.Sockets;
using System.Text;
using Hotcore.Logs;
using Hotcore.Mappings;

namespace Hotcore.Control;

/// <summary>
/// The UDP interface: takes messages on 127.0.0.1 and ::1 and answers each with one datagram. What only reads is
/// answered at once from the snapshot; changes are answered by whoever commits them, so that no reader ever waits for
/// the disk. Nothing that arrives ends the receiving.
/// </summary>
internal sealed class ControlServer : IAsyncDisposable
{
    /// <summary>The port that programs and the command line expect.</summary>
    public const int DefaultPort = 40608;

    private static readonly TimeSpan UsualAnswerPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(50);

    private readonly MappingTable _mappings;
    private readonly StatusReport _status;
    private readonly string _version;
    private readonly Func<int, bool> _isOwnPort;
    private readonly Func<DomainName, string?> _renew;
    private readonly Action<string> _log;
    private readonly PortOwners _owners;
    private readonly IReadOnlyList<Socket> _sockets;
    private readonly TimeSpan _answerPatience;
    private CancellationTokenSource _pausing = new();
    private Task[] _receiving = [];
    private volatile bool _isStopping;
    private int _changesUnderWay;

    /// <summary>Begins to answer.</summary>
    /// <param name="sockets">Of one port, as <see cref="ControlSocket"/> opens them; from now on this object's own.</param>
    /// <param name="mappings">What messages read and change.</param>
    /// <param name="status">Words the replies to status.</param>
    /// <param name="version">The reply to version.</param>
    /// <param name="isOwnPort">Whether the proxy itself listens on a port. Asked from any thread.</param>
    /// <param name="renew">
    /// Asks for a domain's new certificate; null, or why not. Called on the thread pool, and may wait for the disk.
    /// </param>
    /// <param name="clock">Tells how old the knowledge of senders is.</param>
    /// <param name="log">Takes a line for every accepted change and every fault.</param>
    /// <param name="answerPatience">How long it waits, when it stops, for changes that are under way; a second by default.</param>
    public ControlServer(
        IReadOnlyList<Socket> sockets,
        MappingTable mappings,
        StatusReport status,
        string version,
        Func<int, bool> isOwnPort,
        Func<DomainName, string?> renew,
        TimeProvider clock,
        Action<string> log,
        TimeSpan? answerPatience = null)
    {
        _mappings = mappings;
        _status = status;
        _version = version;
        _isOwnPort = isOwnPort;
        _renew = renew;
        _log = log;
        _answerPatience = answerPatience ?? UsualAnswerPatience;
        _owners = new PortOwners(clock);
        _sockets = sockets;
        EndPoints = [.. _sockets.Select(socket => (IPEndPoint)socket.LocalEndPoint!)];
        foreach (var address in EndPoints) status.AddAddress("control", address);
        Resume();
    }

    /// <summary>The sockets it receives at; they stay this object's own.</summary>
    public IReadOnlyList<Socket> Sockets => _sockets;

    /// <summary>Where it listens: one or two addresses, one port.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints { get; }

    /// <summary>
    /// Stops receiving. What is sent from now on waits in the sockets, for <see cref="Resume"/> or for the process that they are
    /// handed to. Completes when what came before is answered.
    /// </summary>
    public async Task PauseAsync()
    {
        await _pausing.CancelAsync();
        await Task.WhenAll(_receiving);
        // The disk is waited for, a millisecond or two; that is not worth an event for each change.
        while (Volatile.Read(ref _changesUnderWay) > 0) await Task.Delay(1);
    }

    /// <summary>Receives, for the first time or again after <see cref="PauseAsync"/>.</summary>
    public void Resume()
    {
        _pausing = new CancellationTokenSource();
        var pausing = _pausing.Token;
        _receiving = [.. _sockets.Select(socket => Task.Run(() => ReceiveAsync(socket, pausing), CancellationToken.None))];
    }

    /// <summary>
    /// Stops receiving, answers what was received, and closes the sockets. Where the disk hangs, changes are not answered.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_isStopping) return;
        await Task.WhenAny(PauseAsync(), Task.Delay(_answerPatience));
        _isStopping = true;
        foreach (var socket in _sockets) socket.Dispose();
        await Task.WhenAll(_receiving);
    }

    private async Task ReceiveAsync(Socket socket, CancellationToken pausing)
    {
        // One byte more than a message may have tells one that is too long; the kernel drops the rest of it.
        var buffer = new byte[ControlMessage.MaxRequestBytes + 1];
        var isVersion4 = socket.AddressFamily == AddressFamily.InterNetwork;
        var anyone = new IPEndPoint(isVersion4 ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (!_isStopping && !pausing.IsCancellationRequested)
        {
            try
            {
                var received =
                    await socket.ReceiveFromAsync(buffer, SocketFlags.None, anyone, pausing);
                Answer(socket, (IPEndPoint)received.RemoteEndPoint, buffer.AsSpan(0, received.ReceivedBytes));
            }
            catch (Exception) when (_isStopping || pausing.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                _log($"cannot receive messages on {socket.AddressFamily}: {failure.Message}");
                await Task.Delay(PauseAfterFailure);
            }
        }
    }

    private void Answer(Socket socket, IPEndPoint sender, ReadOnlySpan<byte> datagram)
    {
        if (datagram.IsEmpty || !IPAddress.IsLoopback(sender.Address)) return;
        try
        {
            if (!ControlMessage.TryParse(datagram, out var message, out var error))
                Reply(socket, sender, ControlMessage.FormatError(error));
            else if (message.Verb is ControlVerb.Add or ControlVerb.Remove or ControlVerb.Renew)
                Change(socket, sender, message);
            else
                Reply(socket, sender, Read(message));
        }
        catch (Exception failure)
        {
            _log($"a message from {sender} failed: {failure}");
            Reply(socket, sender, ControlMessage.FormatError("hotcore failed on this message; its log says more"));
        }
    }

    private string Read(ControlMessage message)
    {
        var mappings = _mappings.Snapshot;
        var listed = mappings.After(message.Domain?.ToString());
        return message.Verb switch
        {
            ControlVerb.Check => ControlMessage.CheckReply,
            ControlVerb.Version => _version,
            ControlVerb.List => ListingPage.Format(listed.Select(mapping => $"{mapping.Domain} {mapping.Port}")),
            ControlVerb.Status => _status.Summarize(),
            ControlVerb.StatusOfDomains => ListingPage.Format(listed.Select(_status.DescribeAmongMany)),
            ControlVerb.StatusOfDomain => Describe(mappings, message.Domain!.Value),
            _ => throw new InvalidOperationException($"{message.Verb} does not only read"),
        };
    }

    private string Describe(MappingSnapshot mappings, DomainName domain)
    {
        var mapping = mappings.Find(domain);
        return mapping is null
            ? ControlMessage.FormatError(NotMapped(domain))
            : _status.Describe(mapping);
    }

    private static string NotMapped(DomainName domain) => $"{domain} is not mapped; use: add {domain} <port>";

    private void Change(Socket socket, IPEndPoint sender, ControlMessage message)
    {
        if (message.Verb == ControlVerb.Add && (message.Port == EndPoints[0].Port || _isOwnPort(message.Port)))
        {
            var reason = $"hotcore itself listens on port {message.Port}; use the port of your app";
            Reply(socket, sender, ControlMessage.FormatError(reason));
            return;
        }
        // Asked for now: the sender may be gone once the change is durable.
        var owner = _owners.Find(sender);
        Interlocked.Increment(ref _changesUnderWay);
        _ = message.Verb == ControlVerb.Renew
            ? RenewAsync(socket, sender, message.Domain!.Value, owner)
            : ChangeAsync(socket, sender, message, owner);
    }

    private async Task ChangeAsync(Socket socket, IPEndPoint sender, ControlMessage message, string owner)
    {
        var domain = message.Domain!.Value;
        var isAdd = message.Verb == ControlVerb.Add;
        try
        {
            await (isAdd ? _mappings.AddAsync(domain, message.Port) : _mappings.RemoveAsync(domain));
            _log(isAdd ? $"add {domain} {message.Port}, by {owner}" : $"remove {domain}, by {owner}");
            Reply(socket, sender, ControlMessage.FormatOk(domain, isAdd ? message.Port : null));
        }
        catch (IOException failure)
        {
            Reply(socket, sender, ControlMessage.FormatError($"not stored, nothing changed: {failure.Message}"));
        }
        finally
        {
            Interlocked.Decrement(ref _changesUnderWay);
        }
    }

    private async Task RenewAsync(Socket socket, IPEndPoint sender, DomainName domain, string owner)
    {
        try
        {
            var refusal = _mappings.Snapshot.Find(domain) is null ? NotMapped(domain) : await Task.Run(() => _renew(domain));
            if (refusal is null) _log($"renew {domain}, by {owner}");
            Reply(socket, sender, refusal is null ? ControlMessage.FormatOk(domain) : ControlMessage.FormatError(refusal));
        }
        catch (Exception failure)
        {
            _log($"a message from {sender} failed: {failure}");
            Reply(socket, sender, ControlMessage.FormatError("hotcore failed on this message; its log says more"));
        }
        finally
        {
            Interlocked.Decrement(ref _changesUnderWay);
        }
    }

    private void Reply(Socket socket, IPEndPoint sender, string text)
    {
        try
        {
            socket.SendTo(Encoding.UTF8.GetBytes(text), sender);
        }
        catch (Exception) when (_isStopping)
        {
            // The socket is closed: the sender hears nothing, as from a hotcore that does not run.
            _log($"no reply to {sender}: stopping");
        }
        catch (SocketException failure)
        {
            _log($"cannot reply to {sender}: {failure.Message}");
        }
    }
}
