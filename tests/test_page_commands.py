"""Every command of README.md and docs/ is run as a reader would type it, and prints what it shows.

What cannot run here stands in NOT_RUN, with the reason; tests/test_documentation.py holds its words
and options against the program all the same.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import page_workspaces as workspaces
from tests.support.git_repository import commit
from tests.support.markdown_pages import read_page
from tests.support.page_commands import CODE, Command, Shell, as_shown, commands, page_environment
from tests.support.page_commands import NOT_RUN as PROGRAMS_NOT_RUN
from tests.support.page_workspaces import (
    EXPERIMENT,
    Act,
    approve,
    does,
    fill_in_the_sheet,
    in_turn,
    run_the_batch,
    tell_decisions,
    use_the_mock,
    write_block,
    write_the_experiment,
)
from tests.support.smtp_server import Mailbox
from tests.support.space import ROOT
from tests.support.threads import elsewhere

PAGES = {
    file.relative_to(ROOT).as_posix(): file
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
COMMANDS = {
    page: [*commands(page, file.read_text(encoding="utf-8"))] for page, file in PAGES.items()
}

# What is not run (how a line of a page begins) → why. Of other programs: page_commands.NOT_RUN.
NOT_RUN = {
    ("README.md", "panel desk"): "docs/editors.md does it",
    ("README.md", "panel fetch ministral"): "downloads 2 GB",
    ("README.md", "panel run --model ministral"): "wants that model",
    ("docs/checks.md", "PYTHONPATH=src python"): "is a script of this repository",
    ("docs/comparing.md", "panel power"): "takes seconds; docs/researchers.md does it",
    ("docs/desk.md", "panel desk   "): "docs/editors.md does it",
    ("docs/models.md", "panel"): "downloads gigabytes; tests/endpoint/test_fetching.py does it",
    ("docs/performance.md", "python -m bench"): "measures for hours",
    ("docs/probes.md", "panel probe brand --plan"): "takes seconds; docs/researchers.md does it",
    ("docs/probes.md", "panel probe brand --endpoint"): "asks 7,680 questions",
    ("docs/sample-report.md", "panel"): "asks the demo model for 85 minutes",
    ("docs/scale.md", "panel run --engine ray"): "wants Ray; tests/engines/test_ray.py does it",
    ("docs/servers.md", "panel"): "looks at fixed ports; tests/endpoint/test_found.py does it",
    ("docs/site.md", "panel desk"): "docs/editors.md does it",
    ("docs/site.md", "panel serve"): "docs/community.md does it",
    ("docs/takes.md", "panel run --endpoint embedded"): "asks the demo model for half an hour",
    ("docs/takes.md", "panel lint --notes"): "reads what that run wrote",
    ("docs/statistics.md", "panel stats run:"): "every run has an id of its own",
    ("docs/takes.md", "panel takes"): "wants 80 takes and seconds; tests/cli/test_takes.py does it",
}
# Sections whose commands another test runs → that test.
ELSEWHERE = {
    ("docs/ci.md", "A worked repository"): "tests/ci/test_docs.py::test_the_worked_repository_works"
}


@dataclass(frozen=True)
class SetUp:
    """How a page's commands are run; they are named by how they begin.

    house: whether the folder is a workspace with answers; else it is empty. before: what a reader
    does before the first of them, besides commands. during: what one does while each of them
    serves. codes: exit codes other than 0. variables: of the environment.
    """

    house: bool = True
    before: dict[str, Act] = field(default_factory=dict)
    during: dict[str, Act] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


SITE = '[site]\ncommunity = true\nbase_url = "https://verdicts.example.org/"\n'
CANARIES = '[ci]\ncanaries = ["thrushwire", "velvoxia"]\n'
MERGE = """
git switch -qc theirs; echo 'It is quick.' >> tools/fennmark.md
panel run --tool fennmark; panel freeze; git commit -qam theirs
git switch -q main; sed -i 's/^tagline: .*/tagline: Another one/' tools/fennmark.md
panel run --tool fennmark; panel freeze; git commit -qam ours
! git merge -q theirs
"""

SET_UPS: dict[str, SetUp] = {
    "README.md": SetUp(
        house=False,
        before={"panel run": use_the_mock, "panel publish": approve("codestral-2-0")},
    ),
    "docs/batch.md": SetUp(before={"panel batch import results": run_the_batch}),
    "docs/ci.md": SetUp(
        before={
            "panel canary --accept": does(
                f"echo '{CANARIES}' >> panel.toml; panel canary; panel freeze"
            ),
            "git checkout --ours": does(MERGE),
        },
        codes={"panel check --frozen": 1},  # the merged text has not been asked about
    ),
    "docs/community.md": SetUp(
        before={
            "panel publish OUT": approve("codestral-2-0", "patchwren"),
            "panel serve OUT": does(f"echo '{SITE}' >> panel.toml"),
            "panel votes import": does("printf 'tool,ships,skips\\npatchwren,3,1\\n' > votes.csv"),
        }
    ),
    "docs/comparing.md": SetUp(
        before={"panel compare-arms": does("panel run --model mock-2 --repeats 2")}
    ),
    "docs/editors.md": SetUp(
        house=False,
        before={
            "git init": use_the_mock,
            "panel import": write_block("docs/editors.md", "csv", "week.csv"),
            "panel check": in_turn(  # it is filled in
                does("rm tools/patchwren.md"),
                write_block("docs/editors.md", "markdown", "tools/patchwren.md"),
            ),
            "panel publish public": write_block("docs/editors.md", "toml", "panel.toml"),
        },
        during={"panel desk": approve("patchwren")},
    ),
    EXPERIMENT: SetUp(before={"panel experiment plan": write_the_experiment}),
    "docs/labels.md": SetUp(before={"panel labels import": fill_in_the_sheet}),
    "docs/probabilities.md": SetUp(before={"panel probabilities --max": tell_decisions}),
    "docs/researchers.md": SetUp(house=False, before={"panel run": use_the_mock}),
    "docs/scale.md": SetUp(variables={"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "4"}),
    "docs/site.md": SetUp(before={"panel publish public": approve("codestral-2-0")}),
    "docs/tools.md": SetUp(
        house=False,
        before={
            "panel import list.csv --dry-run": write_block("docs/tools.md", "csv", "list.csv"),
            "panel import list.csv --map": does("rm tools/anvil.md"),  # it is filled in below
            "panel check": write_block("docs/tools.md", "markdown", "tools/anvil.md"),
        },
    ),
    "docs/statistics.md": SetUp(
        before={"panel stats label": does("panel experiment run label-order")}
    ),
}


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the workspace that most pages are run in, once."""
    root = tmp_path_factory.mktemp("pages") / "house"

    def make() -> None:
        with workspaces.service() as mock:
            workspaces.house(root, mock)

    elsewhere(make)
    return root


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("page", [page for page, found in COMMANDS.items() if found])
def test_every_command_of_a_page_runs_and_prints_what_it_shows(
    page: str, house: Path, tmp_path: Path, programs: Path
) -> None:
    set_up, folder = SET_UPS.get(page, SetUp()), tmp_path / "reader"
    with workspaces.service() as mock, Mailbox() as mailbox:
        if set_up.house:
            shutil.copytree(house, folder)
            (folder / "panel.toml").write_text(workspaces.settings(mock), encoding="utf-8")
            commit(folder, "The endpoint")
        else:
            folder.mkdir()
        environment = page_environment(tmp_path / "home", programs)
        environment |= mailbox.environment | set_up.variables

        def meanwhile(command: Command) -> None:
            for start, act in set_up.during.items():
                if command.text.startswith(start):
                    act(shell, mock)

        shell, before = Shell(folder, environment, meanwhile), dict(set_up.before)
        for command in (each for each in COMMANDS[page] if not why_not(each)):
            for start in [start for start in before if command.text.startswith(start)]:
                before.pop(start)(shell, mock)
            code, printed = shell.run(command)
            expected = next((c for s, c in set_up.codes.items() if command.text.startswith(s)), 0)
            assert code == expected, f"{command}\n{printed}"
            if command.shown is not None:
                assert as_shown(command.shown, printed), f"{command}\n{printed}"


