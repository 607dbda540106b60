"""Downloads one file of the hub: goes on after cuts and kills, and puts nothing wrong in place.

The first bytes are kept in a file whose name tells whose they are (``Pin.partial``). A download
that goes on hashes them first, so that what is put in place is hashed from its first byte to its
last, whoever wrote them. It has its name only once it is whole, right, and on disk.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import aiohttp

from panel.endpoint.gguf import MAGIC
from panel.endpoint.hub import Hub, Passing, RangeRefused
from panel.endpoint.machine import disk_free, no_room
from panel.endpoint.waits import until
from panel.endpoint.weights import keep_record
from panel.errors import EndpointError
from panel.workspace.catalogue import Pin
from panel.workspace.plain_files import sync_folder

ATTEMPTS = 8  # in a row that bring nothing to speak of
FIRST_ATTEMPTS = 3  # while no server has answered at all
SHARE = 1000  # an attempt brings something with this part of the file
LONGEST_WAIT_SECONDS = 600.0  # that the hub may ask for
LONGEST_PAUSE_SECONDS = 60.0
SPARE = 64 * 2**20  # bytes that are left free on the disk
_NO_GGUF = "is not a GGUF file: it does not begin with GGUF"


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told how a download goes.

    notice: of what happens, in one sentence. progress: of the bytes that are here, of how many.
    pause: waits so many seconds.
    """

    notice: Callable[[str], None]
    progress: Callable[[int, int], None] = lambda _done, _total: None
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


def download(pin: Pin, hub: Hub, told: Told, looked: bool = False) -> Pin:
    """Bring a file of the hub to where it belongs; return it with its size and SHA-256.

    looked: whether the pin is what the hub has just said of the file (``described``).
    Raises EndpointError where it cannot be had, is not what it must be, or finds no room. The
    bytes that are here stay then, unless they are wrong, and the next download goes on.
    """
    job = _Download(pin, hub, told)
    try:
        return asyncio.run(job.run(looked))
    except KeyboardInterrupt:
        told.notice(job.kept())
        raise
    except OSError as error:
        raise no_room(pin.path.parent, error) from None


def described(pin: Pin, hub: Hub, told: Told) -> Pin:
    """Return the pin with what the hub says of its file; raises EndpointError."""
    return asyncio.run(_Download(pin, hub, told).look())


