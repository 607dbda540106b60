"""Stylesheet, script and icon, published under names that hold the hash of their content."""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass

from panel.hashing import text_hash

STYLE, SCRIPT, ICON = "site.css", "site.js", "icon.svg"
_COLOUR = re.compile(r"(?<![a-z-])--([a-z-]++): (#[0-9a-f]{6})")
FORMS = "community.css"  # added to the stylesheet of a site with forms


@dataclass(frozen=True, slots=True)
class Assets:
    """The files by their plain names: (path in the site, content)."""

    files: dict[str, tuple[str, bytes]]

    def path(self, name: str) -> str:
        """Return the path of an asset in the site."""
        return self.files[name][0]


def load_assets(forms: bool = False) -> Assets:
    """Read the assets of this package; ``forms`` adds the style of the readers' forms."""
    here = importlib.resources.files(__name__)
    style = palette() + _template("comparison.css") + (here / STYLE).read_text("utf-8")
    if forms:
        style += (here / FORMS).read_text("utf-8")
    texts = {
        STYLE: slim(style),
        SCRIPT: (here / SCRIPT).read_text("utf-8"),
        ICON: (here / ICON).read_text("utf-8"),
    }
    return Assets({name: (_named(name, text), text.encode()) for name, text in texts.items()})


def palette() -> str:
    """Return the CSS variables that every stylesheet of this program uses."""
    return _template("palette.css")


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


def _named(name: str, text: str) -> str:
    stem, ending = name.rsplit(".", 1)
    return f"assets/{stem}-{text_hash(text)[:10]}.{ending}"
