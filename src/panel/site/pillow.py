"""Draws the preview pictures of links. The only module that uses Pillow.

One palette holds a ramp from ink to paper, for text, and the colours of verdicts and meters:
small files, quickly made.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from panel.site.formats import interval_text, outcome, ship_share
from panel.site.publication import PublishedTool
from panel.stats import PanelResult
from panel.text import clean

SHOWN = 6  # verdicts in a row
WIDTH, HEIGHT, EDGE = 1200, 630, 64
HALF = WIDTH // 2
# Pixels are indexes of one palette: a ramp from ink to paper, which gives text smooth edges, a
# short ramp for each verdict's colour, and flat colours.
INK, PAPER, SHIP, SKIP = (29, 27, 24), (251, 250, 246), (13, 97, 70), (154, 51, 36)
RAMP, STEPS = 192, 16
BLANK = RAMP - 1
RAMPS = {"ship": RAMP, "skip": RAMP + STEPS}
BAND, RULE = RAMP + 2 * STEPS, RAMP + 2 * STEPS + 1
FLAT = ((185, 201, 216), (217, 212, 199))
# Characters that the font lacks, and similar ones that it has.
LIKE = {0xA0: " ", 0x2013: "-", 0x2014: "-", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
CUT = "..."
BIG, NAME, TEXT, SMALL = 132, 68, 30, 26


def front(title: str, description: str) -> bytes:
    """Draw the front page's picture."""
    canvas = _canvas(WIDTH)
    _headline(canvas, "")
    y = _words(canvas, (EDGE, 170), title, NAME + 20, WIDTH - 2 * EDGE, lines=2)
    _words(canvas, (EDGE, y + 20), description, TEXT + 6, WIDTH - 2 * EDGE, lines=3)
    return _png(canvas)


def tool(title: str, published: PublishedTool) -> bytes:
    """Draw a tool's picture."""
    canvas, result = _canvas(WIDTH), published.card.result
    _headline(canvas, title)
    _words(canvas, (EDGE, 138), published.tool.category, TEXT, WIDTH - 2 * EDGE, lines=1)
    _words(canvas, (EDGE, 182), published.tool.name, NAME + 8, WIDTH - 2 * EDGE, lines=2)
    _write(canvas, (EDGE, 418), ship_share(result), BIG)
    _write(canvas, (EDGE, 556), "panel ship", SMALL)
    _meter(canvas, (500, 452), WIDTH - EDGE - 500, result)
    _write(canvas, (500, 484), _counted(result), TEXT)
    _verdicts(canvas, (500, 540), published)
    return _png(canvas)


def pair(title: str, left: Image.Image, right: Image.Image) -> bytes:
    """Put two halves side by side."""
    canvas = _canvas(WIDTH)
    canvas.paste(left, (0, 0))
    canvas.paste(right, (HALF, 0))
    _pen(canvas).line((HALF, 150, HALF, HEIGHT - EDGE), RULE, 2)
    _headline(canvas, title)
    return _png(canvas)


def half(published: PublishedTool) -> Image.Image:
    """Draw a tool's half of a comparison's picture."""
    canvas, result = _canvas(HALF), published.card.result
    wide = HALF - EDGE - 36
    _words(canvas, (EDGE, 150), published.tool.name, NAME - 14, wide, lines=3)
    _write(canvas, (EDGE, 352), ship_share(result), BIG - 24)
    _meter(canvas, (EDGE, 488), wide, result)
    _write(canvas, (EDGE, 514), _counted(result), SMALL)
    _verdicts(canvas, (EDGE, 556), published)
    return canvas


def _counted(result: PanelResult) -> str:
    if result.demo:
        return "verdicts of a demo model: no judgement"
    if not result.n:
        return "nobody voted"
    return f"{result.ships} of {result.n} ship · 95 % interval {interval_text(result.interval)}"


