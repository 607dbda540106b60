"""Pictures for tests, made here: with a marked corner, with metadata, broken, and too large."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

RED, BLUE = (200, 30, 30), (30, 60, 200)


def png(size: tuple[int, int] = (400, 200)) -> bytes:
    """Return a blue picture whose upper left corner is red."""
    return _saved(_marked(size), "PNG")


def turned_jpeg(size: tuple[int, int] = (400, 200)) -> bytes:
    """Return a photograph with a place and a maker in its EXIF data, which says: turn it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    exif[0x010F] = "SECRET CAMERA"
    return _saved(_marked(size), "JPEG", exif=exif, comment=b"SECRET PLACE", quality=95)


def bomb() -> bytes:
    """Return a small PNG that says it has 60,000 × 60,000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def scans(many: int) -> bytes:
    """Return a progressive JPEG that goes over its pixels so many times more than it needs."""
    plain = _saved(_marked((64, 64)), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * many + plain[-2:]


def put(root: Path, name: str, content: bytes) -> Path:
    """Write a file of ``media/``."""
    file = root / "media" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def _marked(size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0] // 4, size[1] // 4))
    return image


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)  # type: ignore[arg-type]
    return made.getvalue()
