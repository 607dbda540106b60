"""Charts: Vega-Lite specifications, and the static SVG and PNG that vl-convert makes of them.

Nothing is fetched: vl-convert carries Vega-Lite and its fonts. Colours are those of the pages'
palette; on a page they are its CSS variables, so that one drawing serves light, dark and paper.
"""

from __future__ import annotations

import functools
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from panel.research.extras import needed
from panel.site.formats import environment
from panel.text import clean

Spec = dict[str, Any]
Row = dict[str, Any]
WIDTH = 420  # of a drawing, in CSS pixels: readable on a telephone, half a page on a desk
ROWS = 60  # of a drawing at most

_SVG = "http://www.w3.org/2000/svg"
_NUMBER = re.compile(r"\d+(?:\.\d*)?")
_LENGTHS = ("d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height")
# Said by the figure as a whole, inherited from its page, or the default.
_NEEDLESS = ("role", "class", "font-family", "pointer-events", "aria-hidden", "aria-label")
_USED = ("ink", "muted", "rule", "accent", "ship", "skip", "band", "card", "paper")


@functools.cache
def palette() -> dict[str, str]:
    """Return the light colours of the pages by their names, as hex."""
    templates = environment()
    assert templates.loader
    text = templates.loader.get_source(templates, "palette.css")[0]
    found = dict(re.findall(r"--([a-z-]{1,20}): (#[0-9a-f]{6});", text.partition("@media")[0]))
    return {name: found[name] for name in _USED}


def whiskers(rows: Sequence[Row], title: str, domain: Sequence[float]) -> Spec:
    """Draw a mark and its interval for each row.

    rows: label, value, low, high; None where it is not known. domain: the ends of the axis. A
    row may have a ``margin`` around 0, drawn as a field, and the ends ``inner_low`` and
    ``inner_high`` of a second interval, drawn as a line.
    """
    colour, span = palette(), _axis(title, domain)
    known = [row for row in rows if row["value"] is not None]
    bounded = [row for row in rows if row.get("margin") is not None]
    fields = [row | {"from": -row["margin"], "to": row["margin"]} for row in bounded]

    def between(low: str, high: str, within: Sequence[Row], height: int, ink: str) -> Spec:
        drawn = [
            row | {low: max(row[low], domain[0]), high: min(row[high], domain[1])}
            for row in within
            if row.get(low) is not None
        ]
        mark = {"type": "bar", "height": height, "color": colour[ink]}
        return _layer(drawn, mark, x=span | {"field": low}, x2={"field": high})

    return _frame(
        rows,
        [
            *([between("from", "to", fields, 20, "rule")] if fields else []),
            between("low", "high", known, 8, "band"),
            *([between("inner_low", "inner_high", known, 2, "ink")] if fields else []),
            _layer(
                known,
                {"type": "point", "shape": "diamond", "filled": True, "opacity": 1, "size": 80}
                | {"color": colour["ink"], "stroke": colour["card"], "strokeWidth": 1},
                x=span | {"field": "value"},
            ),
        ],
    )


def grid(rows: Sequence[Row], columns: Sequence[str]) -> Spec:
    """Draw a square for each row × column, darker the higher its share, with its words in it.

    rows: label, column, share (0 to 1, None for none), words.
    """
    colour = palette()
    across = {
        "field": "column",
        "type": "nominal",
        "sort": [clean(each) for each in columns],
        "title": None,
        "axis": {"orient": "top", "labelAngle": -35, "ticks": False, "domain": False}
        | {"labelLimit": 110},
    }
    shown = [row | {"column": clean(row["column"]), "share": row["share"] or 0} for row in rows]
    drawn = _frame(
        shown,
        [
            _layer(
                shown,
                {"type": "rect", "fill": colour["accent"], "stroke": colour["rule"]},
                x=across,
                fillOpacity={
                    "field": "share",
                    "type": "quantitative",
                    "scale": {"domain": [0, 1], "range": [0, 0.45]},
                    "legend": None,
                },
            ),
            _layer(
                shown,
                {"type": "text", "color": colour["ink"], "fontSize": 12},
                x=across,
                text={"field": "words"},
            ),
        ],
    )
    # The slanted words need room on the right.
    return drawn | {"padding": {"left": 26, "top": 5, "bottom": 5, "right": 50}}


def bars(rows: Sequence[Row], title: str, kinds: Sequence[str] = ()) -> Spec:
    """Draw a bar for each row, in pieces where rows have kinds.

    rows: label, value and, with ``kinds`` (at most three), a kind.
    """
    colour = palette()
    more: dict[str, Any] = {}
    if kinds:
        shades = [colour["accent"], colour["band"], colour["muted"]][: len(kinds)]
        more["color"] = {
            "field": "kind",
            "type": "nominal",
            "scale": {"domain": list(kinds), "range": shades},
            "legend": {"orient": "top", "title": None},
        }
        more["order"] = {"field": "place", "type": "quantitative"}
        rows = [row | {"place": kinds.index(row["kind"])} for row in rows]
    mark = {"type": "bar", "height": 14, "color": colour["accent"]}
    known = [row for row in rows if row["value"] is not None]
    span = _axis(title) | {"field": "value", "stack": "zero" if kinds else None}
    return _frame(rows, [_layer(known, mark, x=span, **more)])


