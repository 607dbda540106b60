"""How asking ended, as a report says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from panel.ci.outcome import RunOutcome, read_outcome
from panel.errors import UsageError


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


@pytest.mark.parametrize(
    ("stopped", "word"),
    [("budget", "by its budget"), ("endpoint", "by the endpoint"), ("interrupted", "from outside"),
     ("journal", "(journal)")],
)  # fmt: skip
def test_a_stopped_run_says_by_what_and_counts_what_is_left(stopped: str, word: str) -> None:
    trouble = RunOutcome(planned=4, asked=1, requests=1, stopped=stopped).trouble() or ""
    assert word in trouble and "1 of 4 cells were asked, 3 were left unasked" in trouble


def test_errors_are_said_where_nothing_stopped_the_run() -> None:
    assert (RunOutcome(planned=4, asked=4, errors=2).trouble() or "").startswith("2 of the 4 cells")


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"asked": "many"}', "\ud800", None])
def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "run.json"
    if text is not None:
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=r"--run '.*run\.json'"):
        read_outcome(file)
