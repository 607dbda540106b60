"""The secret of a workspace: what cookies and links are signed and addresses are hashed with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from panel.errors import UsageError
from panel.readers.community.ledger import private_folder

FILE = "secret"
VARIABLE = "PANEL_SECRET"
FEWEST_CHARACTERS = 32
LONGEST_TOKEN = 2048


@dataclass(frozen=True, slots=True)
class Secret:
    """Signs and hashes, for one named purpose at a time; never shows itself."""

    key: bytes = field(repr=False)

    def hash(self, purpose: str, text: str) -> str:
        """Return a keyed hash, 32 hex digits: the same text cannot be guessed without the key."""
        return hmac.digest(self._key(purpose), text.encode(), "sha256")[:16].hex()

    def sign(self, purpose: str, text: str, at: float) -> str:
        """Return a token that holds ``text`` and the time (seconds since 1970), URL-safe."""
        content = f"{int(at)}:{text}".encode()
        mark = hmac.digest(self._key(purpose), content, "sha256")
        return f"{_packed(content)}.{_packed(mark)}"

    def read(self, purpose: str, token: str) -> tuple[str, int] | None:
        """Return the text of a token and when it was signed; None unless it is genuine."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        packed, _dot, packed_mark = token.partition(".")
        content, mark = _unpacked(packed), _unpacked(packed_mark)
        if content is None or mark is None:
            return None
        if not hmac.compare_digest(mark, hmac.digest(self._key(purpose), content, "sha256")):
            return None
        at, _colon, text = content.decode().partition(":")
        return text, int(at)

    def _key(self, purpose: str) -> bytes:
        return hashlib.blake2b(purpose.encode(), key=self.key).digest()


def load_secret(folder: Path, environment: Mapping[str, str]) -> Secret:
    """Return the secret of PANEL_SECRET, else of ``folder/secret``, made once with mode 0600.

    Raises UsageError when it is too short or when others may read the file.
    """
    given = environment.get(VARIABLE, "").strip()
    if given:
        if len(given) < FEWEST_CHARACTERS:
            raise UsageError(
                f"{VARIABLE} has {len(given)} characters; {FEWEST_CHARACTERS} are the least. Make "
                "one: python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        return Secret(hashlib.blake2b(given.encode()).digest())
    file = folder / FILE
    if not file.exists():
        _make(file)
    if file.stat().st_mode & 0o077:
        raise UsageError(f"{file} can be read by others. Take that away: chmod 600 {file}")
    text = file.read_text(encoding="ascii", errors="replace").strip()
    if len(text) < FEWEST_CHARACTERS:
        raise UsageError(
            f"{file} holds no secret. Delete it to have a new one made; cookies and links signed "
            "so far are void then."
        )
    return Secret(hashlib.blake2b(text.encode()).digest())


def _make(file: Path) -> None:
    private_folder(file.parent)
    fresh = file.with_name(f".secret-{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(32) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        try:
            file.hardlink_to(fresh)  # whole or not at all
        except FileExistsError:  # another process was quicker
            return
    finally:
        fresh.unlink(missing_ok=True)


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _unpacked(text: str) -> bytes | None:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One way to write a token: bits of the last character that say nothing are zero.
    return content if _packed(content) == text else None
