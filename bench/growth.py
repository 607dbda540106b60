"""What each command costs as the cells grow tenfold, and tenfold again; a line must not bend.

    python -m bench.growth [STEP ...] [--sizes 1000 10000 100000] [--json]

One workspace for each size, four cells a tool; the steps run in it one after the other, each as a
process of its own, against a mock that answers at once. Where a step takes more than 1.3 times
as much CPU a cell at one size as at the size before it, its line bends upward: that is a missed
target, and exit code 1.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.measuring import (
    PANEL,
    Cost,
    Missed,
    Target,
    arguments,
    child,
    panel_run,
    report,
    served,
    table,
    tell,
)
from bench.overhead import PERSONAS, make_workspace, warm_limit
from tests.support.git_repository import commit, repository

BENDS = 1.3  # CPU a cell in that of the size before
MEMORY = (100_000, 250.0)  # cells, and MB that their run may take
CHANGED = "tool-00001"  # the tool that is looked at, and changed


@dataclass(frozen=True, slots=True)
class Space:
    """A workspace with so many cells, of which `run` settles all."""

    root: Path
    cells: int

    def panel(self, *words: str) -> tuple[Cost, str]:
        """Run a command of the program in it."""
        return child([*PANEL, *words], self.root)

    def told(self, key: str, wanted: int, *words: str) -> Cost:
        """Run a command with --json; raises Missed unless it tells this of the key."""
        cost, output = self.panel(*words, "--json")
        found = json.loads(output)[key]
        if (len(found) if isinstance(found, list) else found) != wanted:
            raise Missed(f"`panel {' '.join(words)}` tells {key} = {found!r}, not {wanted}.")
        return cost


def run(space: Space) -> Cost:
    """Ask every cell."""
    return panel_run(space.root, asked=space.cells, verdicts=space.cells, errors=0)


def again(space: Space) -> Cost:
    """Run once more: nothing is asked."""
    return panel_run(space.root, asked=0, reused=space.cells)


def one_asked_again(space: Space) -> Cost:
    """Ask one tool's cells again, beside all that is settled."""
    return panel_run(space.root, "--tool", CHANGED, "--again", asked=PERSONAS)


def diff(space: Space, changed: str, stale: int) -> Cost:
    """Compare the workspace with its commit, every form written, one of its files changed."""
    if not (space.root / ".git").exists():
        repository(space.root)
    commit(space.root)
    [file] = space.root.glob(changed)
    text = file.read_text()
    file.write_text(f"{text}It says one thing more.\n")
    forms = [word for form in ("markdown", "junit", "sarif") for word in (f"--{form}", f"d.{form}")]
    command = [*PANEL, "diff", "HEAD", "--warn-on", "stale", "--format", "github", *forms]
    cost, _output = child(command, space.root)
    file.write_text(text)
    found = json.loads((space.root / "d.sarif").read_text())["runs"][0]["results"]
    for form in forms[1::2]:
        (space.root / form).unlink()
    if len(found) != stale:
        raise Missed(f"`panel diff` has {len(found)} remarks, not {stale}.")
    return cost


