"""Addresses of servers: which of them are this machine's own, and what base_url may say."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from urllib.parse import SplitResult, urlsplit

from panel.errors import UsageError

OLLAMA_HOST = "OLLAMA_HOST"  # where Ollama's own programs look for it
NO_ADDRESS = "is not a web address. Begin it with http:// or https://."
NO_HOST = (
    "has a host that there cannot be: part of it is empty, longer than 63 characters, or holds a "
    "character that no host may have. Write it anew by hand."
)
# "code" and "sig" are the keys of Azure's functions and of its signed addresses.
_SECRET_IN_QUERY = re.compile(
    r"(?i)(?:^|&)(?:(?>[^=&]*?(?:key|token|secret|passw|credential|signature|auth))[^=&]*+"
    r"|code|sig)="
)
_NUMBER = re.compile(r"(?i)0x[0-9a-f]*|[0-9]+")


def plain_host(host: str) -> str:
    """Return a host as it is looked up: in ASCII, a short or odd IPv4 address in full.

    Raises ValueError, which never repeats it, for what cannot be one.
    """
    try:
        if ":" in host:
            address, sign, zone = host.partition("%")  # RFC 6874 writes the sign as %25
            ipaddress.IPv6Address(address)
            return f"{address}{sign}{zone.removeprefix('25') or zone}"
        if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
        if not host.isascii():
            import idna  # noqa: PLC0415 - of httpx2, which would do the same later on

            host = idna.encode(host, uts46=True).decode()
        # A label of a name; an underscore is none of DNS, and in many a container's name.
        parts = host.removesuffix(".").split(".")
        if len(host) > 253 or not all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", part) for part in parts):
            raise ValueError
    except (OSError, ValueError):
        raise ValueError(NO_HOST) from None
    return host


def is_loopback(host: str) -> bool:
    """Whether a host is reached without leaving this machine; names are not looked up.

    ``localhost`` and the names below it always are (RFC 6761, section 6.3).
    """
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return (mapped or address).is_loopback


def split_address(text: str) -> SplitResult:
    """Return the parts of a web address; raises ValueError, which never repeats the text.

    The text may be a key on the wrong line, or hold a password.
    """
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        _ = parts.port  # raises where it is none
    except ValueError:
        raise ValueError(NO_ADDRESS) from None
    if "@" in parts.netloc or _SECRET_IN_QUERY.search(parts.query):
        raise ValueError("holds credentials. Put the key in the environment (api_key_env).")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\]", text):
        raise ValueError(NO_ADDRESS)
    if "#" in text:
        raise ValueError("holds a '#'. Leave it out, with what follows it: it is never sent.")
    host = plain_host(parts.hostname)
    if host == parts.hostname:
        return parts
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=(f"[{host}]" if ":" in host else host) + port)


def endpoint_address(text: str) -> str:
    """Return a base_url as people paste it without its ending; raises ValueError.

    A query stays, such as Azure's ``?api-version=``: it is sent with every request below it.
    """
    parts = split_address(text)
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return parts._replace(path=path).geturl()


_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server listens


def ollama_host() -> str | None:
    """Return the base_url that OLLAMA_HOST means, None where it is not set; raises UsageError."""
    written = os.environ.get(OLLAMA_HOST, "").strip()
    if not written:
        return None
    try:
        return ollama_address(written)
    except ValueError as error:
        # The text is not shown: it may hold a password.
        raise UsageError(f"{OLLAMA_HOST} {error} Or write base_url in panel.toml.") from None


def ollama_address(written: str) -> str:
    """Return the base_url that OLLAMA_HOST means; raises ValueError.

    The forms and default ports are those of Ollama's own (envconfig.Host): a host, ``host:port``,
    ``:port``, an IPv6 address with or without brackets, each with or without a scheme and a
    path. An address to listen on everywhere is asked on this machine.
    """
    text = written.strip().strip("\"'")
    scheme, _, rest = ("https://ollama.com" if text == "ollama.com" else text).rpartition("://")
    place, slash, path = rest.partition("/")
    if place.count(":") > 1 and not place.startswith("["):
        place = f"[{place}]"
    if not place or place.startswith(":"):
        place = f"127.0.0.1{place}"
    parts = split_address(f"{scheme or 'http'}://{place}{slash}{path}")
    host = _EVERYWHERE.get(parts.hostname or "", parts.hostname or "")
    port = parts.port or {"": 11434, "http": 80, "https": 443}[scheme.lower()]
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")  # as people copy it
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return parts._replace(netloc=netloc, path=f"{path}/v1").geturl()