class _Download:
    def __init__(self, pin: Pin, hub: Hub, told: Told) -> None:
        self._pin, self._hub, self._told = pin, hub, told
        self._have = 0
        self._hash = hashlib.sha256()
        self._ranges = True  # whether the server is believed to answer with the part asked for
        self._heard = False

    async def run(self, looked: bool) -> Pin:
        """Look what the hub has, bring the file, check it, put it in place."""
        if not looked:
            await self.look()
        kept = self._begin()
        if self._have < self._pin.bytes:
            await self._tried(self._bring)
        if kept and self._pin.sha256 not in ("", self._hash.hexdigest()):  # as a crash leaves them
            self._told.notice("The bytes that were here are wrong; the whole file is fetched anew.")
            self._start_anew()
            await self._tried(self._bring)
        return self._put_in_place()

    async def look(self) -> Pin:
        """Ask the hub what the file is; return the pin with what it says."""
        await self._tried(self._look)
        return self._pin

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do a piece of work until it ends, but for as long as something comes of it."""
        failed = 0
        while True:
            before = self._have
            try:
                await work()
            except Passing as why:
                if self._have - before > self._pin.bytes // SHARE:
                    failed = 0
                failed += 1
                await self._wait(why, failed)
            else:
                return

    async def _wait(self, why: Passing, failed: int) -> None:
        self._heard = self._heard or why.answered
        if failed >= (ATTEMPTS if self._heard else FIRST_ATTEMPTS):
            raise EndpointError(f"{self._pin.name} could not be fetched: {why}. {self.kept()}")
        wait = why.wait
        if wait is None:
            wait = min(LONGEST_PAUSE_SECONDS, 0.5 * 2 ** (failed - 1))
        if wait > LONGEST_WAIT_SECONDS:
            raise EndpointError(f"{why} and asks to wait for {until(wait)}. {self.kept()}")
        self._told.notice(f"{why}. Trying again in {wait:.3g} s; {self._have:,} bytes are here.")
        await self._told.pause(wait)

    def kept(self) -> str:
        """Say what is here, and how to go on."""
        if not self._have:
            return "Look at the network, and at HF_ENDPOINT and the proxies if they are set."
        name = f"panel fetch {self._pin.name}" if not self._pin.own else "the same command"
        return f"{self._have:,} of {self._pin.bytes:,} bytes are kept; run '{name}' again to go on."

    async def _look(self) -> None:
        """Ask the hub what the file is: it must be the one that is pinned, if one is."""
        listed = await self._hub.look(self._pin)
        if self._pin.sha256:
            if listed.bytes not in (None, self._pin.bytes):
                raise self._wrong(_size(listed.bytes, self._pin.bytes), suspect=False)
            if listed.sha256 not in (None, self._pin.sha256):
                raise self._wrong(_sha256(listed.sha256, self._pin.sha256), suspect=False)
            return
        if not listed.bytes:
            raise EndpointError(
                f"{self._hub.url(self._pin)} does not say how large it is, so it cannot be checked."
            )
        self._pin = replace(
            self._pin,
            bytes=listed.bytes,
            sha256=listed.sha256 or "",
            etag="" if listed.sha256 else listed.etag or "",
            revision=listed.commit or self._pin.revision,
        )
        self._told.notice(
            f"{self._pin.repo} at {self._pin.revision}: {self._pin.bytes:,} bytes"
            + (f", SHA-256 {self._pin.sha256}." if self._pin.sha256 else ".")
        )

    def _begin(self) -> int:
        """Hash what is here of the file, see that there is room for the rest; return its bytes."""
        partial = self._pin.partial
        partial.parent.mkdir(parents=True, exist_ok=True)
        for other in self._pin.partials():
            # The first bytes of another file: nothing can go on with them. Through a link, the file
            # of somebody else would be written.
            if other != partial or other.is_symlink():
                other.unlink(missing_ok=True)
        has = partial.stat().st_size if partial.exists() else 0
        self._ranges = bool(self._pin.sha256 or self._pin.etag)
        if has > self._pin.bytes or not self._ranges:
            partial.unlink(missing_ok=True)
            has = 0
        if has:
            self._told.notice(f"{has:,} of {self._pin.bytes:,} bytes are here already.")
            with partial.open("rb") as stream:
                hashlib.file_digest(stream, lambda: self._hash)
            self._have = has
        needs, free = self._pin.bytes - self._have, disk_free(partial.parent)
        if free < needs + SPARE:
            raise EndpointError(
                f"{needs:,} more bytes do not fit on the disk of {partial.parent}, which has "
                f"{free:,} free, of which {SPARE:,} are left alone. Make room, or set PANEL_CACHE "
                "to a folder on another disk."
            )
        self._told.progress(self._have, self._pin.bytes)
        return self._have

    async def _bring(self) -> None:
        """Ask for what is lacking and write it; raises Passing where it ends early."""
        headers = {}
        if self._have and self._ranges:
            headers["Range"] = f"bytes={self._have}-"
            # The SHA-256 tells the content, whatever each server of a mirror calls it.
            if not self._pin.sha256:
                headers["If-Range"] = f'"{self._pin.etag}"'
        elif self._have:
            self._start_anew()
        try:
            await self._hub.get(self._pin, headers, self._take)
        except RangeRefused:
            self._ranges = False
            raise
        if self._have < self._pin.bytes:
            raise Passing(f"the answer ended after {self._have:,} of {self._pin.bytes:,} bytes")

    async def _take(self, answer: aiohttp.ClientResponse, heard: Callable[[], None]) -> None:
        self._heard = True
        self._fit(answer)
        first = answer.status == 200  # whether the first byte of the file comes next
        with self._pin.partial.open("ab", buffering=0) as sink:
            async for piece in answer.content.iter_any():
                heard()
                if first and len(piece) >= 4 and piece[:4] != MAGIC:
                    raise self._wrong(_NO_GGUF, suspect=not self._have)
                if first and self._have:
                    self._told.notice("The server begins at the first byte again.")
                    sink.truncate(0)
                    self._have, self._hash = 0, hashlib.sha256()
                first = False
                if self._have + len(piece) > self._pin.bytes:
                    raise self._wrong(f"has more than {self._pin.bytes:,} bytes")
                self._write(sink.fileno(), piece)
                self._told.progress(self._have, self._pin.bytes)

    def _fit(self, answer: aiohttp.ClientResponse) -> None:
        """Look what part of the file is coming; raises Passing, EndpointError for another one."""
        length = answer.headers.get("Content-Length", "")
        if answer.status == 200:
            if length.isdigit() and int(length) != self._pin.bytes:
                raise self._wrong(_size(int(length), self._pin.bytes), suspect=False)
            return
        span = answer.headers.get("Content-Range", "")
        said = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", span)
        if said is None or int(said[1]) != self._have or not self._have:
            self._ranges = False
            raise Passing("the server answers another part of the file than was asked for")
        if said[3] not in ("*", str(self._pin.bytes)):
            raise self._wrong(_size(int(said[3]), self._pin.bytes), suspect=False)

    def _write(self, handle: int, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            try:
                written = os.write(handle, view)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                raise EndpointError(
                    f"the disk of {self._pin.path.parent} is full. Make room for "
                    f"{self._pin.bytes - self._have:,} bytes. {self.kept()}"
                ) from None
            self._hash.update(view[:written])
            self._have += written
            view = view[written:]

    def _start_anew(self) -> None:
        self._pin.partial.unlink(missing_ok=True)
        self._have, self._hash = 0, hashlib.sha256()

    def _wrong(self, what: str, suspect: bool = True) -> EndpointError:
        """Return the error of a file that is not what it must be.

        suspect: whether what is here is of it, and is removed. A page that wants a login, in place
        of the file, says nothing of the bytes that came before it.
        """
        if suspect:
            self._start_anew()
        where = f"{self._pin.file} of {self._pin.repo} at {self._pin.revision}"
        return EndpointError(
            f"{where}, as {self._hub.address} gives it, {what}. Nothing of it was kept. Look at "
            "HF_ENDPOINT and at proxies that stand between, and report it if they are right."
            + (f" {self.kept()}" if self._have else "")
        )

    def _put_in_place(self) -> Pin:
        partial, target = self._pin.partial, self._pin.path
        found = self._hash.hexdigest()
        if self._pin.sha256 and found != self._pin.sha256:
            raise self._wrong(_sha256(found, self._pin.sha256))
        pin = replace(self._pin, sha256=found)
        with partial.open("rb+") as whole:
            if os.fstat(whole.fileno()).st_size != pin.bytes:  # another program's doing
                self._start_anew()
                raise EndpointError(f"{partial} was changed while it was fetched. Fetch it again.")
            if whole.read(4) != MAGIC:
                raise self._wrong(_NO_GGUF)
            os.fsync(whole.fileno())
        if pin.own:
            keep_record(pin)
        partial.replace(target)
        sync_folder(target.parent)
        return pin


def _size(found: int | None, expected: int) -> str:
    return f"has {found:,} bytes where it must have {expected:,}"


def _sha256(found: str | None, expected: str) -> str:
    return f"has SHA-256 {found} where it must have {expected}"
