"""The Hugging Face hub, or a mirror of it: where a file is, what it is, and its bytes.

HF_ENDPOINT names a mirror, HF_TOKEN is who asks; the token goes to the hub's own host only, never
to those that it sends on to. Proxies and certificates are those of every request (transport.py).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import aiohttp
import httpx2

from panel import __version__
from panel.endpoint.responses import RawResponse
from panel.endpoint.transport import Like, Received, Transport, read_whole, route_to
from panel.endpoint.waits import asked_wait
from panel.endpoint.way_faults import WAY_REMEDIES, transport_fault, way_fault
from panel.errors import EndpointError, UsageError
from panel.text import harmless, one_line
from panel.workspace.addresses import plain_host, split_address
from panel.workspace.catalogue import Pin
from panel.workspace.headers import is_header_value

HUB = "https://huggingface.co"
STALL_SECONDS = 60.0  # without a byte, after which a connection counts as cut
REDIRECTS = 6
_LINKED = "x-linked-size"  # of a file that the hub keeps on another host
_REVISION = "x-repo-commit"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PASSES = (408, 409, 425, 429, *range(500, 600))

Read = Callable[[aiohttp.ClientResponse, Callable[[], None]], Awaitable[None]]


class Passing(Exception):  # noqa: N818 - no error to anybody but the one who tries again
    """Why no whole answer came this time.

    wait: the seconds that the server asked for. answered: whether a server is there at all.
    """

    def __init__(self, why: str, wait: float | None = None, answered: bool = False) -> None:
        super().__init__(why)
        self.wait, self.answered = wait, answered


class RangeRefused(Passing):
    """The server has no such part of the file (416)."""


class MissingError(EndpointError):
    """The hub has no such repository, revision or file."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the hub says of a file without its bytes; None for what it does not say."""

    bytes: int | None
    sha256: str | None
    etag: str | None
    commit: str | None


