"""Measures ``panel stats`` on a store of a million verdicts.

Usage: python -m bench.million [SHAPE ...] [--folder DIR], in the project's folder

A SHAPE is tools x personas x repeats, as 250000x4x1 and 10000x4x25 (both where none is named). The
rows are made by DuckDB in the table that ingest writes, since a million journal lines are what
bench.scale measures. Prints wall and CPU seconds and the peak memory of the process, once; nothing
is asserted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.space import new_space

from panel.store.connection import FILE, writing
from panel.store.ingest import ingest

SHAPES = ("250000x4x1", "10000x4x25")
PANEL = (sys.executable, "-m", "panel")
# Each cell ships at a rate of its own: its tool's and its own part, each drawn by a hash.
ROWS = """
INSERT INTO journal.attempts BY NAME
SELECT format('{:016x}', id) AS attempt_id, 'bench' AS run_id,
       format('tool-{:06}', tool) AS tool, format('persona-{}', persona) AS persona,
       'mock' AS endpoint, 'mock-1' AS model, 'mock/mock-1' AS model_identity, repeat,
       format('b2:{:032x}', id) AS fingerprint,
       format('b2:{:032x}', tool * $personas + persona) AS wording,
       1 AS ordinal, 'json_schema' AS output_mode, false AS repair, true AS final,
       'verdict' AS outcome, 'A take of a few words.' AS take, 70 AS confidence,
       CASE WHEN (hash(id) % 1000) / 1000.0 < rate THEN 'ship' ELSE 'skip' END AS verdict,
       TIMESTAMP '2026-11-24 09:00:00' + to_milliseconds(id) AS started_at,
       started_at AS finished_at, 1.0 AS seconds, []::VARCHAR[] AS messages,
       format('b2:{:032x}', tool) AS tool_digest, 'p' AS persona_digest,
       'templates' AS templates_digest, 's' AS sampling_digest
FROM (
    SELECT tool, persona, (repeat + 1)::INTEGER AS repeat,
           (tool * $personas + persona) * $repeats + repeat AS id,
           0.7 * (hash(tool + 1000003) % 1000) / 1000.0
           + 0.3 * (hash(tool * 31 + persona + 2000003) % 1000) / 1000.0 AS rate
    FROM range($tools) AS t(tool), range($personas) AS p(persona), range($repeats) AS r(repeat)
)
"""


def make_store(folder: Path, tools: int, personas: int, repeats: int) -> Path:
    """Make a workspace whose store holds so many verdicts; returns its folder."""
    root = new_space(folder / f"{tools}x{personas}x{repeats}").root
    runs = root / "runs"
    ingest(runs)
    with writing(runs / FILE) as connection:
        sizes = {"tools": tools, "personas": personas, "repeats": repeats}
        connection.execute(ROWS, sizes)
    return root


def measure(root: Path, shape: str) -> None:
    """Run the command once in a process of its own, and print what it took."""
    began = time.perf_counter()
    with subprocess.Popen([*PANEL, "stats"], cwd=root, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"panel stats ended with {process.returncode}"
    seconds, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    # ru_maxrss is in kilobytes on Linux and in bytes on macOS.
    peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(f"panel stats, {shape:14} {seconds:6.2f} s wall {cpu:6.2f} s CPU {peak:7.0f} MB peak")


def main() -> None:
    """Measure what is asked for, once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", default=list(SHAPES))
    parser.add_argument("--folder", type=Path, help="Make the stores here, and keep them.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panel-statistics-") as temporary:
        for shape in chosen.shapes:
            tools, personas, repeats = map(int, shape.split("x"))
            root = make_store(chosen.folder or Path(temporary), tools, personas, repeats)
            measure(root, shape)


if __name__ == "__main__":
    main()
