"""Watches one long `panel run`: memory, open descriptors and CPU must not grow with the verdicts.

    python -m bench.long_run [--cells 200000] [--every 2] [--json]

The figures of the process are read every few seconds while it asks a mock that answers at once,
and are shown as they were when 25, 50, 75 and 100 % of the questions had been answered. Exit code
1: one of them grows. It reads /proc, so it runs on Linux only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measuring import (
    PANEL,
    Missed,
    Target,
    arguments,
    counts,
    environment,
    memory_mb,
    pinned,
    report,
    served,
    table,
    tell,
)
from bench.overhead import PERSONAS, make_workspace

QUARTERS = (25, 50, 75, 100)
GROWS = 1.1  # memory at the end in that at the first quarter
SLOWS = 1.3  # CPU a verdict in the last quarter in that in the second: the first has the start
PEAK_MB = 250.0
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Look:
    """What a process had after so many seconds and so many answers: s, s of CPU, MB."""

    seconds: float
    asked: int
    cpu: float
    memory_mb: float
    descriptors: int


def look(pid: int, base_url: str, began: float) -> Look:
    """Read the figures of a process; raises OSError where it has ended."""
    process = Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / TICK  # utime and stime, proc(5)
    open_now = len(list((process / "fd").iterdir()))
    asked = counts(base_url)["asked"]
    return Look(time.monotonic() - began, asked, cpu, memory_mb(pid), open_now)


def watch(folder: Path, base_url: str, cells: int, every: float) -> Iterator[Look]:
    """Run the program to its end, and yield what it had every few seconds until all is asked."""
    with (folder / "told.json").open("w+") as output, (folder / "told.txt").open("w") as narration:
        command = [*PANEL, "run", "--json"]
        with pinned(0):
            process = subprocess.Popen(
                command, cwd=folder, env=environment(), stdout=output, stderr=narration
            )
        began, asked = time.monotonic(), 0
        while process.poll() is None and asked < cells:
            time.sleep(every)
            with suppress(OSError):
                seen = look(process.pid, base_url, began)
                asked = seen.asked
                yield seen
        while process.poll() is None:  # the last of it is brought into the database
            time.sleep(every)
        output.seek(0)
        if process.returncode != 0:
            raise Missed(f"`panel run` ended with exit code {process.returncode}.")
        told = json.loads(output.read())
        if told["verdicts"] != cells or told["errors"]:
            raise Missed(f"`panel run` reports {told}, and {cells} cells were to be asked.")


def quarters(looks: list[Look], cells: int) -> list[Look]:
    """Return the first look at each quarter of the answers; the last one where it came too late."""
    later = (
        (x for x in looks if 100 * x.asked >= share * cells or x is looks[-1]) for share in QUARTERS
    )
    return [next(found) for found in later]


def cpu_ms(looks: list[Look]) -> list[float]:
    """Return the CPU ms that an answer took in each quarter, the start in the first."""
    before = [Look(0, 0, 0, 0, 0), *looks[:-1]]
    return [
        1000 * (now.cpu - then.cpu) / max(1, now.asked - then.asked)
        for then, now in zip(before, looks, strict=True)
    ]


HEADER = ("of the cells", "asked", "s", "CPU ms/verdict since", "MB", "descriptors")


def lines(quarters: list[dict[str, Any]]) -> list[list[str]]:
    """Return the rows of the table."""
    forms = {"percent": "{:.0f} %", "asked": "{:,}", "seconds": "{:.0f}", "cpu_ms": "{:.2f}"}
    forms |= {"memory_mb": "{:.0f}", "descriptors": "{}"}
    return [[form.format(each[key]) for key, form in forms.items()] for each in quarters]


def main() -> int:
    """Watch a run, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two looks")
    given = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("this reads /proc, which only Linux has.")
    cells = max(1, given.cells // PERSONAS) * PERSONAS
    looks: list[Look] = []
    with served() as base_url, tempfile.TemporaryDirectory(prefix="panel-long-") as folder:
        make_workspace(Path(folder), base_url, cells // PERSONAS)
        for seen in watch(Path(folder), base_url, cells, given.every):
            looks.append(seen)
            if len(looks) % 10 == 0:
                tell(f"{seen.asked:,} asked, {seen.memory_mb:.0f} MB, {seen.descriptors} open")
    shown = quarters(looks, cells)
    each, first, last = cpu_ms(shown), shown[0], shown[-1]
    targets = [
        Target("memory at the end in that at 25 %", last.memory_mb / first.memory_mb, GROWS),
        Target("descriptors at the end more than at 25 %", last.descriptors - first.descriptors, 8),
        Target(
            "CPU a verdict in the last quarter in that of the second",
            each[3] / max(each[1], 0.01),
            SLOWS,
        ),
        Target("memory at its highest", max(x.memory_mb for x in looks), PEAK_MB, "MB"),
    ]
    record: dict[str, Any] = {
        "cells": cells,
        "quarters": [
            {"percent": share, **asdict(x), "cpu_ms": ms}
            for share, x, ms in zip(QUARTERS, shown, each, strict=True)
        ],
        "series": [asdict(x) for x in looks],
    }
    return report(given, record, targets, table(HEADER, lines(record["quarters"])))


if __name__ == "__main__":
    raise SystemExit(main())
