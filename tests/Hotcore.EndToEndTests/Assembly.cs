// Most of these tests wait for sockets and timers, not for a core: more of them at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 8)]
