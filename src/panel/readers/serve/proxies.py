"""Whom to believe what X-Forwarded-For, -Proto and -Host say: the proxies that were named."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from panel.errors import UsageError

_FORWARDED_FOR = re.compile(rb"\nx-forwarded-for:([^\r\n]*)")
FORWARDED_HOST = "forwarded_host"  # in the state of a request
_PROXY = "proxy"  # the same: the address of a proxy that passed the request on


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, also of ``[::1]:80`` and ``192.0.2.1:80``; None for anything else.

    ``::ffff:192.0.2.1`` is how a socket of both kinds shows 192.0.2.1. Other IPv6 addresses
    that stand for an IPv4 address stay what they are: 2002:7f00:1:: is not this machine.
    """
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The addresses and networks of proxies in front of the server."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> TrustedProxies:
        """Read addresses and networks such as ``127.0.0.1`` and ``10.0.0.0/8``; UsageError."""
        found = []
        for text in texts:
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                raise UsageError(
                    f"--trust-proxy {text!r} is no address or network: {error}. Write it like "
                    "127.0.0.1 or 10.0.0.0/8."
                ) from None
            if not network.prefixlen:
                raise UsageError(
                    f"--trust-proxy {text!r} would believe everybody. Name the proxy's address."
                )
            found.append(network)
        return cls(tuple(found))

    def trust(self, address: str) -> bool:
        """Whether an address is one of theirs."""
        return _is_within(address, self.networks)

    def visitor(self, head: bytes) -> str:
        """Return the address that a proxy names in the beginning of a request; empty if none."""
        fields = head.partition(b"\r\n\r\n")[0].lower()
        entries = b",".join(_FORWARDED_FOR.findall(fields))
        return self._last_visitor(entries.decode("latin-1").split(","))

    def _last_visitor(self, entries: list[str]) -> str:
        found = ""
        for text in reversed(entries):
            address = parse_address(text)
            if address is None:
                break
            found = str(address)
            if not self.trust(found):
                break
        return found

    def apply(self, scope: Scope) -> None:
        """Let a request that a proxy passed on come from whom the proxy says.

        The client is the last address of X-Forwarded-For that is no proxy: whatever stands
        before it may be made up. Of X-Forwarded-Proto and -Host the last entry counts, for the
        same reason; the host goes to the request's state, where the guard looks at it.
        """
        if not scope["client"] or not self.trust(scope["client"][0]):
            return
        headers = Headers(scope=scope)
        visitor = self._last_visitor(_entries(headers, "x-forwarded-for"))
        if visitor:
            scope["state"][_PROXY] = scope["client"]
            scope["client"] = (visitor, 0)
        proto = _entries(headers, "x-forwarded-proto")[-1].lower()
        if proto in ("http", "https"):
            scope["scheme"] = proto
        host = _entries(headers, "x-forwarded-host")[-1]
        if host:
            scope["state"][FORWARDED_HOST] = host


def connected(scope: Scope) -> tuple[str, int] | None:
    """Return the address that a request's connection comes from, a proxy's if it has passed one."""
    return scope.get("state", {}).get(_PROXY, scope["client"])  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=1024)  # who asks once often asks again
def _is_within(
    address: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> bool:
    found = parse_address(address)
    return found is not None and any(found in network for network in networks)


def _entries(headers: Headers, name: str) -> list[str]:
    return [entry.strip() for entry in ",".join(headers.getlist(name)).split(",")]
