"""What `panel run` costs beside a bare openai loop, measured in one session on one machine.

    python -m bench.overhead [--cells 2000] [--rounds 3] [--json] [--bare-only]

bench/README.md says what is measured. The table (or, with --json, one JSON object) is
stdout, progress is stderr. Exit code 1: a target is missed or an answer is wrong; 2:
`panel` cannot be started.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[1]
CPU_RATIO, WARM_SECONDS = 1.0, 0.8  # the targets; the second is for up to 2,000 cells
CELLS, IN_FLIGHT, PATIENCE = 2000, 64, 900.0
VOCABULARY = (
    "agent answers archive branch builds caches calls charges checks closes cluster compares "
    "composes corpus costs deploys drafts editor exports filters free gateway index keeps ledger "
    "licence limits local logs model monthly needs notes offline open opens paid parser pipeline "
    "plain prompt queue reads repeats report routes runs schema search seats serves shard signs "
    "sorts source spans stores stream team text token trace traces turns updates vendor webhook"
)


class Missed(Exception):  # noqa: N818 - it names the finding, not a fault of the program
    """A run whose result is not what was asked for; the message is a plain sentence."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one whole child process took, from its start to its end."""

    wall: float
    cpu: float
    peak_mb: float


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=CELLS, help="requests of a round")
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--bare-only", action="store_true", help="measure the bare loop alone")
    parser.add_argument("--bare", metavar="BASE_URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        bare_loop(given.bare, given.cells)
        return 0
    personas = len(list((REPOSITORY / "personas").glob("*.md")))
    tools = max(1, given.cells // personas)
    cells = tools * personas
    if not given.bare_only:
        require_panel()
    try:
        with served() as base_url:
            samples = measure(base_url, tools, cells, max(1, given.rounds), given.bare_only)
    except Missed as missed:
        print(missed, file=sys.stderr)
        return 1
    report = summary(samples, cells)
    print(json.dumps(report) if given.json else table(report))
    for sentence in report["missed"]:
        print(sentence, file=sys.stderr)
    return 1 if report["missed"] else 0


def require_panel() -> None:
    """Stop with exit code 2 where `python -m panel` does not start; compiles it where it does."""
    command = [sys.executable, "-m", "panel", "--help"]
    tried = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        reason = (tried.stderr.strip() or "no message").splitlines()[-1]
        print(f"panel cannot be started: {reason}. Try --bare-only.", file=sys.stderr)
        raise SystemExit(2)


def measure(
    base_url: str, tools: int, cells: int, rounds: int, bare_only: bool
) -> dict[str, list[Cost]]:
    """Alternate the bare loop with cold and warm panel runs; returns the costs of each."""
    kinds = ("bare",) if bare_only else ("bare", "cold", "warm")
    samples: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    for number in range(1, rounds + 1):
        samples["bare"].append(bare_run(base_url, cells))
        if not bare_only:
            cold, warm = panel_runs(base_url, tools, cells)
            samples["cold"].append(cold)
            samples["warm"].append(warm)
        done = ", ".join(
            f"{kind} {costs[-1].wall:.2f} s ({costs[-1].cpu:.2f} s CPU)"
            for kind, costs in samples.items()
        )
        print(f"round {number} of {rounds}: {done}", file=sys.stderr)
    return samples


# ---- the three runs ----------------------------------------------------------------------


def bare_run(base_url: str, cells: int) -> Cost:
    """Run the bare loop as a child process and see that the mock was asked every question."""
    before = counts(base_url)["asked"]
    command = [sys.executable, "-m", "bench.overhead", "--bare", base_url, "--cells", str(cells)]
    cost, _output = child(command, REPOSITORY)
    questions = counts(base_url)["asked"] - before
    if questions != cells:
        raise Missed(f"The bare loop asked {questions} questions, not {cells}.")
    return cost


def panel_runs(base_url: str, tools: int, cells: int) -> tuple[Cost, Cost]:
    """Run panel twice in a fresh workspace: cold it asks every cell, warm it asks nothing."""
    command = [sys.executable, "-m", "panel", "run", "--json"]
    with tempfile.TemporaryDirectory(prefix="panel-bench-") as folder:
        make_workspace(Path(folder), base_url, tools)
        cold, output = child(command, Path(folder))
        expect("cold", json.loads(output), asked=cells, verdicts=cells, reused=0, errors=0)
        before = counts(base_url)["requests"]
        warm, output = child(command, Path(folder))
        expect("warm", json.loads(output), asked=0, reused=cells, errors=0)
        sent = counts(base_url)["requests"] - before
        if sent:
            raise Missed(f"The warm run sent {sent} requests, not 0.")
    return cold, warm


def expect(kind: str, told: dict[str, Any], **wanted: int) -> None:
    """Raise Missed unless the object printed by `panel run --json` holds these counts."""
    for key, value in wanted.items():
        if told.get(key) != value:
            raise Missed(f"The {kind} run reports {key} = {told.get(key)!r}, not {value}: {told}")


def bare_loop(base_url: str, cells: int) -> None:
    """Ask every question with AsyncOpenAI as its manual shows it; parse with pydantic."""
    # Imported here, in the measured child, so that the measuring process stays small.
    import asyncio  # noqa: PLC0415
    from typing import Annotated, Literal  # noqa: PLC0415

    import openai  # noqa: PLC0415
    from pydantic import BaseModel, ConfigDict, Field  # noqa: PLC0415

    class Answer(BaseModel):
        model_config = ConfigDict(extra="forbid")
        evidence: list[str]
        first: str
        second: str
        third: str
        fourth: str
        verdict: Literal["ship", "skip"]
        verdict_confidence: Annotated[int, Field(ge=0, le=100)]

    response_format: Any = {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": Answer.model_json_schema()},
    }
    rules, description = prose(random.Random("rules"), 900), prose(random.Random("tool"), 1500)
    numbers = iter(range(cells))

    async def worker(client: openai.AsyncOpenAI) -> None:
        for number in numbers:
            messages: Any = [
                {"role": "system", "content": rules},
                {"role": "user", "content": f"Tool {number:04d}: {description}"},
            ]
            reply = await client.chat.completions.create(
                model="mock-1",
                messages=messages,
                response_format=response_format,
                temperature=0.7,
                max_tokens=1500,
            )
            Answer.model_validate_json(reply.choices[0].message.content or "")

    async def ask_all() -> None:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="mock", max_retries=0) as client:
            await asyncio.gather(*(worker(client) for _ in range(IN_FLIGHT)))

    asyncio.run(ask_all())


# ---- the workspace -----------------------------------------------------------------------


def make_workspace(folder: Path, base_url: str, tools: int) -> None:
    """Write a workspace: the repository's personas and prompts, made-up tools, the mock."""
    for name in ("personas", "prompts"):
        shutil.copytree(REPOSITORY / name, folder / name)
    for name in ("tools", "runs"):
        (folder / name).mkdir()
    for number in range(1, tools + 1):
        description = prose(random.Random(number), 1500)
        (folder / "tools" / f"tool-{number:04d}.md").write_text(
            f"---\nname: Tool {number:04d}\ntagline: {description[:60].strip()}\n"
            f"category: Bench\npricing:\n  entry: Free\n---\n{description}\n"
        )
    (folder / "panel.toml").write_text(
        f'[panel]\nendpoint = "mock"\n\n[endpoints.mock]\nbase_url = "{base_url}"\n'
        f'model = "mock-1"\nconcurrency = {IN_FLIGHT}\n'
    )


def prose(source: random.Random, characters: int) -> str:
    """Return about so many characters of made-up sentences, the same for the same source."""
    vocabulary, sentences = VOCABULARY.split(), list[str]()
    length = 0
    while length < characters:
        words = source.choices(vocabulary, k=12)
        sentences.append(" ".join(words).capitalize() + ".")
        length += len(sentences[-1]) + 1
    return " ".join(sentences)


# ---- processes ---------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """Return the environment of every child: this source tree, no proxy before the mock."""
    loopback = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return os.environ | loopback | {"PYTHONPATH": str(REPOSITORY / "src")}


@contextlib.contextmanager
def pinned(place: int) -> Iterator[None]:
    """Let the children started inside run on one core only, where there are two or more."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve the mock from a process of its own on the second core; yields its base_url."""
    command = [sys.executable, "-m", "tests.support.mock_endpoint", "--port", "0"]
    pipe = subprocess.PIPE
    with pinned(1):
        mock = subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)
    with mock:  # closes its stdin, on which it ends
        assert mock.stdout is not None
        base_url = mock.stdout.readline().strip()
        if not base_url:
            raise Missed("The mock endpoint did not start.")
        yield base_url


