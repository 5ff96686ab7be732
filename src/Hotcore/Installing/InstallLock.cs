using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>Held by the one install or uninstall that is at work; the kernel takes it back however that ends.</summary>
internal sealed class InstallLock : IDisposable
{
    // Only root writes there, so that nobody else can hold it; and it is gone after a restart.
    private const string Path = "/run/hotcore-install.lock";
    private const int WouldBlock = 11;

    private readonly FileStream _file;

    private InstallLock(FileStream file) => _file = file;

    /// <exception cref="InstallFailure">Another one is at work.</exception>
    public static InstallLock Take(MachineRoot machine)
    {
        try
        {
            Directory.CreateDirectory(machine["/run"]);
            return new InstallLock(new FileStream(machine[Path], FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException failure) when (failure.HResult == WouldBlock)
        {
            throw new InstallFailure("another install or uninstall of hotcore is at work; wait until it has ended, and repeat");
        }
    }

    public void Dispose() => _file.Dispose();
}