def _headline(canvas: Image.Image, title: str) -> None:
    _pen(canvas).rectangle((0, 0, WIDTH, 14), 0)
    _words(canvas, (EDGE, 54), title, TEXT, WIDTH - 2 * EDGE, lines=1)
    if title:
        _pen(canvas).line((EDGE, 112, WIDTH - EDGE, 112), RULE, 2)


def _meter(canvas: Image.Image, at: tuple[int, int], wide: int, result: PanelResult) -> None:
    if result.demo:
        return
    draw, (x, y) = _pen(canvas), at
    draw.rectangle((x, y - 1, x + wide, y + 1), RULE)
    if result.interval is None or result.ship_percent is None:
        return
    low, high, share = (
        x + round(wide * part / 100)
        for part in (result.interval.low, result.interval.high, result.ship_percent)
    )
    draw.rectangle((low, y - 9, high, y + 9), BAND)
    for end in (low, high):
        draw.rectangle((end - 1, y - 14, end + 1, y + 14), 0)
    draw.polygon([(share, y - 16), (share + 16, y), (share, y + 16), (share - 16, y)], 0)


def _verdicts(canvas: Image.Image, at: tuple[int, int], published: PublishedTool) -> None:
    if published.card.demo:
        return
    for index, line in enumerate(published.card.lines[:SHOWN]):
        canvas.paste(_mark(outcome(line)), (at[0] + 56 * index, at[1]))


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


def _write(canvas: Image.Image, at: tuple[int, int], text: str, size: int) -> None:
    """Draw one line of text, its edges smoothed with the ramp from ink to paper."""
    _pen(canvas).text(at, text.translate(LIKE), 0, _font(size))


def _words(
    canvas: Image.Image, at: tuple[int, int], text: str, size: int, wide: int, *, lines: int
) -> int:
    """Draw text on at most ``lines`` lines; return where the next line would be."""
    x, y = at
    step = round(size * 1.16)
    for line in _broken(text, size, wide, lines):
        _write(canvas, (x, y), line, size)
        y += step
    return y


def _broken(text: str, size: int, wide: int, lines: int) -> list[str]:
    """Break text into lines that fit; end it with an ellipsis where it is cut off."""
    font = _font(size)
    words = _drawable(text).split()
    broken: list[str] = []
    while words and len(broken) < lines:
        line, words = _first_line(words, font, wide)
        if words and len(broken) == lines - 1:
            while line and font.getlength(line + CUT) > wide:
                line = line[:-1]
            line = line.rstrip() + CUT
        broken.append(line)
    return broken


def _first_line(
    words: Sequence[str], font: ImageFont.FreeTypeFont, wide: int
) -> tuple[str, list[str]]:
    taken = 1
    while taken < len(words) and font.getlength(" ".join(words[: taken + 1])) <= wide:
        taken += 1
    line, rest = " ".join(words[:taken]), list(words[taken:])
    if font.getlength(line) > wide:  # one long word
        cut = len(line)
        while cut > 1 and font.getlength(line[:cut]) > wide:
            cut -= 1
        line, rest = line[:cut], [line[cut:], *rest]
    return line, rest


def _drawable(text: str) -> str:
    """Remove characters that the font lacks; return nothing when most would be missing."""
    text = " ".join(clean(text[:300]).translate(LIKE).split())
    kept = "".join(character for character in text if _has(character))
    return kept if 2 * len(kept) >= len(text) else ""


@cache
def _has(character: str) -> bool:
    if character.isspace():
        return True
    font = _font(20)
    mask, nothing = font.getmask(character), font.getmask("\U0010fffd")
    return not (mask.size == nothing.size and bytes(mask) == bytes(nothing))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:

    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow without FreeType"
    return font


def _png(canvas: Image.Image) -> bytes:
    canvas.putpalette(_palette())  # turns the values into indexes
    made = io.BytesIO()
    canvas.save(made, "PNG", compress_level=1, compress_type=zlib.Z_RLE)  # flat, so fast
    return made.getvalue()