def why_not(command: Command) -> str | None:
    """Return why a command is not run here; None where it is."""
    found = (why for (page, start), why in NOT_RUN.items()
             if page == command.page and command.text.startswith(start))  # fmt: skip
    elsewhere_run = ELSEWHERE.get((command.page, command.heading))
    return elsewhere_run or PROGRAMS_NOT_RUN.get(command.program) or next(found, None)


ALL = [command for found in COMMANDS.values() for command in found]


def test_every_reason_not_to_run_a_command_still_has_one() -> None:
    called = {command.program for command in ALL}
    assert not PROGRAMS_NOT_RUN.keys() - called, "no page calls these any more"
    for page, start in NOT_RUN:
        assert any(each.page == page and each.text.startswith(start) for each in ALL), start
    for (page, heading), test in ELSEWHERE.items():
        assert any(each.page == page and each.heading == heading for each in ALL), heading
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_every_part_of_a_set_up_belongs_to_a_command_that_is_run() -> None:
    for page, set_up in SET_UPS.items():
        run = [each.text for each in COMMANDS[page] if not why_not(each)]
        for start in [*set_up.before, *set_up.during, *set_up.codes]:
            assert any(text.startswith(start) for text in run), f"{page}: {start}"


# Languages without commands.
OTHER = {"csv", "json", "markdown", "python", "sql", "text", "toml", "yaml"}


def test_no_command_hides_in_a_block_that_is_not_read() -> None:
    for page, file in PAGES.items():
        for language, text in read_page(file).blocks:
            assert language in {*CODE, *OTHER}, page
            if language == "text" or "$ panel" in text:
                assert not re.search("^panel [a-z]", text, re.MULTILINE), f"{page}: {text}"


def test_a_command_may_go_on_in_the_next_line_and_has_what_it_prints_below() -> None:
    page = (
        "# T\n\n    $ panel run \\\n        --tool a\n    1 cell\n\nAnd:\n\n    panel show  # b\n"
    )
    first, second = commands("page.md", page)
    assert (first.line, first.heading, first.text) == (3, "T", "panel run --tool a")
    assert (first.shown, second.text, second.shown) == ("1 cell", "panel show  # b", None)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\nb", False),
        ("a\n...\nb", "a\nc\nb", True),
        ("a\n...", "b\na", False),
        ("...\nb", "a\nb\nc", False),
        ("asked in 1.3 s", "asked in 0.2 s", True),
        ("1 of ... cells", "1 of 20 cells", True),
        ("1 of ... cells", "2 of 20 cells", False),
    ],
)
def test_what_is_shown_is_held_against_what_is_printed(
    shown: str, printed: str, same: bool
) -> None:
    assert as_shown(shown, printed) is same
