"""How asking ended, as a report says it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from panel.ci.outcome import RunOutcome, read_checked, read_outcome
from panel.errors import UsageError
from tests.support.faces import always
from tests.support.frozen_verdicts import freeze, status
from tests.support.git_repository import repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_run_that_printed_nothing_never_began(tmp_path: Path, text: str) -> None:
    """A missing key, or a file that is wrong, ends a run before its summary."""
    file = tmp_path / "run.json"
    file.write_text(text)
    assert "before it asked anything" in (read_outcome(file).trouble() or "")


def test_a_run_that_answered_everything_has_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"planned": 4, "reused": 1, "asked": 3, "requests": 3, "other": 1}')
    found = read_outcome(file)
    assert found.trouble() is None and found.unasked == 0
    assert found.cost() == "3 cells asked in 3 requests, cost unknown."


def test_canaries_are_counted_beside_the_cells_and_what_was_not_to_be_asked_is_not_missed() -> None:
    run = RunOutcome(planned=12, reused=6, left=2, asked=4, canary_cells=48, requests=52)
    assert run.unasked == 0
    assert run.cost() == "4 cells and 48 cells of canaries asked in 52 requests, cost unknown."


@pytest.mark.parametrize(
    ("stopped", "word"),
    [("budget", "by its budget"), ("endpoint", "by the endpoint"), ("interrupted", "from outside"),
     ("journal", "(journal)")],
)  # fmt: skip
def test_a_stopped_run_says_by_what_and_counts_what_is_left(stopped: str, word: str) -> None:
    trouble = RunOutcome(planned=4, asked=1, requests=1, stopped=stopped).trouble() or ""
    assert word in trouble and "1 of 4 cells was asked, 3 were left unasked" in trouble


def test_errors_are_said_where_nothing_stopped_the_run() -> None:
    assert (RunOutcome(planned=4, asked=4, errors=2).trouble() or "").startswith("2 of the 4 cells")


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"asked": "many"}', "\ud800", None])
def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "run.json"
    if text is not None:
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=r"--run '.*run\.json'"):
        read_outcome(file)


@pytest.mark.slow
def test_a_run_of_canaries_alone_is_reported_like_any_other(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    space = copied(all_ship)
    mock.face = always("ship")
    space.point_at(mock, '[ci]\ncanaries = ["bellows"]\n')
    repository(space.root)
    file = tmp_path / "run.json"
    file.write_text(panel("canary", "--json", "--max-calls", "3", cwd=space.root).out)
    assert "3 of 4 cells were asked, 1 was left" in (read_outcome(file).trouble() or "")
    file.write_text(panel("canary", "--json", cwd=space.root).out)
    assert read_outcome(file).trouble() is None
    freeze(space)
    done = panel("diff", "HEAD", "--format", "markdown", "--run", file, cwd=space.root)
    assert done.code == 0 and "no verdict differs" in done.out
    assert "4 cells asked in 4 requests" in done.out.replace("\\", "")
    assert "on 0 of 1 canary" in done.out


def test_what_a_check_has_found_is_read_as_it_was_printed(
    copied: Callable[[Make], Space], panel: Panel, tmp_path: Path
) -> None:
    space = copied(all_ship)
    repository(space.root)
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    (space.root / "tools/bellows.md").unlink()
    file = tmp_path / "check.json"
    file.write_text(panel("check", "--frozen", "--json", cwd=space.root).out)
    assert read_checked(file) == status(space)
    gate = ("diff", "HEAD", "--fail-on", "stale", "--format", "json")
    anew = panel(*gate, cwd=space.root)
    told = panel(*gate, "--checked", file, cwd=space.root)
    assert (told.code, told.out) == (anew.code, anew.out) and anew.code == 1


@pytest.mark.parametrize("text", ["", "[]", '{"problems": []}'])
def test_a_check_that_did_not_get_to_its_end_is_not_taken_for_one_that_found_nothing(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "check.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"--checked '.*check\.json'"):
        read_checked(file)