def child(command: list[str], folder: Path) -> tuple[Cost, str]:
    """Run a command to its end on the first core; returns its whole cost and its stdout."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as narration:
        start = time.perf_counter()
        with pinned(0):
            process = subprocess.Popen(
                command, cwd=folder, env=environment(), stdout=output, stderr=narration
            )
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        narration.seek(0)
        if process.returncode != 0:
            last = "\n".join(narration.read().strip().splitlines()[-5:])
            name = " ".join(command[1:])
            raise Missed(f"{name} ended with exit code {process.returncode}.\n{last}")
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        cost = Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)
        return cost, output.read()


def counts(base_url: str) -> dict[str, int]:
    """Read how many requests of any kind, and how many questions, the mock has seen so far."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/mock/stats")
        told: dict[str, int] = json.loads(connection.getresponse().read())
        return told


# ---- the report --------------------------------------------------------------------------


def summary(samples: dict[str, list[Cost]], cells: int) -> dict[str, Any]:
    """Put medians, the ratio, the targets and the samples into one object."""
    report: dict[str, Any] = {"cells": cells, "rounds": len(samples["bare"]), "missed": []}
    for kind, costs in samples.items():
        columns = {key: [asdict(cost)[key] for cost in costs] for key in ("wall", "cpu", "peak_mb")}
        medians = {key: statistics.median(values) for key, values in columns.items()}
        report[kind] = {**medians, "samples": columns}
    if "cold" not in samples:
        return report
    ratio = report["cold"]["cpu"] / report["bare"]["cpu"]
    report |= {"cpu_ratio": ratio, "cpu_ratio_target": CPU_RATIO}
    warm, limit = report["warm"]["wall"], WARM_SECONDS * max(1.0, cells / CELLS)
    report["warm_seconds_target"] = limit
    if ratio > CPU_RATIO:
        report["missed"].append(
            f"A cold run took {ratio:.2f} times the CPU time of the bare loop; "
            f"the target is at most {CPU_RATIO:.2f}."
        )
    if warm >= limit:
        report["missed"].append(f"A warm run took {warm:.2f} s; the target is below {limit:.2f} s.")
    return report


