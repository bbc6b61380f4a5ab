"""Which addresses belong to the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
"""The prefix through which a network without IPv4 reaches the IPv4 address in the last 32 bits (RFC 6052)."""
_TUNNELS = (IPv6Network("::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"), IPv6Network("fec0::/10"))
"""Obsolete forms, most of which lead to an IPv4 address: IPv4-compatible, 6to4, Teredo, site-local."""


def is_public(address: str) -> bool:
    """Whether an IPv4 or IPv6 address, written in full, belongs to the public internet.

    Loopback, private, shared (RFC 6598), link-local (also the clouds' 169.254.169.254), multicast, unspecified,
    reserved and documentation addresses do not, nor do IPv6 forms that contain such an IPv4 address. Text that is not
    an address does not either.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if any(parsed in network for network in _TUNNELS):
            return False
        inner = _inner(parsed)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
