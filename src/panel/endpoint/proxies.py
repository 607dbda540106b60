"""The proxy on the way to an endpoint, as the environment names it for all programs."""

from __future__ import annotations

import base64
import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies

from panel.errors import EndpointError
from panel.workspace.addresses import is_loopback, plain_host


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. address: without credentials. variable: what names it.

    authorization: the value of Proxy-Authorization, None where the address has no credentials.
    """

    address: str
    variable: str
    authorization: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"


def proxy_for(parts: SplitResult) -> Proxy | None:
    """Return the proxy to use for an address; None for this machine's own, and for NO_PROXY's.

    HTTPS_PROXY or HTTP_PROXY counts, by the address's scheme, before ALL_PROXY; in capitals or
    not. Raises EndpointError for what is no HTTP proxy's address.
    """
    host = parts.hostname or ""
    known = {scheme: written.strip() for scheme, written in getproxies().items()}
    scheme = parts.scheme if known.get(parts.scheme) else "all"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not known.get(scheme) or is_loopback(host) or _excepted(known.get("no", ""), host, port):
        return None
    return _proxy(known[scheme], _variable(scheme), host)


def _variable(scheme: str) -> str:
    """Return the name of the variable that urllib reads; the lower-case one comes first."""
    name = f"{scheme}_proxy"
    found = sorted((n for n in os.environ if n.lower() == name and os.environ[n]), reverse=True)
    return found[0] if found else "the system's settings"


def _proxy(written: str, variable: str, host: str) -> Proxy:
    remedy = f"Correct or unset it, or put {host} into NO_PROXY."
    try:
        parts = urlsplit(written if "://" in written else f"http://{written}")
        port = f":{parts.port}" if parts.port is not None else ""
        name = plain_host(parts.hostname or "")
    except ValueError:  # its message may hold a password
        parts, port, name = urlsplit(""), "", ""
    # What is written is not shown: it may hold a password.
    if parts.scheme.startswith("socks"):
        raise EndpointError(
            f"{variable} names a {parts.scheme} proxy, and only http:// and https:// ones can be "
            f"used. {remedy}"
        )
    if parts.scheme not in ("http", "https") or not name:
        raise EndpointError(
            f"{variable} is not the address of a proxy, such as http://proxy.example:3128. {remedy}"
        )
    shown = f"[{name}]" if ":" in name else name
    user, password = parts.username, parts.password
    basic = None
    if user is not None or password is not None:
        pair = f"{unquote(user or '')}:{unquote(password or '')}"
        basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(f"{parts.scheme}://{shown}{port}", variable, basic)


def _excepted(no_proxy: str, host: str, port: int) -> bool:
    """Whether NO_PROXY names a host: by name, parent domain, address or network, or ``*``.

    As curl and Go read it, each with or without a port; a list apart by commas or spaces.
    """
    host = host.rstrip(".").lower()
    return any(_names(entry.lower(), host, port) for entry in no_proxy.replace(",", " ").split())


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # a name, or an entry with a port
    head, colon, tail = entry.rpartition(":")
    if colon and tail.isdigit() and (":" not in head or head.startswith("[")):
        return int(tail) == port and _names(head, host, port)
    name = entry.removeprefix("*").lstrip(".").rstrip(".")
    return bool(name) and f".{host}".endswith(f".{name}")