def ranges(rows: Sequence[Row], title: str) -> Spec:
    """Draw for each row a band from ``low`` to ``high``, a tick at ``value``, a dot at ``far``."""
    colour, span = palette(), _axis(title)
    band = {"type": "bar", "height": 8, "color": colour["band"]}
    tick = {"type": "tick", "size": 16, "thickness": 3, "color": colour["ink"]}
    dot = {"type": "point", "filled": True, "opacity": 1, "size": 40, "color": colour["accent"]}
    return _frame(
        rows,
        [
            _layer(rows, band, x=span | {"field": "low"}, x2={"field": "high"}),
            _layer(rows, tick, x=span | {"field": "value"}),
            _layer(rows, dot, x=span | {"field": "far"}),
        ],
    )


def reliability(rows: Sequence[Row], titles: tuple[str, str]) -> Spec:
    """Draw what was seen against what was stated, with intervals and the diagonal.

    rows: stated, seen, low, high (None for no interval), n; all in percent.
    """
    colour = palette()
    across = _axis(titles[0], (0, 100)) | {"field": "stated"}
    up = _axis(titles[1], (0, 100)) | {"field": "seen"}
    dashed = {"type": "line", "strokeDash": [5, 4], "color": colour["muted"]}
    span = {"type": "rule", "strokeWidth": 6, "color": colour["band"]}
    dot = {"type": "point", "filled": True, "opacity": 1, "size": 70, "color": colour["ink"]}
    with_ends = [row for row in rows if row["low"] is not None]
    spec = _frame(
        [],
        [
            _layer(
                [{"stated": 0, "seen": 0}, {"stated": 100, "seen": 100}], dashed, x=across, y=up
            ),
            _layer(with_ends, span, x=across, y=up | {"field": "low"}, y2={"field": "high"}),
            _layer(rows, dot, x=across, y=up),
        ],
    )
    return spec | {"height": 280, "encoding": {}}


def _axis(title: str, domain: Sequence[float] | None = None) -> dict[str, Any]:
    scale: dict[str, Any] = {"zero": domain is None}
    if domain is not None:
        scale |= {"domain": list(domain), "nice": False}
    axis = {"tickCount": 5, "labelFlush": True, "labelOverlap": True}
    return {"type": "quantitative", "title": title, "scale": scale, "axis": axis}


def _layer(rows: Sequence[Row], mark: Spec, **encoding: Any) -> Spec:
    values = [row | {"label": clean(row["label"])} if "label" in row else row for row in rows]
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _frame(rows: Sequence[Row], layers: list[Spec]) -> Spec:
    """Put layers over each other, a line for each label in the order of the rows."""
    colour = palette()
    down = {
        "field": "label",
        "type": "nominal",
        "sort": list(dict.fromkeys(clean(row["label"]) for row in rows)),
        "title": None,
        "axis": {"labelLimit": 150, "ticks": False, "domain": False, "labelPadding": 6},
    }
    text = {"labelColor": colour["ink"], "titleColor": colour["muted"], "labelFontSize": 12}
    lines = {"gridColor": colour["rule"], "domainColor": colour["muted"]}
    lines["tickColor"] = colour["muted"]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": colour["paper"],
        "width": WIDTH,
        "padding": {"left": 26, "top": 5, "right": 8, "bottom": 5},
        "height": {"step": 24},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": {
            "axis": text | lines | {"titleFontSize": 12, "titleFontWeight": "normal"},
            "axisY": {"grid": False},
            "legend": text,
            "view": {"stroke": None},
        },
        "encoding": {"y": down},
        "layer": layers,
    }


def file_svg(spec: Spec, title: str) -> str:
    """Return a drawing as an SVG file of its own, in the light colours."""
    root = _drawn(spec)
    root.set("font-family", "sans-serif")
    named = ET.Element(f"{{{_SVG}}}title")
    named.text = clean(title)
    root.insert(0, named)
    return ET.tostring(root, encoding="unicode")


def png(svg: str) -> bytes:
    """Return an SVG file as PNG, two pixels for each of CSS."""
    return bytes(needed("vl_convert").svg_to_png(svg, scale=2))


def page_svg(spec: Spec, told: str) -> str:
    """Return a drawing as part of a page whose CSS gives the colours.

    told: what those who cannot see it are told.
    """
    root = _drawn(spec)
    for child in list(root):
        if child.tag == f"{{{_SVG}}}rect":  # the paper that a file brings along
            root.remove(child)
    variables = {hexed: f"var(--{name})" for name, hexed in palette().items()}
    for element in root.iter():
        for name in ("fill", "stroke"):
            if element.get(name) in variables:
                element.set(name, variables[element.attrib[name]])
    root.set("role", "img")
    root.set("aria-label", clean(told))
    return ET.tostring(root, encoding="unicode")


def _drawn(spec: Spec) -> ET.Element:
    """Have Vega draw, and take out what neither a page nor a file needs."""
    text = needed("vl_convert").vegalite_to_svg(spec, allowed_base_urls=[])
    ET.register_namespace("", _SVG)
    root = ET.fromstring(text)  # noqa: S314 - vl-convert's own
    for element in root.iter():
        for name in list(element.attrib):
            value = element.attrib[name]
            default = (name, value) in (("opacity", "1"), ("stroke-width", "1"))
            if name in _NEEDLESS or default or name.startswith("aria-"):
                del element.attrib[name]
            elif name in _LENGTHS:
                element.set(name, _NUMBER.sub(_rounded, value))
    while _pruned(root):
        pass
    return root


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _pruned(root: ET.Element) -> bool:
    """Drop groups and paths that draw nothing; whether there were any."""
    found = False
    for parent in root.iter():
        for child in list(parent):
            empty = child.tag == f"{{{_SVG}}}g" and not len(child)
            hidden = child.tag == f"{{{_SVG}}}path" and (
                child.get("display") == "none" or child.get("d") in ("", "M0,0h0v0h0Z")
            )
            if empty or hidden:
                parent.remove(child)
                found = True
    return found
