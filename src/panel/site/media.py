"""The pictures of a workspace on its site: logos, lead pictures, portraits; each encoded anew.

A file of ``media/`` is decoded within bounds and becomes WebP in the sizes that pages use, under a
name made from its content. Nothing is loaded from elsewhere, and no metadata is kept.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from panel.errors import WorkspaceError
from panel.hashing import content_hash
from panel.site.pillow import available, loaded
from panel.workspace.media import FOLDER, read_media

DESIGN = 1  # version of the encoding; a new one gives every picture a new name
BYTES = 20 * 1024 * 1024
REMEDY = "Save it anew as a PNG, JPEG or WebP, and smaller if need be."
_BEGINS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")

Use = Literal["logo", "masthead", "lead", "portrait"]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Form:
    """How a picture is encoded for a use: the boxes it has to fit into, largest first."""

    boxes: tuple[Size, ...]
    crop: bool = False
    lossless: bool = False


_FORMS: Mapping[Use, _Form] = {
    "logo": _Form(((192, 192),), lossless=True),
    "masthead": _Form(((640, 128),), lossless=True),
    "lead": _Form(((1280, 1600), (640, 800))),
    "portrait": _Form(((256, 256),), crop=True),
}


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A picture of ``media/`` that can be decoded: the hash of its bytes, its size in pixels."""

    name: str
    digest: str
    size: Size


@dataclass(frozen=True, slots=True)
class MediaFolder:
    """The pictures that a publication names, by name. problems: of those that were left out.

    ignored: there are some, but no Pillow to read them.
    """

    root: Path | None = None
    files: Mapping[str, MediaFile] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Rendition:
    """One file that a picture becomes."""

    path: str
    size: Size


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as pages show it: its largest rendition, and the smaller ones."""

    renditions: tuple[Rendition, ...]

    @property
    def path(self) -> str:
        """The file of the largest."""
        return self.renditions[0].path

    @property
    def width(self) -> int:
        """Pixels of the largest."""
        return self.renditions[0].size[0]

    @property
    def height(self) -> int:
        """Pixels of the largest."""
        return self.renditions[0].size[1]


def picture(media: MediaFolder, name: str | None, use: Use) -> Picture | None:
    """Return a picture by its name in ``media/``; None where there is none that can be shown."""
    file = media.files.get(name) if name else None
    if file is None:
        return None
    form = _FORMS[use]
    sizes = dict.fromkeys(_fitted(file.size, box, form.crop) for box in form.boxes)
    return Picture(
        tuple(
            Rendition(f"media/{content_hash([DESIGN, file.digest, use, *size])[3:23]}.webp", size)
            for size in sizes
        )
    )


def rendered(media: MediaFolder, name: str, use: Use, size: Size) -> bytes:
    """Return one rendition of a picture as WebP; raises WorkspaceError if it has become unfit."""
    assert media.root is not None
    content, form = read_media(media.root, name), _FORMS[use]
    try:
        made: bytes = loaded("encoding").encode(content, size, form.crop, form.lossless)
    except ValueError as error:
        raise _unfit(media.root, name, str(error)) from None
    return made


def survey(root: Path, names: Iterable[str]) -> tuple[dict[str, MediaFile], dict[str, str]]:
    """Look at pictures of ``media/``; return those that can be shown, and why others cannot.

    Without Pillow only their first bytes are looked at, and none can be shown.
    """
    files: dict[str, MediaFile] = {}
    unfit: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            mark = (root / FOLDER / name).stat()
            looked = _look(root, name, (mark.st_mtime_ns, mark.st_size, mark.st_ino))
        except OSError:
            unfit[name] = f"there is no file {FOLDER}/{name}"
        except WorkspaceError as error:
            unfit[name] = f"{FOLDER}/{name} {error.problems[0].message}"
        else:
            files |= {name: looked} if looked else {}
    return files, unfit


@functools.lru_cache(maxsize=8192)  # a desk looks again and again
def _look(root: Path, name: str, _mark: tuple[int, int, int]) -> MediaFile | None:
    content = read_media(root, name)
    if len(content) > BYTES:
        raise _unfit(root, name, f"has more than {BYTES // 1024**2} MiB")
    if not content.startswith(_BEGINS):
        raise _unfit(root, name, "is no PNG, JPEG or WebP")
    if not available():
        return None
    try:
        size = loaded("encoding").measure(content)
    except ValueError as error:
        raise _unfit(root, name, str(error)) from None
    return MediaFile(name, hashlib.blake2b(content, digest_size=16).hexdigest(), size)


def _unfit(root: Path, name: str, message: str) -> WorkspaceError:
    return WorkspaceError.single(root / FOLDER / name, None, "", message, REMEDY)


def _fitted(size: Size, box: Size, crop: bool) -> Size:
    """Return the size at which a picture fits into a box; none is made larger."""
    wide, high = size
    if crop:
        side = min(wide, high, *box)
        return side, side
    scale = min(1, box[0] / wide, box[1] / high)
    return max(1, round(wide * scale)), max(1, round(high * scale))