class Hub:
    """Asks the hub that the environment names.

    stall_seconds: without a byte, after which a connection counts as cut.
    """

    def __init__(self, stall_seconds: float = STALL_SECONDS) -> None:
        """Read HF_ENDPOINT and HF_TOKEN; raises UsageError for what is no address or token."""
        self.address = _address(os.environ.get("HF_ENDPOINT", "").strip() or HUB)
        self._token = os.environ.get("HF_TOKEN", "").strip()
        self._stall = stall_seconds
        if self._token and not is_header_value(self._token):
            raise UsageError("HF_TOKEN holds a character that no HTTP header can carry.")
        if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE"):
            raise EndpointError(
                "HF_HUB_OFFLINE is set, so the hub is not asked. Unset it, or put the file where "
                "'panel fetch' looks first: Ollama's store or the Hugging Face cache."
            )

    def url(self, pin: Pin) -> str:
        """Return the address of a file."""
        revision = quote(pin.revision, safe="")
        return f"{self.address}/{pin.repo}/resolve/{revision}/{quote(pin.file)}"

    async def look(self, pin: Pin) -> Listed:
        """Return what the hub says of a file; raises Passing, EndpointError."""
        answer, url = await self._ask("HEAD", self.url(pin), {}, None)
        told = answer.headers
        # A mirror that answers no such question, or sends on to an address that is for GET alone.
        if answer.status in (405, 501) or (answer.status == 403 and not self._own(url)):
            return Listed(None, None, None, None)
        if answer.status != 200 and _LINKED not in told:
            raise self.refusal(answer, pin)
        # Of a file in Git LFS this tag is its SHA-256; what other servers call a file says nothing.
        linked = _etag(told.get("x-linked-etag", ""))
        size, commit = told.get(_LINKED) or told.get("content-length", ""), told.get(_REVISION, "")
        return Listed(
            bytes=(int(size) or None) if re.fullmatch(r"[0-9]{1,15}", size) else None,
            sha256=linked if re.fullmatch(r"[0-9a-f]{64}", linked or "") else None,
            etag=linked or _etag(told.get("etag", "")),
            commit=commit if _COMMIT.fullmatch(commit) else None,
        )

    async def get(self, pin: Pin, headers: dict[str, str], read: Read) -> None:
        """Ask for the bytes of a file; ``read`` takes those of an answer of status 200 or 206.

        It is given the answer, and what to call at every piece. Raises Passing, EndpointError.
        """
        answer, url = await self._ask("GET", self.url(pin), headers, read)
        # An address that the hub sends on to holds for minutes; the next one is fresh.
        if answer.status == 403 and not self._own(url):
            raise Passing(f"{_host(url)} answered 403", answered=True)
        if answer.status == 416:
            raise RangeRefused(f"{_host(self.address)} has no such part of the file")
        if answer.status not in (200, 206):
            raise self.refusal(answer, pin)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], read: Read | None
    ) -> tuple[Received, str]:
        """Ask, and follow where the hub sends on to; return the answer, and whence it came."""
        for _ in range(REDIRECTS):
            answer = await self._once(method, url, headers, read)
            to = answer.headers.get("location")
            if not (300 <= answer.status < 400 and to):
                break
            if method == "HEAD" and _LINKED in answer.headers:  # it has said what the file is
                break
            to = _joined(url, to)
            if urlsplit(url).scheme == "https" and urlsplit(to).scheme != "https":
                raise EndpointError(
                    f"{_host(url)} sends on to {_host(to)} without encryption, which is not "
                    "followed. Look at what stands between this machine and the hub."
                )
            url = to
        else:
            raise EndpointError(f"{_host(url)} sends on without end. {_LOOK}")
        if answer.status in _PASSES:
            raise _passing(answer, url)
        return answer, url

    async def _once(
        self, method: str, url: str, headers: dict[str, str], read: Read | None
    ) -> Received:
        sent = {"Accept-Encoding": "identity", "User-Agent": f"panel/{__version__}", **headers}
        if self._token and self._own(url):
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            like = Like(httpx2.Request(method, url, headers=sent))
        except (ValueError, httpx2.InvalidURL):  # a redirect's
            raise EndpointError(f"{_host(self.address)} {_NO_ADDRESS}") from None
        route = route_to(urlsplit(url))
        transport = Transport(route, 1)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._stall) as deadline:

                def heard() -> None:
                    deadline.reschedule(loop.time() + self._stall)

                async def body(answer: aiohttp.ClientResponse) -> bytes:
                    if read is None or answer.status not in (200, 206):
                        return await read_whole(answer)
                    await read(answer, heard)
                    return b""

                answer = await transport.send(like, b"", body)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            label, detail = transport_fault(error, self._stall, route)
            if label in WAY_REMEDIES:
                raise EndpointError(f"{detail}. {_remedy(label)}") from None
            if deadline.expired():
                detail = f"nothing came from {route.host} for {self._stall:g} s"
            elif isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
                detail = f"{route.host} broke the answer off"
            told = detail if route.host in detail else f"{route.host}: {detail}"
            raise Passing(one_line(told)) from None
        finally:
            await transport.aclose()
        if (fault := way_fault(answer, route)) is not None:
            raise EndpointError(f"{fault[1]}. {_remedy(fault[0])}")
        return answer

    def _own(self, url: str) -> bool:
        """Whether an address is the hub's own: scheme, host and port."""
        return _origin(urlsplit(url)) == _origin(urlsplit(self.address))

    def refusal(self, answer: Received, pin: Pin) -> EndpointError:
        """Return the error of an answer that holds no file, and how to mend it."""
        code = answer.headers.get("x-error-code", "")
        page, where = f"{self.address}/{pin.repo}", _host(self.address)
        if answer.status in (401, 403) and code != "RepoNotFound":
            gated = (
                "is gated" if code == "GatedRepo" else f"was refused by {where} ({answer.status})"
            )
            how = (
                "with an account that has; HF_TOKEN may be of another, or may not read gated "
                "repositories"
                if self._token
                else "then set HF_TOKEN to a token of that account (https://huggingface.co/settings"
                "/tokens)"
            )
            return EndpointError(f"{pin.repo} {gated}. Accept its licence at {page}, {how}.")
        if answer.status in (401, 404):
            missing = {
                "EntryNotFound": f"{pin.repo} has no file {pin.file} at revision {pin.revision}",
                "RevisionNotFound": f"{pin.repo} has no revision {pin.revision}",
                "RepoNotFound": f"{where} has no repository {pin.repo}, or it is private",
            }
            lacks = f"{where} has no file {pin.file} in {pin.repo} at revision {pin.revision}"
            look = "set HF_TOKEN if it is private" if code == "RepoNotFound" else f"look at {page}"
            return MissingError(f"{missing.get(code, lacks)}. Correct the name, or {look}.")
        reason = harmless(f"{answer.status} {answer.reason}".strip())
        return EndpointError(f"{where} answered {reason}. {_LOOK}")


_LOOK = "Look at HF_ENDPOINT, and at what stands between this machine and the hub."
_NO_ADDRESS = f"sends on to what is no web address. {_LOOK}"


def _remedy(label: str) -> str:
    """Say what to do about a fault of the way, where base_url is HF_ENDPOINT."""
    return WAY_REMEDIES[label].replace("base_url", "HF_ENDPOINT")


def _passing(answer: Received, url: str) -> Passing:
    told = RawResponse(0.0, status=answer.status, headers=answer.headers)
    reason = harmless(f"{answer.status} {answer.reason}".strip())
    return Passing(f"{_host(url)} answered {reason}", asked_wait(told), answered=True)


def _address(text: str) -> str:
    try:
        parts = split_address(text)
    except ValueError as error:
        raise UsageError(f"HF_ENDPOINT {error}") from None
    return parts._replace(path=parts.path.rstrip("/"), query="").geturl()


def _joined(url: str, to: str) -> str:
    """Return where a redirect leads to; raises EndpointError for what is no web address."""
    try:
        joined = urljoin(url, to)
        parts = urlsplit(joined)
        _ = parts.port, plain_host(parts.hostname or "")
    except ValueError:
        joined, parts = "", urlsplit("")
    spoilt = re.search(r"[\s\\\x00-\x20]", parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or spoilt:
        raise EndpointError(f"{_host(url)} {_NO_ADDRESS}")
    return joined


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _etag(text: str) -> str | None:
    """Return a strong tag without its quotes; a weak one (W/) says nothing of the bytes."""
    found = re.fullmatch(r'"([!#-~]{1,200})"', text)
    return found[1] if found else None
