namespace Hotcore.Mappings;

/// <summary>What becomes of a domain: mapped as <see cref="Mapping"/> says or, where that is null, unmapped.</summary>
internal readonly record struct MappingChange(DomainName Domain, Mapping? Mapping);