# In this order: what a step needs was made by those before it.
STEPS: dict[str, Callable[[Space], Cost]] = {
    "plan": lambda space: space.told("pending", space.cells, "plan"),
    "run": run,
    "run again": again,
    "rebuild": lambda space: space.panel("rebuild")[0],
    "one tool again": one_asked_again,
    "show": lambda space: space.panel("show", "--json")[0],
    "show one tool": lambda space: space.panel("show", CHANGED)[0],
    "freeze": lambda space: space.told("written", space.cells // PERSONAS, "freeze"),
    "freeze again": lambda space: space.told("written", 0, "freeze"),
    "check --frozen": lambda space: space.told("found", 0, "check", "--frozen"),
    "diff": lambda space: diff(space, f"tools/{CHANGED}.md", 1),
    "diff, all stale": lambda space: diff(space, "personas/builder.md", space.cells // PERSONAS),
    "publish": lambda space: space.panel("publish", "site", "--drafts")[0],
    "publish again": lambda space: space.told("written", 0, "publish", "site", "--drafts"),
}
NEEDED = ("run", "freeze")  # by the steps after them, whether asked for or not


def measure(steps: Sequence[str], cells: int) -> dict[str, Cost]:
    """Take the steps in a fresh workspace of so many cells."""
    last = max(map(list(STEPS).index, steps))
    found: dict[str, Cost] = {}
    with served() as base_url, tempfile.TemporaryDirectory(prefix="panel-growth-") as folder:
        space = Space(Path(folder), cells)
        make_workspace(space.root, base_url, cells // PERSONAS)
        for place, (name, step) in enumerate(STEPS.items()):
            if place <= last and (name in steps or name in NEEDED):
                found[name] = step(space)
                tell(f"{cells:,} cells, {name}: {found[name].wall:.2f} s")
    return {name: cost for name, cost in found.items() if name in steps}


def bend(sizes: Sequence[int], costs: Sequence[Cost]) -> float:
    """Return the largest rise of CPU a cell from one size to the next."""
    each = [cost.cpu / size for size, cost in zip(sizes, costs, strict=True)]
    return max(after / before for before, after in pairwise(each))


def exponent(sizes: Sequence[int], costs: Sequence[Cost]) -> float:
    """Return the power of the cells with which CPU grows between the two largest sizes."""
    (few, many), (low, high) = sizes[-2:], (cost.cpu for cost in costs[-2:])
    return math.log(high / low) / math.log(many / few)


def targets(sizes: Sequence[int], found: dict[str, list[Cost]]) -> list[Target]:
    """Return what is asked of the lines, of a run's memory, and of a run that asks nothing."""
    wanted = []
    for name, costs in found.items():
        if len(sizes) > 1:
            what = f"`{name}`: CPU a cell, in that of a smaller size"
            wanted.append(Target(what, bend(sizes, costs), BENDS))
        for size, cost in zip(sizes, costs, strict=True):
            if name == "run" and size == MEMORY[0]:
                what = f"peak memory of `panel run`, {size:,} cells"
                wanted.append(Target(what, cost.peak_mb, MEMORY[1], "MB"))
            if name == "run again":
                what = f"`panel run` with nothing to ask, {size:,} cells"
                wanted.append(Target(what, cost.wall, warm_limit(size), "s"))
    return wanted


def header(sizes: Sequence[int]) -> list[str]:
    """Return the names of the columns."""
    return ["CPU s (wall s, peak MB)", *(f"{size:,} cells" for size in sizes), "power"]


def lines(steps: dict[str, Any]) -> list[list[str]]:
    """Return the rows of the table."""
    rows = []
    for name, told in steps.items():
        cells = [f"{x['cpu']:.2f} ({x['wall']:.2f}, {x['peak_mb']:.0f})" for x in told["costs"]]
        rows.append([name, *cells, "" if told["power"] is None else f"{told['power']:.2f}"])
    return rows


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    given = parser.parse_args()
    if unknown := set(given.steps) - set(STEPS):
        parser.error(f"no step {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    sizes = sorted(max(1, size // PERSONAS) * PERSONAS for size in given.sizes)
    found: dict[str, list[Cost]] = {}
    for size in sizes:
        for name, cost in measure(given.steps or list(STEPS), size).items():
            found.setdefault(name, []).append(cost)
    record = {
        name: {
            "costs": [asdict(cost) for cost in costs],
            "power": exponent(sizes, costs) if len(sizes) > 1 else None,
        }
        for name, costs in found.items()
    }
    told = {"sizes": sizes, "steps": record}
    return report(given, told, targets(sizes, found), table(header(sizes), lines(record)))


if __name__ == "__main__":
    raise SystemExit(main())
