using Hotcore.Http;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>Finds the mapping of a request's domain, in the newest snapshot, without a lock.</summary>
internal sealed class Router(MappingTable mappings)
{
    public Mapping? Find(RequestHead request) => mappings.Snapshot.Find(request.Host);
}
