"""Makes the fonts of the pages of two npm packages: ``python -m tests.support.make_fonts FOLDER``.

FOLDER holds what ``npm pack`` brought of each, unpacked, under ``source-serif-4`` and
``public-sans``. It needs fonttools and brotli, which nothing else of the program does. The same
packages and the same fonttools make the same bytes; THIRD_PARTY.md beside the fonts names them.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[2] / "src" / "panel" / "site" / "assets" / "fonts"
LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x100), 0x131, 0x152, 0x153, 0x178]
LATIN += [0x2013, 0x2014, 0x2018, 0x2019, 0x201A, 0x201C, 0x201D, 0x201E, 0x2020, 0x2022, 0x2026]
LATIN += [0x2030, 0x2039, 0x203A, 0x20AC, 0x2122, 0x2192, 0x2212]
EXTENDED = [*range(0x100, 0x180), 0x218, 0x219, 0x21A, 0x21B, 0x1E9E]
FEATURES = ["kern", "liga", "lnum", "tnum"]
WEIGHTS = (400, 700)
# File, package, part of its name, characters, weights, family, style.
FONTS: list[tuple[str, str, str, list[int], Any, str, str]] = [
    ("serif", "source-serif-4", "latin-wght-normal", LATIN, WEIGHTS, "Panel Serif", "Regular"),
    ("serif-italic", "source-serif-4", "latin-wght-italic", LATIN, 400, "Panel Serif", "Italic"),
    ("serif-ext", "source-serif-4", "latin-ext-wght-normal", EXTENDED, WEIGHTS, "Panel Serif",
     "Regular"),
    ("sans", "public-sans", "latin-wght-normal", LATIN, WEIGHTS, "Panel Sans", "Regular"),
    ("sans-ext", "public-sans", "latin-ext-wght-normal", EXTENDED, WEIGHTS, "Panel Sans",
     "Regular"),
]  # fmt: skip


def make(source: Path, characters: list[int], weights: Any, family: str, style: str) -> bytes:
    """Return a font of these characters and weights under another name, as WOFF2."""
    from fontTools import subset
    from fontTools.ttLib import TTFont
    from fontTools.varLib import instancer

    options = subset.Options()
    options.layout_features, options.hinting = FEATURES, False
    options.name_IDs = [0, 5, 13, 14]
    font = subset.load_font(str(source), options)
    cut = subset.Subsetter(options)
    cut.populate(unicodes=characters)
    cut.subset(font)
    font.flavor, made = None, io.BytesIO()
    font.save(made)
    font = TTFont(io.BytesIO(made.getvalue()), recalcTimestamp=False)
    font = instancer.instantiateVariableFont(font, {"wght": weights})
    # The reserved name of a font may not be that of a changed one (OFL 1.1, clause 3).
    names = {1: family, 2: style, 4: f"{family} {style}", 6: f"{family}-{style}".replace(" ", "")}
    for number, name in names.items():
        font["name"].setName(name, number, 3, 1, 0x409)
    font.flavor, made = "woff2", io.BytesIO()
    font.save(made)
    return made.getvalue()


def main(folder: Path) -> None:
    """Write every font, and print the rows of THIRD_PARTY.md."""
    OUT.mkdir(exist_ok=True)
    for name, package, part, characters, weights, family, style in FONTS:
        source = folder / package / "files" / f"{package}-{part}.woff2"
        content = make(source, characters, weights, family, style)
        (OUT / f"{name}.woff2").write_bytes(content)
        hashes = (hashlib.sha256(each).hexdigest() for each in (source.read_bytes(), content))
        print(
            f"| `{name}.woff2` | {len(content):,} | `{source.name}` | "
            + " | ".join(f"`{each}`" for each in hashes)
            + " |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
