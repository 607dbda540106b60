"""Faults of the way to an endpoint: why no whole answer came, or one that is not its own."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Sequence

import aiohttp
from aiohttp import http_exceptions

from panel.endpoint.bodies import BodyTooLong
from panel.endpoint.proxies import Proxy
from panel.endpoint.transport import CONNECT_SECONDS, HEADER_BYTES, HEADERS, Received, Route

_UNTRUSTED = {18, 19, 20, 21, 27}  # X509_V_ERR_*: self-signed, unknown issuer, untrusted
_DATES = {9, 10}
_NAMES = {62, 64}
_NOT_TLS = {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
_NOT_TLS |= {"PACKET_LENGTH_TOO_LONG", "UNEXPECTED_MESSAGE", "BAD_RECORD_TYPE"}
_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_TLS_ALERT = r"\x15\x03"  # how a TLS server answers plain HTTP, as aiohttp quotes it
_TLS_ASKED_FOR = re.compile(  # nginx, Go, Apache, with status 400
    r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server|speaking plain HTTP"
)
TOO_LONG = ("body_too_long", "head_too_long")  # faults of an answer, which need not be of others
# What a person can do about a fault of the way; none of them passes by itself.
WAY_REMEDIES = {
    "proxy_refused": "Give it the name and password it wants, http://NAME:PASSWORD@HOST:PORT, or "
    "put the endpoint's host into NO_PROXY.",
    "proxy_unreachable": "Correct or unset the variable, or put the endpoint's host into NO_PROXY.",
    "tls_untrusted": "If it is the right server, write its certificate, or its authority's, into a "
    "file and name that in SSL_CERT_FILE.",
    "tls_expired": "Renew the server's certificate, and look at this machine's clock.",
    "tls_wrong_name": "Write a host into base_url that the certificate is for.",
    "tls_not_spoken": "If it serves plain HTTP, write http:// in base_url.",
    "tls_wanted": "Write https:// in base_url.",
    "tls_failed": "Look at the server's TLS settings.",
    "body_too_long": "Look at what stands before the server: an answer is a few thousand bytes.",
    "head_too_long": "Look at what stands before the server: an answer's head is a few lines.",
}
FILES_USED_UP = "files_used_up"  # by connections, of which fewer may do


def way_fault(answer: Received, route: Route) -> tuple[str, str] | None:
    """Return label and detail of an answer that is not the endpoint's; None where it may be."""
    refused = answer.status == 407 or "x-squid-error" in answer.headers
    if refused and route.proxy and answer.status < 500:
        said = f"{route.proxy} answered {answer.status} {answer.reason}".rstrip()
        return "proxy_refused", said
    if answer.status == 400 and _TLS_ASKED_FOR.search(answer.body[:2000].decode("latin-1")):
        return "tls_wanted", f"{route.host} speaks TLS, and not plain HTTP"
    return None


def transport_fault(error: BaseException, deadline: float, route: Route) -> tuple[str, str]:
    """Return label and detail of why no whole answer came; faults.py knows what they mean."""
    causes = list(_causes(error))
    first = causes[-1]
    detail = f"{route.host}: {in_words(first)}"
    if route.proxy and (fault := _proxy_fault(causes, route.proxy)) is not None:
        return fault
    way = f" through {route.proxy}" if route.proxy else ""
    match first:
        case aiohttp.ConnectionTimeoutError():
            return "timeout", f"no connection to {route.host}{way} within {CONNECT_SECONDS:g} s"
        case TimeoutError():
            return "timeout", f"no whole answer within {deadline:g} s"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "dropped", detail
        case ssl.SSLError():
            return _tls_fault(first, route)
        case OSError(errno=number) if number in (errno.EMFILE, errno.ENFILE):
            return FILES_USED_UP, "this machine lets the program open no more files"
        case ConnectionRefusedError():
            return "refused", f"nothing listens at {route.host}"
        case socket.gaierror(errno=number) if number != socket.EAI_AGAIN:
            host = route.address.hostname or ""
            if "%" in host:
                return "refused", f"{host}: this machine has no such interface"
            return "refused", f"the host {host!r} could not be found (DNS)"
        case BodyTooLong():
            most = f"{first.most // 2**20:,} MiB"
            return "body_too_long", f"the body of {route.host}'s answer has more than {most}"
        case http_exceptions.LineTooLong():
            return "head_too_long", _too_long(route)
        case http_exceptions.BadHttpMessage(message="Too many headers received"):
            return "head_too_long", _too_long(route)
        case http_exceptions.HttpProcessingError() if _TLS_ALERT in first.message:
            return "tls_wanted", f"{route.host} answers plain HTTP with TLS"
    return "dropped", f"{detail}{way}"


def in_words(error: BaseException) -> str:
    """Say for a person why a connection failed: no name of a class, no number of the system."""
    match error:
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return "no name server answers just now (DNS)"
        case socket.gaierror():
            return "the host could not be found (DNS)"
        case ConnectionRefusedError():
            return "nothing listens there"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | BrokenPipeError():
            return "the connection was closed before the answer"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "the connection was closed while TLS was agreed on"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case http_exceptions.HttpProcessingError():
            return f"the answer is not HTTP: {error.message}"
        case ssl.SSLError():
            return (error.reason or str(error)).replace("_", " ").lower()
        case OSError(errno=int(number)):
            return os.strerror(number).lower()  # the error's own words may be an address alone
    return _NUMBER.sub("", str(error)) or "the connection failed"


def _proxy_fault(causes: Sequence[BaseException], proxy: Proxy) -> tuple[str, str] | None:
    """Return label and detail where the proxy refused or cannot be reached; else None."""
    first = causes[-1]
    gone = isinstance(first, socket.gaierror) and first.errno != socket.EAI_AGAIN
    for cause in causes:
        if isinstance(cause, aiohttp.ClientHttpProxyError):
            said = f"{proxy} answered {cause.status} {cause.message}".rstrip()
            return ("dropped" if cause.status >= 500 else "proxy_refused"), said
        if gone or isinstance(cause, aiohttp.ClientProxyConnectionError):
            return "proxy_unreachable", f"{proxy} cannot be reached: {in_words(first)}"
    return None


def _too_long(route: Route) -> str:
    return (
        f"the head of {route.host}'s answer is too long: a line of more than "
        f"{HEADER_BYTES // 1024} KiB, or more than {HEADERS:,} lines"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the outermost first, up to a timeout."""
    while error is not None:
        yield error
        error = None if isinstance(error, TimeoutError) else error.__cause__


def _tls_fault(error: ssl.SSLError, route: Route) -> tuple[str, str]:
    where = f"{route.host} through {route.proxy}" if route.proxy else route.host
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"the certificate of {where} is not accepted: {error.verify_message}"
        for label, codes in (
            ("tls_untrusted", _UNTRUSTED),
            ("tls_expired", _DATES),
            ("tls_wrong_name", _NAMES),
        ):
            if error.verify_code in codes:
                return label, said
        return "tls_failed", said
    if error.reason in _NOT_TLS:
        return "tls_not_spoken", f"{where} does not answer in TLS"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return "tls_failed", f"no encrypted connection to {where}: {reason}"
