using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// The network of another process. A socket stays for life in the network that its thread was in when it was made, so this
/// process can have sockets there as well. Needs root.
/// </summary>
public sealed class NetworkNamespace : IAsyncDisposable
{
    private const int OfNetworks = 0x4000_0000;

    private readonly SafeFileHandle _own = File.OpenHandle("/proc/self/ns/net");
    private readonly SafeFileHandle _theirs;

    public NetworkNamespace(int processId) => _theirs = File.OpenHandle($"/proc/{processId}/ns/net");

    /// <summary>
    /// Has the calling thread make a socket there. Nothing else: what starts a thread there would leave it there for good.
    /// </summary>
    public T Make<T>(Func<T> make)
    {
        Enter(_theirs);
        try
        {
            return make();
        }
        finally
        {
            Enter(_own);
        }
    }

    public ValueTask DisposeAsync()
    {
        _own.Dispose();
        _theirs.Dispose();
        return ValueTask.CompletedTask;
    }

    private static void Enter(SafeFileHandle network)
    {
        if (EnterNamespace(network, OfNetworks) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "setns");
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int EnterNamespace(SafeFileHandle network, int kind);
}
