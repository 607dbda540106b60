"""Measures the store from 1,000 to a million verdicts, on journals made by the program's own parts.

Usage: python -m bench.store [TOOLS ...] [--folder DIR], in the project's folder

A workspace of so many tools, a file each, four personas and an answer to each cell: a whole body as
an endpoint sends it, of some 2 KB. A run holds at most 40,000 cells. Prints wall and CPU seconds
and the peak memory of each command in a process of its own, once; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.support.large_catalogs import many_takes
from tests.support.space import new_space
from tests.support.store_ledger import Ledger

from panel.cells.cells import Cell, Target, identify
from panel.cells.journal import find_journals
from panel.cells.lines import Attempt
from panel.store.connection import FILE
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.settings_file import load_settings
from panel.workspace.tools import Tool

RUN = 10_000  # tools of one run
SAMPLES = 200
TOOL = "tolwick-000007"
PERCENTAGES = (
    "SELECT count(*), avg(ship_percent), min(low), max(high) FROM ship_percentages "
    "WHERE level = 'panel'"
)
PANEL = (sys.executable, "-m", "panel")
SETTINGS = (
    '[panel]\nendpoint = "mock"\n[endpoints.mock]\n'
    'base_url = "http://127.0.0.1:9/v1"\nmodel = "mock-1"\n'
)
INGEST = (
    "import sys; from pathlib import Path; from panel.store.ingest import ingest\n"
    "ingest(Path(sys.argv[1]))"
)


@dataclass
class Talkative(Ledger):
    """Writes answers as a server gives them: a body around a reply around a take."""

    def __post_init__(self) -> None:
        self.pick = random.Random(2)
        self.words = " ".join(subject.text for subject in many_takes(4)[1]).split()

    def cells(self, model: str = "mock-1", repeats: int = 1, **sampling: Any) -> list[Cell]:
        """Lay out the cells as the workspace's settings ask for them."""
        root = self.runs.parent
        endpoint = resolve_endpoint(load_settings(root), root)
        parts = replace(self.prompts, _systems={}, _reviews={}), endpoint, identify(endpoint, None)
        return Target(*parts, self.tools, self.personas).lay_out(repeats)

    def attempt(self, cell: Cell, said: str) -> Attempt:
        """Make an answer of as many parts as the persona has beats."""
        made = super().attempt(cell, said)
        assert made.verdict is not None
        beats = {
            beat.id: " ".join(self.pick.choices(self.words, k=self.pick.randrange(22, 38)))
            for beat in cell.persona.beats
        }
        quotes = (cell.tool.description[40:120], cell.tool.description[-90:-10])
        verdict = replace(made.verdict, beats=beats, evidence=quotes)
        reply = json.dumps({"evidence": quotes, **beats, "verdict": said, "verdict_confidence": 70})
        body = {
            "id": f"chatcmpl-{self.ticks:024x}",
            "object": "chat.completion",
            "created": 1_795_000_000 + self.ticks,
            "model": "mock-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": reply, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 1900,
                "completion_tokens": 230,
                "total_tokens": 2130,
                "prompt_tokens_details": {"cached_tokens": 1400},
            },
            "system_fingerprint": "fp_50cad350e4",
        }
        return replace(
            made, verdict=verdict, reply=reply, body=json.dumps(body).encode(), http_status=200,
            finish_reason="stop", prompt_tokens=1900, completion_tokens=230, cached_tokens=1400,
            returned_model="mock-1", system_fingerprint="fp_50cad350e4",
        )  # fmt: skip


def make_space(root: Path, count: int) -> None:
    """Make a workspace with so many tools, and the journals of their runs."""
    space = new_space(root)
    space.settings(SETTINGS)
    samples, _takes = many_takes(SAMPLES)
    parts = load_workspace(root)
    for file in (root / "tools").iterdir():
        file.unlink()
    ledger = Talkative(root / "runs", parts.prompts, [], parts.personas)
    for start in range(0, count, RUN):
        numbers = range(start, min(start + RUN, count))
        ledger.tools = [_tool(samples[number % SAMPLES], number) for number in numbers]
        for tool in ledger.tools:
            words = {"name": tool.name, "tagline": json.dumps(tool.tagline)}
            space.tool(tool.slug, **words, category=tool.category, description=tool.description)
        ledger.tools = load_workspace(root, only=[tool.slug for tool in ledger.tools]).tools
        ledger.run([(c, ledger.pick.choice(("ship", "skip"))) for c in ledger.cells()])


def _tool(sample: Tool, number: int) -> Tool:
    name = f"Tolwick {number:06}"
    text = sample.description.replace(sample.name, name)
    fields = {"slug": f"tolwick-{number:06}", "name": name, "description": text}
    return sample.model_copy(update=fields)


def measure(what: str, words: list[str], root: Path) -> None:
    """Run a command once in a process of its own, and print what it took."""
    began = time.perf_counter()
    with subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{what} ended with {process.returncode}"
    seconds, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    # ru_maxrss is in kilobytes on Linux and in bytes on macOS.
    peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(f"{what:48} {seconds:8.2f} s wall {cpu:8.2f} s CPU {peak:6.0f} MB peak", flush=True)


def one_more_run(root: Path) -> None:
    """Add a run of one tool to the journals."""
    parts = load_workspace(root, only=[TOOL])
    ledger = Talkative(root / "runs", parts.prompts, parts.tools, parts.personas, 10**8)
    ledger.run([(cell, "skip") for cell in ledger.cells()])


def measure_all(root: Path) -> None:
    """Measure each command on a workspace, whose database is made anew."""
    runs = root / "runs"
    (runs / FILE).unlink(missing_ok=True)
    ingested = [sys.executable, "-c", INGEST, str(runs)]
    before = sum(each.size for each in find_journals(runs))
    measure("ingest of all journals", ingested, root)
    measure("panel rebuild", [*PANEL, "rebuild"], root)
    files = sum(each.stat().st_size for each in runs.glob("*/attempts.jsonl*"))
    database = (runs / FILE).stat().st_size
    print(
        f"journals {before / 1e6:,.0f} MB, compressed {files / 1e6:,.0f} MB; "
        f"database {database / 1e6:,.0f} MB"
    )
    measure("panel show of one tool", [*PANEL, "show", TOOL], root)
    measure("panel sql: percentages of all tools", [*PANEL, "sql", PERCENTAGES], root)
    one_more_run(root)
    measure("ingest of one more run, of one tool", ingested, root)


def main() -> None:
    """Measure what is asked for, once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tools", nargs="*", type=int, metavar="TOOLS", default=[250, 2500, 25_000])
    parser.add_argument("--folder", type=Path, help="Make the workspaces here, and keep them.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panel-store-") as temporary:
        for count in chosen.tools:
            root = (chosen.folder or Path(temporary)) / f"{count}"
            if not root.exists():
                # In another process: the peak memory of a child is at least its parent's.
                made = get_context("spawn").Process(target=make_space, args=(root, count))
                made.start()
                made.join()
            print(f"{4 * count:,} verdicts on {count:,} tools", flush=True)
            measure_all(root)


if __name__ == "__main__":
    main()
