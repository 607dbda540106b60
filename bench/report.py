"""Writes the tables of docs/performance.md from the JSON of the benchmarks' runs.

    python -m bench.report

Reads .cache/bench/results/*.json, which `python -m bench` leaves there, and replaces what stands
between the page's two marks. The text around them is written by hand.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from bench.growth import header as growth_header
from bench.growth import lines as growth_lines
from bench.long_run import HEADER as LONG_RUN
from bench.long_run import lines as long_run_lines
from bench.measuring import CACHE, REPOSITORY
from bench.overhead import HEADER as OVERHEAD
from bench.overhead import row

RESULTS = CACHE / "results"
PAGE = REPOSITORY / "docs" / "performance.md"
FIRST, LAST = "<!-- written by bench/report.py -->", "<!-- end of what it writes -->"
DELAYS = ("0", "50", "500")


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.parse_args()
    results = {file.stem: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))}
    if not results:
        parser.error(f"there is nothing in {RESULTS}. Run `python -m bench` first.")
    before, _mark, rest = PAGE.read_text().partition(FIRST)
    _old, _mark, after = rest.partition(LAST)
    PAGE.write_text(f"{before}{FIRST}\n\n{tables(results)}\n\n{LAST}{after}")
    return 0


def tables(results: dict[str, Any]) -> str:
    """Return everything that stands between the marks."""
    parts = ["## Targets", targets(results)]
    for delay in DELAYS:
        if found := results.get(f"overhead-{delay}"):
            parts += [f"## Side by side, an answer after {delay} ms", said(found)]
            parts.append(
                markdown(OVERHEAD, [row(name, told) for name, told in found["clients"].items()])
            )
            parts += [
                f"{name} could not be measured: {why}" for name, why in found["failed"].items()
            ]
    if found := results.get("growth"):
        parts += ["## What grows with the cells", said(found)]
        parts.append(markdown(growth_header(found["sizes"]), growth_lines(found["steps"])))
    if found := results.get("long-run"):
        parts += ["## One long run", said(found)]
        parts.append(markdown(LONG_RUN, long_run_lines(found["quarters"])))
    if found := results.get("rooms"):
        rows = [[room, f"{share:.0f}"] for room, share in found["percent"].items()]
        parts += ["## What is left", said(found), markdown(("room", "% of the CPU"), rows)]
    return "\n\n".join(parts)


def targets(results: dict[str, Any]) -> str:
    """Return the table of every target, beside what was measured."""
    rows = []
    for found in results.values():
        for each in found["targets"]:
            bound = "≥" if each["least"] else "≤"
            unit = f" {each['unit']}" if each["unit"] else ""
            limit = f"{bound} {each['limit']:.3g}{unit}"
            figure = f"{each['figure']:.3g}{unit}"
            rows.append([each["what"], figure, limit, "met" if each["met"] else "**missed**"])
    return markdown(("what", "measured", "target", ""), rows)


def said(found: dict[str, Any]) -> str:
    """Say how and on what something was measured."""
    on = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["versions"].items())
    rounds = f" Medians of {found['rounds']} rounds." if found.get("rounds", 1) > 1 else ""
    return (
        f"`{found['command']}`, on {on['measured_at']} UTC: {on['cores']} cores of {on['system']}, "
        f"load {on['load']}, Python {on['python']}, {versions}.{rounds}"
    )


def markdown(header: Any, rows: list[list[str]]) -> str:
    """Return a table of Markdown: the first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
