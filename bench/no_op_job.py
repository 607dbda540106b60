"""Measures a whole job of the GitHub action on a pull request that changes no tool.

Usage: python -m bench.no_op_job [--tools 10000], in the project's folder
Runs the scripts of action.yml on the simulated runner of the tests, with real processes, and
prints the seconds of each step. Installing the program is left out, and so is what GitHub does.
Exit 1 where 10,000 tools take more than 30 seconds, or a model was asked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.support.git_repository import commit, git, repository
from tests.support.github_api import REPOSITORY, Forge, served
from tests.support.github_runner import Runner
from tests.support.large_catalogs import frozen_catalog
from tests.support.programs import write_programs
from tests.support.space import new_space

LIMIT = 30.0  # seconds for 10,000 tools


def main() -> None:
    """Make a catalog in git, change its README, and run the job once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=10_000)
    count = parser.parse_args().tools
    with tempfile.TemporaryDirectory(prefix="panel-job-") as folder, served(Forge()) as forge:
        space, programs = new_space(Path(folder) / "space"), Path(folder) / "bin"
        frozen_catalog(space, count)
        repository(space.root)
        base = git(space.root, "rev-parse", "HEAD").strip()
        git(space.root, "switch", "-qc", "work")
        (space.root / "README.md").write_text("No tool.\n")
        commit(space.root)
        programs.mkdir()
        write_programs(programs)
        repo = {"full_name": REPOSITORY}
        told = {
            "number": 7,
            "base": {"sha": base, "ref": "main", "repo": repo},
            "head": {"ref": "work", "repo": repo},
        }
        runner = Runner(space.root, Path(folder) / "temp", programs, forge)
        began = time.perf_counter()
        done = runner.job("pull_request", {"pull_request": told}, fail_on="flip,stale,drift")
        seconds = time.perf_counter() - began
    for step, taken in done.seconds.items():
        print(f"{step:48} {taken:7.2f} s")
    print(f"{f'the whole job, {count:,} tools':48} {seconds:7.2f} s")
    if not done.ok or done.outputs["asked"] != "0":
        sys.exit(f"The job failed or asked a model:\n{done.log}")
    if seconds > LIMIT * max(1.0, count / 10_000):
        sys.exit(f"The job took more than {LIMIT:.0f} s.")


if __name__ == "__main__":
    main()