def table(report: dict[str, Any]) -> str:
    """Lay the medians out for a reader."""
    cells = report["cells"]
    names = {"bare": "bare openai loop", "cold": "panel run, cold", "warm": "panel run, warm"}
    lines = [f"{cells} cells, medians of {report['rounds']} rounds", ""]
    header = ("whole process", "wall s", "CPU s", "CPU ms/cell", "cells/s", "peak MB")
    lines.append("{:<18}{:>9}{:>9}{:>13}{:>10}{:>10}".format(*header))
    for kind, name in names.items():
        if kind in report:
            wall, cpu, peak = (report[kind][key] for key in ("wall", "cpu", "peak_mb"))
            lines.append(
                f"{name:<18}{wall:>9.2f}{cpu:>9.2f}{1000 * cpu / cells:>13.2f}"
                f"{cells / wall:>10.0f}{peak:>10.0f}"
            )
    if "cpu_ratio" in report:
        ratio, target = report["cpu_ratio"], report["cpu_ratio_target"]
        lines += ["", f"CPU of a cold run / bare loop: {ratio:.2f} (target: at most {target:.2f})"]
        warm, limit = report["warm"]["wall"], report["warm_seconds_target"]
        lines.append(f"wall of a warm run: {warm:.2f} s (target: below {limit:.2f} s)")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
