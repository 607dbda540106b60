"""Runs the whole suite, one part after the other, and writes the tables of docs/performance.md.

    python -m bench [PART ...] [--quick]

Each part is a process of its own whose JSON is kept in .cache/bench/results/. With --quick
everything is small, and the page stays as it is. A part that misses a target, or fails, does not
stop the others; exit code 1 in the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from bench.measuring import REPOSITORY, environment, tell
from bench.report import RESULTS

# Part → the benchmark, its words, and its words for a quick look.
PARTS = {
    "ratio": ("ratio", [], ["--rounds", "2"]),
    "overhead-0": ("overhead", ["--peers"], ["--cells", "200", "--rounds", "1"]),
    "overhead-50": (
        "overhead",
        ["--peers", "--delay", "50", "--rounds", "1"],
        ["--delay", "50", "--cells", "200", "--rounds", "1"],
    ),
    "overhead-500": (
        "overhead",
        ["--peers", "--delay", "500", "--rounds", "1"],
        ["--delay", "500", "--cells", "200", "--rounds", "1"],
    ),
    "rooms": ("rooms", [], ["--cells", "400"]),
    "again-40000": (
        "growth",
        ["run again", "--sizes", "40000"],
        ["run again", "--sizes", "400"],
    ),
    "growth": ("growth", [], ["--sizes", "200", "400"]),
    "long-run": ("long_run", [], ["--cells", "2000", "--every", "0.5"]),
}
# Those that print text alone.
OTHERS = {
    "scale": ["--tools", "200", "--folders", "50"],
    "million": ["1000x4x5"],
    "store": ["250"],
    "no_op_job": ["--tools", "200"],
    "site": ["--tools", "100", "--comparisons", "100"],
}


def main() -> int:
    """Run what is asked for; returns the exit code."""
    names = [*PARTS, *OTHERS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small sizes; the page stays")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = [name for name in given.parts or names if not measured(name, given.quick)]
    if not given.quick:
        failed += [] if run("report", []) else ["report"]
    for name in failed:
        tell(f"{name}: a target is missed, or it failed; see above.")
    return 1 if failed else 0


def measured(name: str, quick: bool) -> bool:
    """Run one part, and keep its JSON unless this is a quick look; says whether all was well."""
    tell(f"--- {name}")
    if name in OTHERS:
        return run(name, OTHERS[name] if quick else [])
    bench, words, small = PARTS[name]
    if quick:
        return run(bench, small)
    RESULTS.mkdir(parents=True, exist_ok=True)
    written = RESULTS / f"{name}.part"
    with written.open("wb") as file:
        fine = run(bench, [*words, "--json"], file)
    if written.stat().st_size:  # a part that could not be run leaves what was measured before
        written.replace(RESULTS / f"{name}.json")
    written.unlink(missing_ok=True)
    return fine


def run(bench: str, words: list[str], output: object = None) -> bool:
    """Run a benchmark in a process of its own; says whether it ended well."""
    command = [sys.executable, "-m", f"bench.{bench}", *words]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(), stdout=output, check=False)  # type: ignore[call-overload]
    return bool(done.returncode == 0)


if __name__ == "__main__":
    raise SystemExit(main())
