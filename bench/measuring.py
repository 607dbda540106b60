"""What the benchmarks share: child processes and their whole cost, the mock that is asked, targets.

It measures nothing by itself: `python -m bench` runs the suite.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[1]
CACHE = REPOSITORY / ".cache" / "bench"  # peers' environments, and the results of the runs
PANEL = (sys.executable, "-m", "panel")
PATIENCE = 7200.0  # seconds that a child may take
LIBRARIES = ("openai", "aiohttp", "pydantic", "duckdb")
SAMPLED = 0.1  # seconds between two looks at the memory of a child and its children


class Missed(Exception):  # noqa: N818 - it names the finding, not a fault of the program
    """A run whose result is not what was asked for; the message is a plain sentence."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a child process and its own children took from start to end: s, s, MB."""

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure has to be: at most the limit, or at least, where ``least`` is set."""

    what: str
    figure: float
    limit: float
    unit: str = ""
    least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of the limit."""
        return self.figure >= self.limit if self.least else self.figure <= self.limit

    def sentence(self) -> str:
        """Return what is missed, with its figures."""
        bound, unit = "at least" if self.least else "at most", f" {self.unit}" if self.unit else ""
        return f"{self.what}: {self.figure:.2f}{unit}; the target is {bound} {self.limit:g}{unit}."


def arguments(about: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows --json."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def report(
    given: argparse.Namespace, found: dict[str, Any], targets: Sequence[Target], text: str
) -> int:
    """Print a benchmark's result, say which targets it misses; returns the exit code."""
    bench = Path(sys.argv[0]).stem
    missed = [target.sentence() for target in targets if not target.met]
    if given.json:
        told = {
            "bench": bench,
            "command": shlex.join(["python", "-m", f"bench.{bench}", *sys.argv[1:]]),
            "machine": machine(),
            "targets": [{**asdict(target), "met": target.met} for target in targets],
        }
        print(json.dumps(found | told))
    else:
        print(text)
    for sentence in missed:
        tell(sentence)
    return 1 if missed else 0


def tell(sentence: str) -> None:
    """Say on stderr how far this is."""
    print(sentence, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """Say what this was measured on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": usable,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out under a header: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        first, *others = zip(row, widths, strict=True)
        lines.append(first[0].ljust(first[1]) + "".join(f"  {x:>{width}}" for x, width in others))
    return "\n".join(lines)


# ---- processes ---------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child: this source tree, no proxy before the mock."""
    loopback = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    return os.environ | loopback | {"PYTHONPATH": path} | more


@contextlib.contextmanager
def pinned(place: int) -> Iterator[None]:
    """Keep this thread, and the children it starts, on one core, where there are two or more."""
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
def served(delay: float = 0.0, fields: str = "") -> Iterator[str]:
    """Serve the mock from a process of its own on the second core; yields its base_url.

    delay: seconds before each answer. fields: those of the JSON where no schema is sent.
    """
    command = [sys.executable, "-m", "tests.support.mock_endpoint", "--port", "0"]
    command += ["--delay", str(delay), "--prompted-fields", fields]
    pipe = subprocess.PIPE
    with pinned(1):
        mock = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment(), stdin=pipe, stdout=pipe, text=True
        )
    with mock:  # closes its stdin, on which it ends
        assert mock.stdout is not None
        base_url = mock.stdout.readline().strip()
        if not base_url:
            raise Missed("The mock endpoint did not start.")
        yield base_url


def child(command: Sequence[str], folder: Path, **more: str) -> tuple[Cost, str]:
    """Run a command to its end on the first core; returns its whole cost and its stdout.

    more: further variables of its environment. Raises Missed where it fails.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as narration:
        start = time.perf_counter()
        with pinned(0):
            process = subprocess.Popen(
                command, cwd=folder, env=environment(**more), stdout=output, stderr=narration
            )
        watch = Watch(process)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        watch.end()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        narration.seek(0)
        if process.returncode != 0:
            last = "\n".join(narration.read().strip().splitlines()[-5:])
            name = " ".join(command)
            raise Missed(f"{name} ended with exit code {process.returncode}.\n{last}")
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        peak = max(usage.ru_maxrss / unit, watch.peak_mb)
        return Cost(wall, usage.ru_utime + usage.ru_stime, peak), output.read()


class Watch:
    """Looks at a process until it ends: the memory of it and its children; kills one that hangs.

    The kernel keeps the peak of one process; of several at once it has to be looked at.
    """

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self.peak_mb, self._process, self._ended = 0.0, process, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        until = time.monotonic() + PATIENCE
        with pinned(1):
            while not self._ended.wait(SAMPLED):
                family = descendants(self._process.pid)
                if len(family) > 1:
                    self.peak_mb = max(self.peak_mb, sum(map(memory_mb, family)))
                if time.monotonic() > until:
                    self._process.kill()
                    return

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()


def descendants(pid: int) -> list[int]:
    """Return a process and all that it has started; alone where the system does not tell."""
    family = [pid]
    for one in family:
        with contextlib.suppress(OSError):  # it may end at any moment
            for file in Path(f"/proc/{one}/task").glob("*/children"):
                family += map(int, file.read_text().split())
    return family


def memory_mb(pid: int) -> float:
    """Return a process's memory in MB, what it shares divided by those that share it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def counts(base_url: str) -> dict[str, int]:
    """Read how many requests of any kind, and how many questions, the mock has seen so far."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/mock/stats")
        told: dict[str, int] = json.loads(connection.getresponse().read())
        return told


def panel_run(folder: Path, *more: str, **wanted: int) -> Cost:
    """Run `panel run --json` in a workspace; raises Missed unless it reports these counts."""
    cost, output = child([*PANEL, "run", "--json", *more], folder)
    told = json.loads(output)
    for key, value in wanted.items():
        if told.get(key) != value:
            raise Missed(f"`panel run` reports {key} = {told.get(key)!r}, not {value}: {told}")
    return cost
