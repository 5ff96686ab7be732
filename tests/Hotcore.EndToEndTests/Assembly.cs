// hotcore is a program for Linux, and so are its tests.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

// Most of these tests wait for sockets and timers, not for a core: more of them at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 8)]
