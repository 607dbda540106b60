"""Writes an issue to a folder: ``digest-<since>.eml``, ``.html`` and ``.txt``."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from panel.errors import UsageError
from panel.readers.digest.content import DigestContent
from panel.readers.digest.render import render_digest
from panel.readers.mail.message import WIRE, Letter, build_message
from panel.readers.mail.settings import Sender
from panel.site.output import write_if_changed


def other_issue(folder: Path, since: date) -> bool:
    """Whether a folder holds an issue that begins on another day."""
    named = re.compile(r"digest-(\d{4}-\d\d-\d\d)\.html")
    found = (named.fullmatch(each.name) for each in folder.glob("digest-*"))
    return any(name is not None and name[1] != since.isoformat() for name in found)


def write_issue(content: DigestContent, folder: Path, sender: Sender | None) -> list[Path]:
    """Write the three files and return their paths; raises UsageError.

    The .eml opens as a draft in mail programs (X-Unsent). It has no recipient and no
    unsubscribe link.
    """
    rendered = render_digest(content, None)
    letter = Letter(content.subject, rendered.text, rendered.html, {"X-Unsent": "1"})
    message = build_message(letter, sender, None)
    files = {
        folder / f"{content.id}.eml": message.as_bytes(policy=WIRE),
        folder / f"{content.id}.html": rendered.html.encode(),
        folder / f"{content.id}.txt": rendered.text.encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, written in files.items():
            write_if_changed(file, written)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    return list(files)
