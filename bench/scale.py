"""Measures what grows with a catalog, and `--help`.

Usage: python -m bench.scale [--tools 10000], in the project's folder
Prints wall and CPU seconds of each, once; nothing is asserted. That work grows in line with the
catalog is what the tests check, by counting it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.large_catalogs import frozen_catalog, many_takes
from tests.support.space import new_space
from tests.support.store_ledger import Ledger

from panel.cells.cells import ModelIdentity, Target, identify
from panel.cells.plan import make_plan
from panel.checks import OtherTools, check_catalog, check_take
from panel.desk.session import Desk
from panel.store.ingest import ingest, opened, rebuild
from panel.store.queries import known_cells
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.tools import load_catalog


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print what a block took: wall seconds, and CPU seconds of this process and its children."""
    began, used = time.perf_counter(), sum(os.times()[:4])
    yield
    seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - used
    print(f"{what:48} {seconds:7.2f} s wall {cpu:7.2f} s CPU", flush=True)


def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=10_000)
    count = parser.parse_args().tools
    panel = [sys.executable, "-m", "panel"]
    with measured("panel --help"):
        subprocess.run([*panel, "--help"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="panel-scale-") as folder:
        space = new_space(Path(folder) / "space")
        frozen_catalog(space, count)
        with measured(f"panel check --frozen, {count:,} tools"):
            subprocess.run([*panel, "check", "--frozen"], cwd=space.root, check=True)
        with measured(f"load {count:,} tools"):
            load_catalog(space.root / "tools")
        workspace = load_workspace(space.root)
        endpoint = resolve_endpoint(workspace.settings, space.root)
        model = identify(endpoint, None)
        with measured(f"lay out and plan {4 * count:,} cells"):
            cells = Target(
                workspace.prompts, endpoint, model, workspace.tools, workspace.personas
            ).lay_out(1)
            make_plan(cells, {})
        ledger = Ledger(workspace.runs, workspace.prompts, workspace.tools, workspace.personas)
        ledger.run([(cell, "ship") for cell in ledger.cells()])
        with measured(f"ingest {4 * count:,} attempts"):
            ingest(ledger.runs)
        with measured(f"rebuild from {4 * count:,} attempts"):
            rebuild(ledger.runs)
        with (
            opened(ledger.runs) as store,
            measured(f"what is known of {4 * count:,} cells"),
        ):
            known_cells(store, ModelIdentity("mock", "mock-1"))
        desk = Desk(space.root, "Ada")
        with measured(f"the desk's first look at {4 * count:,} takes"):
            desk.snapshot()
        with measured("the desk's next look, nothing changed"):
            desk.snapshot()
        desk.close()
    made, subjects = many_takes(count // 20)
    with measured(f"check {len(subjects):,} takes of {len(made):,} tools"):
        others = OtherTools(made)
        for subject in subjects:
            check_take(subject, others)
        check_catalog(subjects)


if __name__ == "__main__":
    main()
