"""Decodes pictures that people have put into a workspace, and encodes them anew as WebP.

Nothing but the pixels is kept: no EXIF, no profile, no text. Only the first frame is read.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageCms, ImageOps

PIXELS = 40_000_000
SCANS = 100  # of a JPEG; a progressive one has about ten, and each goes over the whole picture
FORMATS = ("PNG", "JPEG", "WEBP")
QUALITY = 82

Image.MAX_IMAGE_PIXELS = PIXELS


def measure(content: bytes) -> tuple[int, int]:
    """Return width and height of a picture as it is shown; raises ValueError, with the reason.

    Decodes the whole picture, so that a broken one is known before anything is published.
    """
    return _opened(content).size


def encode(content: bytes, size: tuple[int, int], crop: bool, lossless: bool) -> bytes:
    """Return a picture as WebP of this size; raises ValueError as ``measure`` does.

    crop: cut what does not fit the size's shape, from both sides alike.
    """
    image = _plain(_opened(content))
    scale = Image.Resampling.LANCZOS
    image = ImageOps.fit(image, size, scale) if crop else image.resize(size, scale)
    made = io.BytesIO()
    image.save(made, "WEBP", quality=QUALITY, lossless=lossless, method=4, exact=False)
    return made.getvalue()


def _opened(content: bytes) -> Image.Image:
    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > SCANS:
        raise ValueError(f"is a JPEG of more than {SCANS} scans")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is an error below
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height <= PIXELS:
                image.load()
                return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise ValueError(f"has more than {PIXELS:,} pixels") from None
    except Exception:  # Pillow says of no format what a broken file raises
        raise ValueError("is broken, or no PNG, JPEG or WebP") from None
    raise ValueError(f"has {image.width:,} × {image.height:,} pixels; the limit is {PIXELS:,}")


def _plain(image: Image.Image) -> Image.Image:
    """Return a picture in sRGB, with transparency if it has any, and nothing else."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.point(lambda value: value / 256).convert("L")
    clear = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _in_srgb(image, profile, "RGBA" if clear else "RGB")
    return image.convert("RGBA" if clear else "RGB")


def _in_srgb(image: Image.Image, profile: bytes, mode: str) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile of another kind of colours
        return image
    return made if made is not None else image
