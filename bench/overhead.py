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
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[1]
# The targets: of the CPU that the openai client takes alone, and of seconds for up to 2,000 cells.
CPU_RATIO, WARM_SECONDS = 1.5, 0.5
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
    parser.add_argument("--bare-only", action="store_true", help="measure the bare loops alone")
    parser.add_argument("--loop", nargs=2, metavar=("KIND", "BASE_URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.loop:
        kind, base_url = given.loop
        LOOPS[kind](base_url, given.cells)
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
    """Alternate the bare loops with cold and warm panel runs; returns the costs of each."""
    kinds = (*LOOPS,) if bare_only else (*LOOPS, "cold", "warm")
    samples: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    for number in range(1, rounds + 1):
        for kind in LOOPS:
            samples[kind].append(bare_run(kind, base_url, cells))
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


def bare_run(kind: str, base_url: str, cells: int) -> Cost:
    """Run a bare loop as a child process and see that the mock was asked every question."""
    before = counts(base_url)["asked"]
    command = [sys.executable, "-m", "bench.overhead", "--loop", kind, base_url]
    cost, _output = child([*command, "--cells", str(cells)], REPOSITORY)
    questions = counts(base_url)["asked"] - before
    if questions != cells:
        raise Missed(f"The loop {kind!r} asked {questions} questions, not {cells}.")
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


def create_loop(base_url: str, cells: int) -> None:
    """Ask every question with AsyncOpenAI as its manual shows it; parse with pydantic."""
    # Imported here, in the measured child, so that the measuring process stays small.
    import openai  # noqa: PLC0415

    answer = answer_model()

    async def ask(client: openai.AsyncOpenAI, body: dict[str, Any]) -> None:
        reply = await client.chat.completions.create(**body)
        answer.model_validate_json(reply.choices[0].message.content or "")

    client = openai.AsyncOpenAI(base_url=base_url, api_key="mock", max_retries=0)
    ask_all(client, ask, cells)


def post_loop(base_url: str, cells: int) -> None:
    """Ask every question with the quickest way that AsyncOpenAI has: raw, on aiohttp."""
    import httpx2  # noqa: PLC0415
    import openai  # noqa: PLC0415
    from pydantic_core import from_json  # noqa: PLC0415

    answer = answer_model()

    async def ask(client: openai.AsyncOpenAI, body: dict[str, Any]) -> None:
        reply = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
        answer.model_validate_json(from_json(reply.content)["choices"][0]["message"]["content"])

    client = openai.AsyncOpenAI(
        base_url=base_url,
        api_key="mock",
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(),
    )
    ask_all(client, ask, cells)


LOOPS = {"bare": create_loop, "post": post_loop}


def ask_all(client: Any, ask: Callable[[Any, dict[str, Any]], Awaitable[None]], cells: int) -> None:
    """Ask as many questions as there are cells, IN_FLIGHT at a time."""
    import asyncio  # noqa: PLC0415

    schema = {"name": "verdict", "strict": True, "schema": answer_model().model_json_schema()}
    rules, description = prose(random.Random("rules"), 900), prose(random.Random("tool"), 1500)
    numbers = iter(range(cells))

    async def worker() -> None:
        for number in numbers:
            messages = [
                {"role": "system", "content": rules},
                {"role": "user", "content": f"Tool {number:04d}: {description}"},
            ]
            body = {"model": "mock-1", "messages": messages, "temperature": 0.7, "max_tokens": 1500}
            form = {"type": "json_schema", "json_schema": schema}
            await ask(client, body | {"response_format": form})

    async def ask_them() -> None:
        async with client:
            await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))

    asyncio.run(ask_them())


def answer_model() -> Any:
    """Return the pydantic model of an answer."""
    from typing import Annotated, Literal  # noqa: PLC0415

    from pydantic import ConfigDict, Field, create_model  # noqa: PLC0415

    confidence = Annotated[int, Field(ge=0, le=100)]
    fields: Any = dict.fromkeys(("first", "second", "third", "fourth"), (str, ...))
    verdict: Any = {"verdict": (Literal["ship", "skip"], ...)}
    verdict["verdict_confidence"] = (confidence, ...)
    config = ConfigDict(extra="forbid")
    return create_model("Answer", __config__=config, evidence=(list[str], ...), **fields, **verdict)


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
    ratio = report["cold"]["cpu"] / report["post"]["cpu"]
    report |= {"cpu_ratio": ratio, "cpu_ratio_target": CPU_RATIO}
    warm, limit = report["warm"]["wall"], WARM_SECONDS * max(1.0, cells / CELLS)
    report["warm_seconds_target"] = limit
    if ratio > CPU_RATIO:
        report["missed"].append(
            f"A cold run took {ratio:.2f} times the CPU time of the openai client's post; "
            f"the target is at most {CPU_RATIO:.2f}."
        )
    if warm >= limit:
        report["missed"].append(f"A warm run took {warm:.2f} s; the target is below {limit:.2f} s.")
    return report


def table(report: dict[str, Any]) -> str:
    """Lay the medians out for a reader."""
    cells = report["cells"]
    names = {"bare": "openai .create", "post": "openai .post, aiohttp"}
    names |= {"cold": "panel run, cold", "warm": "panel run, warm"}
    lines = [f"{cells} cells, medians of {report['rounds']} rounds", ""]
    header = ("whole process", "wall s", "CPU s", "CPU ms/cell", "cells/s", "peak MB")
    lines.append("{:<22}{:>9}{:>9}{:>13}{:>10}{:>10}".format(*header))
    for kind, name in names.items():
        if kind in report:
            wall, cpu, peak = (report[kind][key] for key in ("wall", "cpu", "peak_mb"))
            lines.append(
                f"{name:<22}{wall:>9.2f}{cpu:>9.2f}{1000 * cpu / cells:>13.2f}"
                f"{cells / wall:>10.0f}{peak:>10.0f}"
            )
    if "cpu_ratio" in report:
        ratio, target = report["cpu_ratio"], report["cpu_ratio_target"]
        lines += [
            "",
            f"CPU of a cold run / openai .post: {ratio:.2f} (target: at most {target:.2f})",
        ]
        warm, limit = report["warm"]["wall"], report["warm_seconds_target"]
        lines.append(f"wall of a warm run: {warm:.2f} s (target: below {limit:.2f} s)")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
