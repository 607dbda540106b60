"""Draws the preview pictures of links, in the serif of the pages.

One palette holds a ramp from ink to paper, for text, and the colours of verdicts and meters:
small files, quickly made.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from PIL import Image, ImageDraw, ImageFont

from panel.site.assets import EXTENDED, HEADLINES, covered, font
from panel.site.assets import ITALIC as SLANTED
from panel.site.preview import Preview

WIDTH, HEIGHT, EDGE = 1200, 630, 64
HALF = WIDTH // 2
# Pixels are indexes of one palette: a ramp from ink to paper, which gives text smooth edges, a
# short ramp for each verdict's colour, and flat colours.
INK, PAPER, SHIP, SKIP = (29, 27, 24), (251, 250, 246), (13, 97, 70), (154, 51, 36)
RAMP, STEPS = 192, 16
BLANK = RAMP - 1
SHADES = 14  # between ink and paper, in a file
FAINT = 56  # of the ramp: words that are less than others
RAMPS = {"ship": RAMP, "skip": RAMP + STEPS}
BAND, RULE = RAMP + 2 * STEPS, RAMP + 2 * STEPS + 1
FLAT = ((185, 201, 216), (217, 212, 199))
CUT = "…"
BOLD, PLAIN, ITALIC = "bold", "plain", "italic"


@dataclass(frozen=True, slots=True)
class Face:
    """The serif in one style and size; letters of the extended Latin block have a file of theirs.

    step: pixels from one line to the next.
    """

    basic: ImageFont.FreeTypeFont
    extended: ImageFont.FreeTypeFont
    step: int

    def width(self, text: str) -> float:
        """Return how wide a text is."""
        return sum(face.getlength(part) for face, part in self._runs(text))

    def write(self, pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, ink: int) -> None:
        """Draw one line, its edges smoothed with the ramp from ink to paper; at: its top."""
        x, y = float(at[0]), at[1] + self.basic.getmetrics()[0]
        for face, part in self._runs(text):
            pen.text((x, y), part, ink, face, anchor="ls")
            x += face.getlength(part)

    def _runs(self, text: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        if text.isascii():
            return [(self.basic, text)] if text else []
        parts = itertools.groupby(text, covered(EXTENDED).__contains__)
        return [(self.extended if other else self.basic, "".join(part)) for other, part in parts]


def front(title: str, description: str) -> bytes:
    """Draw the front page's picture."""
    canvas = _canvas(WIDTH)
    _headline(canvas, "")
    if not title:
        _diamond(canvas, WIDTH // 2, HEIGHT // 2, 130)
        return _png(canvas)
    y = _words(canvas, (EDGE, 160), title, _face(BOLD, 96), WIDTH - 2 * EDGE, lines=2)
    _words(canvas, (EDGE, y + 24), description, _face(PLAIN, 40), WIDTH - 2 * EDGE, lines=3)
    return _png(canvas)


def tool(title: str, shown: Preview) -> bytes:
    """Draw a tool's picture: its name, the verdict in words, a line of a take."""
    canvas, wide = _canvas(WIDTH), WIDTH - 2 * EDGE
    _headline(canvas, title)
    y = _words(canvas, (EDGE, 128), shown.name, _face(BOLD, 88), wide, lines=2)
    y = _words(canvas, (EDGE, y + 12), shown.words, _face(PLAIN, 42), wide, lines=2)
    room = (530 - y - 14) // _face(ITALIC, 34).step
    _words(canvas, (EDGE, y + 14), shown.quote, _face(ITALIC, 34), wide, min(room, 2), FAINT)
    _verdicts(canvas, (EDGE, 548), shown.verdicts)
    x = EDGE + 56 * len(shown.verdicts) + (20 if shown.verdicts else 0)
    _words(canvas, (x, 552), shown.counted, _face(PLAIN, 28), 560, lines=1)
    if shown.span:
        _meter(canvas, (WIDTH - EDGE - 260, 570), 260, shown.span)
    return _png(canvas)


def pair(title: str, left: Image.Image, right: Image.Image) -> bytes:
    """Put two halves side by side."""
    canvas = _canvas(WIDTH)
    canvas.paste(left, (0, 0))
    canvas.paste(right, (HALF, 0))
    pen, versus = _pen(canvas), _face(ITALIC, 56)
    pen.line((HALF, 136, HALF, 158), RULE, 2)
    pen.line((HALF, 236, HALF, HEIGHT - EDGE), RULE, 2)
    versus.write(pen, (HALF - round(versus.width("vs") / 2), 160), "vs", FAINT)
    _headline(canvas, title)
    return _png(canvas)


def half(shown: Preview) -> Image.Image:
    """Draw a tool's half of a comparison's picture."""
    canvas, wide = _canvas(HALF), HALF - EDGE - 44
    y = _words(canvas, (EDGE, 136), shown.name, _face(BOLD, 56), wide, lines=3)
    y = _words(canvas, (EDGE, y + 10), shown.words, _face(PLAIN, 32), wide, lines=3)
    room = (534 - y - 12) // _face(ITALIC, 27).step
    _words(canvas, (EDGE, y + 12), shown.quote, _face(ITALIC, 27), wide, min(room, 3), FAINT)
    _verdicts(canvas, (EDGE, 548), shown.verdicts)
    return canvas


def _headline(canvas: Image.Image, title: str) -> None:
    _pen(canvas).rectangle((0, 0, WIDTH, 14), 0)
    if title:
        _words(canvas, (EDGE, 44), title, _face(BOLD, 32), WIDTH - 2 * EDGE, lines=1)
        _pen(canvas).line((EDGE, 106, WIDTH - EDGE, 106), RULE, 2)


def _meter(
    canvas: Image.Image, at: tuple[int, int], wide: int, span: tuple[float, float, float]
) -> None:
    draw, (x, y) = _pen(canvas), at
    draw.rectangle((x, y - 1, x + wide, y + 1), RULE)
    low, high, share = (x + round(wide * part / 100) for part in span)
    draw.rectangle((low, y - 9, high, y + 9), BAND)
    for end in (low, high):
        draw.rectangle((end - 1, y - 14, end + 1, y + 14), 0)
    _diamond(canvas, share, y, 16)


def _diamond(canvas: Image.Image, x: int, y: int, half_wide: int) -> None:
    corners = [(x, y - half_wide), (x + half_wide, y), (x, y + half_wide), (x - half_wide, y)]
    _pen(canvas).polygon(corners, 0)


def _verdicts(canvas: Image.Image, at: tuple[int, int], verdicts: Sequence[str]) -> None:
    for index, kind in enumerate(verdicts):
        canvas.paste(_mark(kind), (at[0] + 56 * index, at[1]))


@cache
def _mark(kind: str) -> Image.Image:
    """Draw one verdict, larger and then scaled down, so that its edges are smooth."""
    large = Image.new("L", (176, 176), 255)
    draw = ImageDraw.Draw(large)
    if kind == "ship":
        draw.ellipse((4, 4, 171, 171), 0)
        draw.line([(46, 92), (76, 124), (130, 56)], 255, 20, joint="curve")
    elif kind == "skip":
        draw.rectangle((8, 8, 167, 167), None, 0, 12)
        draw.line([(54, 54), (122, 122)], 0, 20)
        draw.line([(122, 54), (54, 122)], 0, 20)
    else:
        draw.rounded_rectangle((8, 8, 167, 167), 28, None, 150, 10)
        draw.line([(58, 88), (118, 88)], 150, 16)
    small = large.resize((44, 44), Image.Resampling.BOX)
    first, steps = RAMPS.get(kind, 0), STEPS if kind in RAMPS else RAMP
    return small.point([first + value * steps // 256 for value in range(256)])


def _canvas(width: int) -> Image.Image:
    return Image.new("L", (width, HEIGHT), BLANK)


@cache
def _palette() -> bytes:
    ramps = ((INK, RAMP), (SHIP, STEPS), (SKIP, STEPS))
    made = bytearray()
    for dark, steps in ramps:
        for step in range(steps):
            part = step / (steps - 1)
            made += bytes(round(a + (b - a) * part) for a, b in zip(dark, PAPER, strict=True))
    return bytes(made) + bytes(value for colour in FLAT for value in colour)


def _pen(canvas: Image.Image) -> ImageDraw.ImageDraw:
    return ImageDraw.Draw(canvas)


def _words(  # noqa: PLR0913 - a place, a text and how it is set
    canvas: Image.Image,
    at: tuple[int, int],
    text: str,
    face: Face,
    wide: int,
    lines: int,
    ink: int = 0,
) -> int:
    """Draw text on at most ``lines`` lines; return where the next line would be."""
    x, y = at
    pen = _pen(canvas)
    for line in _broken(text, face, wide, lines):
        face.write(pen, (x, y), line, ink)
        y += face.step
    return y


def _broken(text: str, face: Face, wide: int, lines: int) -> list[str]:
    """Break text into lines that fit; where it is cut off, after a word, with an ellipsis."""
    words = text.split()
    broken: list[str] = []
    while words and len(broken) < lines:
        line, words = _first_line(words, face, wide)
        if words and len(broken) == lines - 1:
            line = _cut(line, face, wide, "”" if text.endswith("”") else "")
        broken.append(line)
    return broken


def _cut(line: str, face: Face, wide: int, closing: str) -> str:
    ends = CUT + closing
    while line and face.width(line + ends) > wide:
        line = line.rpartition(" ")[0] if " " in line else line[:-1]
    return line.rstrip(" ,.;:–—-…") + ends


@lru_cache(maxsize=10_000)  # the same words come again and again
def _width(face: Face, word: str) -> float:
    return face.width(word)


def _first_line(words: Sequence[str], face: Face, wide: int) -> tuple[str, list[str]]:
    taken, used, space = 1, _width(face, words[0]), _width(face, " ")
    while taken < len(words) and used + space + _width(face, words[taken]) <= wide:
        used += space + _width(face, words[taken])
        taken += 1
    line, rest = " ".join(words[:taken]), list(words[taken:])
    if face.width(line) > wide:  # one long word
        cut = len(line)
        while cut > 1 and face.width(line[:cut]) > wide:
            cut -= 1
        line, rest = line[:cut], [line[cut:], *rest]
    return line, rest


@cache
def _face(style: str, size: int) -> Face:
    basic = _loaded(SLANTED if style == ITALIC else HEADLINES, size)
    extended = _loaded(EXTENDED, size)
    for each in (basic, extended) if style != ITALIC else (extended,):
        each.set_variation_by_axes([700 if style == BOLD else 400])
    return Face(basic, extended, round(size * 1.22))


def _loaded(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(font(name)), size)


@cache
def _shades() -> list[int]:
    """Return the ramp in fewer steps: nobody sees it, and files are smaller by a third."""
    ramp = [round(round(value * SHADES / BLANK) * BLANK / SHADES) for value in range(RAMP)]
    return ramp + list(range(RAMP, 256))


def _png(canvas: Image.Image) -> bytes:
    canvas = canvas.point(_shades())
    canvas.putpalette(_palette())  # turns the values into indexes
    made = io.BytesIO()
    canvas.save(made, "PNG", compress_level=1)  # flat, so a higher one gains little
    return made.getvalue()
