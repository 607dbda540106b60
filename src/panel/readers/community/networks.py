"""Network addresses, and the networks in which one person may have many of them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
UNKNOWN = "unknown"

# Prefix lengths, narrowest first, and how many times the bound of one address each may use.
# An IPv6 customer has a /64 at least, often a /56, at some hosts a /48 (RFC 6177).
WIDTHS = {4: ((32, 1), (24, 4)), 6: ((64, 1), (56, 2), (48, 4))}
LOOPBACK = ((8, 8),)  # wider still: whoever is on this machine has all of 127.0.0.0/8

# IPv6 addresses that stand for an IPv4 address: how far it is from the right end, and its mask.
# Mapped and translated (RFC 4291, 2765), NAT64 (RFC 6052, 8215: /96), 6to4 (RFC 3056), Teredo
# (RFC 4380, the client's address inverted).
_EMBEDDED = (
    (IPv6Network("::ffff:0:0/96"), 0, 0),
    (IPv6Network("::ffff:0:0:0/96"), 0, 0),
    (IPv6Network("64:ff9b::/96"), 0, 0),
    (IPv6Network("64:ff9b:1::/48"), 0, 0),
    (IPv6Network("2002::/16"), 80, 0),
    (IPv6Network("2001::/32"), 0, 0xFFFFFFFF),
)
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


def parse_network_address(text: str) -> Address | None:
    """Return the address in ``text``, without port, brackets and zone; None when there is none.

    An IPv6 address that stands for an IPv4 address is returned as that IPv4 address: its owner
    would otherwise count twice, and one IPv4 address has 65,536 networks in 6to4.
    """
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    if with_port:
        text = with_port[1] or with_port[2] or ""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        for network, shift, mask in _EMBEDDED:
            if address in network:
                return IPv4Address((int(address) >> shift & 0xFFFFFFFF) ^ mask)
    return address


def networks_of(address: Address | None) -> list[tuple[str, int]]:
    """Return the networks of an address, narrowest first, each with its share.

    The share says how many times the bound of a single address the network may use. All
    addresses that are not known count as one.
    """
    if address is None:
        return [(UNKNOWN, 1)]
    widths = WIDTHS[address.version]
    if address.version == 4 and address.is_loopback:
        widths += LOOPBACK
    return [(str(ip_network((address, width), strict=False)), share) for width, share in widths]
