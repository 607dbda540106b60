"""Stylesheet, script, icon and fonts, published under names that hold the hash of their content."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass

from panel.hashing import DIGEST_BYTES
from panel.site.accent import accent_style

FOLDER = "assets/"
STYLE, SCRIPT, ICON = "site.css", "site.js", "icon.svg"
_COLOUR = re.compile(r"(?<![a-z-])--([a-z-]++): (#[0-9a-f]{6})")
HEADLINES, EXTENDED, ITALIC = "serif.woff2", "serif-ext.woff2", "serif-italic.woff2"
FONTS = (HEADLINES, EXTENDED, ITALIC, "sans.woff2", "sans-ext.woff2")
FORMS = "community.css"  # added to the stylesheet of a site with forms


@dataclass(frozen=True, slots=True)
class Assets:
    """The files by their plain names: (path in the site, content)."""

    files: dict[str, tuple[str, bytes]]

    def path(self, name: str) -> str:
        """Return the path of an asset in the site."""
        return self.files[name][0]


def load_assets(forms: bool = False, accent: str | None = None) -> Assets:
    """Read the assets of this package, for a site with its own accent colour (#rrggbb).

    forms: with the style of the readers' forms.
    """
    here = importlib.resources.files(__name__)
    files = {name: font(name) for name in FONTS}
    paths = {name: _named(name, content) for name, content in files.items()}
    style = font_faces({name: path.removeprefix(FOLDER) for name, path in paths.items()})
    style += palette() + _template("comparison.css") + prose() + (here / STYLE).read_text("utf-8")
    if forms:
        style += (here / FORMS).read_text("utf-8")
    if accent:
        style += accent_style(accent, *colours())
    texts = {
        STYLE: slim(style),
        SCRIPT: slim_script((here / SCRIPT).read_text("utf-8")),
        ICON: (here / ICON).read_text("utf-8"),
    }
    files |= {name: text.encode() for name, text in texts.items()}
    return Assets({name: (_named(name, each), each) for name, each in files.items()})


def font(name: str) -> bytes:
    """Return one of FONTS, as WOFF2."""
    return (importlib.resources.files(__name__) / "fonts" / name).read_bytes()


def font_faces(paths: Mapping[str, str] | None = None) -> str:
    """Return the CSS that loads the fonts; paths: of FONTS, from the stylesheet's folder."""
    style = (importlib.resources.files(__name__) / "fonts" / "fonts.css").read_text("utf-8")
    for name, path in (paths or {}).items():
        style = style.replace(f"url({name})", f"url({path})")
    return style


@functools.cache
def covered(name: str) -> frozenset[str]:
    """Return the characters that one of FONTS has."""
    found = re.search(rf"url\({re.escape(name)}\).*?unicode-range: ([^;]*);", font_faces())
    assert found, f"fonts.css does not load {name}"
    return frozenset(
        chr(code)
        for span in found[1].split(", ")
        for first, last in [(span.removeprefix("U+").split("-") * 2)[:2]]
        for code in range(int(first, 16), int(last, 16) + 1)
    )


def palette() -> str:
    """Return the CSS variables that every stylesheet of this program uses."""
    return _template("palette.css")


def prose() -> str:
    """Return the CSS of rendered Markdown, for whatever has the palette."""
    return _template("prose.css")


def colours() -> tuple[dict[str, str], dict[str, str]]:
    """Return the palette's light and dark colours by name, for mails, which take no variables."""
    light, dark = palette().split("@media")
    return dict(_COLOUR.findall(light)), dict(_COLOUR.findall(dark))


def _template(name: str) -> str:
    folder = importlib.resources.files("panel.site") / "templates"
    return (folder / name).read_text("utf-8")


def slim(style: str) -> str:
    """Return a stylesheet without comments and needless blanks; our strings hold neither."""
    style = re.sub(r"/\*.*?(?:\*/|$)", "", style, flags=re.DOTALL)
    style = re.sub(r"\s+", " ", style)
    return re.sub(r" ?([{};]) ?", r"\1", style).replace(";}", "}").strip() + "\n"


def slim_script(script: str) -> str:
    """Return our script without indents and lines of comment; no text in it goes over a line."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*"))) + "\n"


def _named(name: str, content: bytes) -> str:
    stem, ending = name.rsplit(".", 1)
    digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
    return f"{FOLDER}{stem}-{digest[:10]}.{ending}"
