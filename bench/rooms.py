"""Where the CPU of `panel run` goes, by rooms: a sampling profile of one run against the mock.

    python -m bench.rooms [--cells 2000] [--json]

py-spy (MIT) looks 250 times a second at each thread that is at work, from an environment of its
own below .cache/bench/. A sample belongs to the innermost frame that a line of ROOMS knows, within
the callback that the event loop was running; samples of threads that wait are left out.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.gateways import install
from bench.measuring import (
    CACHE,
    PANEL,
    Missed,
    arguments,
    environment,
    report,
    served,
    table,
)
from bench.overhead import PERSONAS, make_workspace
from bench.servers import last_words

PACKAGE = "py-spy==0.4.3"
RATE = 250  # samples a second
# What a frame is called that stands for a room; the first that knows the innermost frame wins.
ROOMS = {
    "journal and fsync": r"panel/cells/(journal|lines|seals)\.py|panel/engines/commits\.py",
    "ingest and the store": r"panel/store/|duckdb",
    "reading replies": r"panel/endpoint/(replies|event_stream|usage)\.py|panel/workspace/verdict",
    "cells, prompts and the plan": r"panel/(cells|workspace|runs)/|panel/hashing|/jinja2/",
    "transport": r"panel/endpoint/transport\.py|/(aiohttp|yarl|multidict)/",
    "the openai client": r"/(openai|httpx2)/|panel/endpoint/client\.py",
    "the rest of the asking": r"panel/(endpoint|engines)/|/tenacity/",
}
RULES = [(room, re.compile(pattern)) for room, pattern in ROOMS.items()]
WAITS = re.compile(
    r"\b(select \(.*selectors|(wait|join|_wait_\w+) \(.*threading|_worker \(.*thread)\.py"
)
CALLBACK = re.compile(r"\bHandle\._run \(.*asyncio/events\.py")


def room_of(stack: str) -> str | None:
    """Return the room of a stack of frames as py-spy writes it, or None where it waits."""
    frames = stack.split(";")
    if not frames[-1] or WAITS.search(frames[-1]):
        return None
    if "<frozen importlib" in stack:
        return "imports"
    running = [place for place, frame in enumerate(frames) if CALLBACK.search(frame)]
    for frame in reversed(frames[running[-1] :] if running else frames):
        for room, pattern in RULES:
            if pattern.search(frame):
                return room
        if "_run_once (" in frame:
            break
    return "asyncio" if "asyncio/" in stack else "everything else"


def samples(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the program under py-spy; yields stacks and how often each was seen."""
    raw = folder / "stacks.txt"
    spy = CACHE / "py-spy" / "venv" / "bin" / "py-spy"
    command = [str(spy), "record", "--format", "raw", "--rate", str(RATE), "--full-filenames"]
    command += ["--nonblocking", "--output", str(raw), "--", *PANEL, "run", "--json"]
    # Not pinned: the sampler needs a core beside that of the sampled.
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or not raw.exists():
        raise Missed(f"py-spy ended with exit code {done.returncode}: {last_words(done.stderr)}")
    for line in raw.read_text().splitlines():
        stack, _space, count = line.rpartition(" ")
        yield stack, int(count)


def main() -> int:
    """Profile one run, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--cells", type=int, default=2_000)
    given = parser.parse_args()
    cells = max(1, given.cells // PERSONAS) * PERSONAS
    install("pip", PACKAGE, CACHE / "py-spy")
    seen: Counter[str] = Counter()
    with served() as base_url, tempfile.TemporaryDirectory(prefix="panel-rooms-") as folder:
        make_workspace(Path(folder), base_url, cells // PERSONAS)
        for stack, count in samples(Path(folder)):
            if room := room_of(stack):
                seen[room] += count
    if not seen:
        raise Missed("py-spy has seen nothing.")
    shares = {room: 100 * count / seen.total() for room, count in seen.most_common()}
    record = {"cells": cells, "samples": seen.total(), "percent": shares}
    rows = [[room, f"{share:.0f} %"] for room, share in shares.items()]
    return report(given, record, [], table((f"of {cells:,} cells", "of the CPU"), rows))


if __name__ == "__main__":
    raise SystemExit(main())
