"""Whom a limit counts: one address, or of IPv6 the /64 that one customer has to itself."""

import ipaddress


def source_of(address: str) -> str:
    """Name whom an address belongs to; what is no address stands for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
