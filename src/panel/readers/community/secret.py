"""The secret of a workspace, which signs cookies and links and hashes addresses."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

from panel.errors import UsageError
from panel.readers.community.ledger import (
    FOLDER,
    private_folder,
    refuse_tracked,
    write_private,
)
from panel.text import counted
from panel.workspace.plain_files import refuse_odd

FILE = "secret"
VARIABLE = "PANEL_SECRET"
FEWEST_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """Signs and hashes. Each purpose has a key of its own; the key is never printed."""

    key: bytes = field(repr=False)

    def hash(self, purpose: str, text: str) -> str:
        """Return a keyed hash of ``text``, 32 hex digits. Without the key it cannot be guessed."""
        key = hashlib.blake2b(purpose.encode(), key=self.key).digest()
        return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()

    def bound_to(self, other: Secret) -> Secret:
        """Return a secret that is known only to who knows both."""
        return Secret(hashlib.blake2b(self.key, key=other.key).digest())

    def sign(self, purpose: str, text: str, at: float) -> str:
        """Return a URL-safe token that holds ``text`` and ``at`` (seconds since 1970)."""
        return self._serializer(purpose).dumps([text, int(at)])

    def read(self, purpose: str, token: str) -> tuple[str, int] | None:
        """Return the text of a token and when it was signed, or None unless it is genuine.

        The caller decides how old a token may be.
        """
        serializer = self._serializer(purpose)
        try:
            text, at = serializer.loads(token)
        except (BadData, UnicodeError):
            return None
        # base64 has several spellings of the same bytes. Only the one we wrote is genuine.
        return (text, at) if serializer.dumps([text, at]) == token else None

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeSerializer(self.key, salt=purpose, signer_kwargs=signer)


def community_secret(root: Path, environment: Mapping[str, str]) -> Secret:
    """Return the secret of a workspace's readers; as load_secret.

    Raises UsageError also for one that came with the repository: others know it.
    """
    refuse_tracked(root / FOLDER)
    return load_secret(root / FOLDER, environment)


def load_secret(folder: Path, environment: Mapping[str, str]) -> Secret:
    """Return the secret in PANEL_SECRET, or else the one in ``folder/secret``.

    The file is made on the first call, with mode 0600. Raises UsageError when the secret is
    too short, when others may read the file, or when it cannot be read or made.
    """
    given = environment.get(VARIABLE, "").strip()
    if given:
        if len(given) < FEWEST_CHARACTERS:
            raise UsageError(
                f"{VARIABLE} has {counted(len(given), 'character')}; {FEWEST_CHARACTERS} are the "
                "least. Make one: python3 -I -c 'import secrets; print(secrets.token_hex(32))'"
            )
        return Secret(hashlib.blake2b(given.encode()).digest())
    refuse_odd(folder)
    file = folder / FILE
    try:
        if not file.exists():
            _make(file)
        private = not file.stat().st_mode & 0o077
        text = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read or made: {error.strerror}. Fix its rights or free some space, "
            f"or set {VARIABLE}."
        ) from None
    if not private:
        raise UsageError(f"{file} can be read by others. Make it private: chmod 600 {file}")
    if len(text) < FEWEST_CHARACTERS:
        raise UsageError(
            f"{file} holds no secret. Delete it to have a new one made; cookies and links signed "
            "so far are then invalid."
        )
    return Secret(hashlib.blake2b(text.encode()).digest())


def _make(file: Path) -> None:
    private_folder(file.parent)
    fresh = file.with_name(f".secret-{secrets.token_hex(4)}")
    try:
        write_private(fresh, f"{secrets.token_hex(32)}\n".encode())
        with suppress(FileExistsError):  # another process was faster
            file.hardlink_to(fresh)  # complete or not at all
    finally:
        fresh.unlink(missing_ok=True)
