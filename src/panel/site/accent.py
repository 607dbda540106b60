"""The accent colour of a site: as the editors chose it, or the nearest that can be read."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping

ENOUGH = 4.5  # contrast of text to its ground (WCAG 2.2, 1.4.3)
GROUNDS = ("paper", "card", "tint")  # what links and marks stand on
STEPS = 500


def accent_style(accent: str, light: Mapping[str, str], dark: Mapping[str, str]) -> str:
    """Return the CSS that sets an accent colour (#rrggbb) over a light and a dark palette."""
    on_light, on_dark = (
        readable(accent, [palette[ground] for ground in GROUNDS]) for palette in (light, dark)
    )
    return (
        f":root {{ --accent: {on_light}; }}\n"
        "@media screen and (prefers-color-scheme: dark) { "
        f":root {{ --accent: {on_dark}; }} }}\n"
    )


def readable(colour: str, grounds: Iterable[str]) -> str:
    """Return a colour in the nearest lightness that has enough contrast to every ground."""
    known = list(grounds)
    hue, lightness, saturation = colorsys.rgb_to_hls(*_rgb(colour))
    if all(contrast(colour, ground) >= ENOUGH for ground in known):
        return colour
    steps = (step / STEPS for step in range(STEPS + 1))
    for near in sorted(steps, key=lambda step: abs(step - lightness)):
        made = _hexed(colorsys.hls_to_rgb(hue, near, saturation))
        if all(contrast(made, ground) >= ENOUGH for ground in known):
            return made
    raise AssertionError(f"neither black nor white can be read on {known}")


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    lower, higher = sorted((_luminance(one), _luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hexed(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
