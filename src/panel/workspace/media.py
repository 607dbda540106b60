"""Names the pictures of a workspace: plain files of ``media/``, and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from panel.text import composed
from panel.workspace.mistakes import shown
from panel.workspace.plain_files import read_bytes

FOLDER = "media"
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_NAME = re.compile(r"[\w][\w .()+-]{0,150}", re.UNICODE)


def _media_name(text: str) -> str:
    text = composed(text.removeprefix(FOLDER + "/"))
    if not _NAME.fullmatch(text) or not text.casefold().endswith(ENDINGS):
        raise ValueError(
            f"{shown(text)} is not a picture of the folder {FOLDER}/. Write the name of a file "
            f"there, ending in {', '.join(ENDINGS)}."
        )
    return text


MediaName = Annotated[str, AfterValidator(_media_name)]


def read_media(root: Path, name: str) -> bytes:
    """Return the bytes of a picture of a workspace; raises WorkspaceError if it cannot be read."""
    return read_bytes(root / FOLDER / name)
