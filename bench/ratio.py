"""Holds the CPU of our asking loop against that of a bare loop, both in this one process.

    python -m bench.ratio [--rounds 5] [--write] [--json]

Part of `make test`. Each round asks 400 cells through the program (render, ask, parse, journal,
database) and then 400 questions through `openai.post` on aiohttp; the median of the rounds'
ratios of CPU seconds may be 25 % over the one kept in bench/ratio.json, and what is over is
measured twice more before it counts. --write keeps the ratio that is measured. Exit code 1: it
has grown.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.measuring import REPOSITORY, Target, arguments, pinned, report, served, tell
from bench.overhead import PERSONAS, make_workspace, prose

from panel.runs.run import ProgressReporter, execute
from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace

sys.path.insert(0, str(REPOSITORY / "bench" / "clients"))  # its programs run in other environments
from openai_loops import ask_all

KEPT = REPOSITORY / "bench" / "ratio.json"
GROWS = 1.25
CELLS = 400
TRIES = 3


def cpu(work: Callable[[], int]) -> float:
    """Return the CPU seconds of this process, all threads together, for CELLS answers."""
    gc.collect()
    began = time.process_time()
    answers = work()
    used = time.process_time() - began
    assert answers == CELLS, f"{answers} answers in place of {CELLS}"
    return used


def ratios(base_url: str, folder: Path, rounds: int) -> list[float]:
    """Return the ratios of so many rounds, after one that loads the code of both."""
    root, texts = folder / "workspace", folder / "questions.json"
    root.mkdir(exist_ok=True)
    if not texts.exists():
        make_workspace(root, base_url, CELLS // PERSONAS)
        rules, tool = prose(random.Random("rules"), 900), prose(random.Random("tool"), 1500)
        texts.write_text(json.dumps({"rules": rules, "description": tool}))
    quiet = ProgressReporter(lambda _stats: None, lambda _words: None)

    def ours() -> int:
        workspace = load_workspace(root)
        summary, _stats = execute(workspace, prepare(workspace, Selection()), quiet)
        return summary.verdicts

    def bare() -> int:
        return asyncio.run(ask_all("post", base_url, CELLS, texts))

    found = []
    for _round in range(rounds + 1):
        shutil.rmtree(root / "runs")
        (root / "runs").mkdir()
        found.append(cpu(ours) / cpu(bare))
    return found[1:]


def main() -> int:
    """Measure, compare, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"keep the ratio in {KEPT.name}")
    given = parser.parse_args()
    kept = json.loads(KEPT.read_text())["ratio"] if KEPT.exists() else None
    best, seen = float("inf"), []
    with pinned(0), served() as base_url, tempfile.TemporaryDirectory() as folder:
        for _try in range(1 if given.write else TRIES):
            seen.append(ratios(base_url, Path(folder), given.rounds))
            best = min(best, statistics.median(seen[-1]))
            if kept is None or best <= GROWS * kept:
                break
            tell(f"the ratio is {best:.2f} in place of {kept:.2f}; looking again")
    if given.write:
        KEPT.write_text(json.dumps({"ratio": round(best, 2)}) + "\n")
        kept = best
    if kept is None:
        parser.error(f"there is no {KEPT.name}; write it with --write.")
    text = f"CPU of the program / of a bare loop: {best:.2f} (kept: {kept:.2f})"
    target = Target("CPU of our asking loop in that of a bare loop", best, GROWS * kept)
    return report(given, {"ratio": best, "kept": kept, "rounds": seen}, [target], text)


if __name__ == "__main__":
    raise SystemExit(main())
