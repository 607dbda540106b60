"""``panel verify``: whether every journal is as it was written, and the receipts that tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.cells.journal import FILE, find_journals
from panel.cli.main import ExitCode
from panel.frozen.files import FOLDER
from panel.readers.community.votes import Votes
from panel.text import counted
from tests.support.editors import do
from tests.support.frozen_verdicts import freeze, on_file, status, texts
from tests.support.journals import changed, older
from tests.support.space import Panel, Space

NOW = "2026-11-24T09:00:00"


def asked_journal(space: Space) -> Path:
    """Return the journal that holds the answers."""
    return max(space.journals, key=lambda file: file.stat().st_size)


def verified(panel: Panel, space: Space, *words: str | Path) -> dict[str, Any]:
    """Return what 'panel verify --json' prints; its exit code says the same."""
    done = panel("verify", "--json", *words, cwd=space.root)
    said: dict[str, Any] = json.loads(done.out)
    assert done.code == (ExitCode.OK if said["whole"] else ExitCode.FAILED), done.err
    assert said["whole"] == (not said["faults"])
    return said


def flip(file: Path, line: int, place: int = 100) -> None:
    """Flip one bit of a line, counted from 1."""
    lines = file.read_bytes().splitlines(keepends=True)
    spoilt = bytearray(lines[line - 1])
    spoilt[place] ^= 1
    file.write_bytes(b"".join([*lines[: line - 1], spoilt, *lines[line:]]))


def test_whole_journals_are_said_in_one_line_with_their_receipt(asked: Space, panel: Panel) -> None:
    done = panel("verify", cwd=asked.root)
    lines = sum(len(file.read_bytes().splitlines()) for file in asked.journals)
    said = verified(panel, asked)
    many = len(asked.journals)
    assert (done.code, done.err) == (0, "")
    assert (
        done.out
        == f"{counted(many, 'journal')}, {lines} lines: whole. Receipt: {said['receipt']}\n"
    )
    assert {each["file"] for each in said["journals"]} == {
        f"runs/{file.parent.name}/{FILE}" for file in asked.journals
    }


def test_an_empty_workspace_is_whole(space: Space, panel: Panel) -> None:
    assert panel("verify", cwd=space.root).out.startswith("0 journals, 0 lines: whole.")


def test_each_fault_is_named_by_file_and_line_and_exits_1(asked: Space, panel: Panel) -> None:
    file = asked_journal(asked)
    flip(file, 5)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:8] + lines[9:]))
    done = panel("verify", cwd=asked.root)
    place = f"runs/{file.parent.name}/{FILE}"
    assert done.code == ExitCode.FAILED
    first, second, last = done.out.splitlines()
    assert first.startswith(f"{place}:5: was changed, or is of another journal")
    assert second == f"{place}:9: is line 10: 1 line is missing above it."
    assert last.endswith(": 2 faults")


def test_a_changed_word_reaches_no_reader_and_is_named_when_it_is_read(
    asked: Space, panel: Panel
) -> None:
    file = asked_journal(asked)
    lines = file.read_bytes().splitlines(keepends=True)
    chosen = next(n for n, line in enumerate(lines) if b'"kind":"attempt"' in line)
    turned = lines[chosen].replace(b'"verdict":"ship"', b'"verdict":"skip"')
    assert turned != lines[chosen]
    file.write_bytes(b"".join([*lines[:chosen], turned, *lines[chosen + 1 :]]))
    done = panel("rebuild", cwd=asked.root)
    assert f"{FILE}:{chosen + 1}: was changed" in done.err
    query = "SELECT DISTINCT verdict FROM verdicts"
    assert panel("sql", "--format", "csv", query, cwd=asked.root).out == "verdict\nship\n"
    assert json.loads(panel("run", "--json", cwd=asked.root).out)["asked"] == 1


def test_a_torn_last_line_is_harmless_and_a_lost_line_feed_is_not(
    asked: Space, panel: Panel
) -> None:
    file = asked_journal(asked)
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    assert verified(panel, asked)["whole"]
    file.write_bytes(whole[:-1] + b"\x0b")
    said = verified(panel, asked)
    assert len(said["faults"]) == 1 and "has lost its line feed" in said["faults"][0]


def test_older_journals_are_whole_and_said_to_be_unsealed(asked: Space, panel: Panel) -> None:
    for file in asked.journals:
        older(file)
    done = panel("verify", cwd=asked.root)
    assert done.code == 0 and "wrote no seals" in done.err
    said = verified(panel, asked)
    assert said["unsealed"] == said["lines"] > 0


def test_the_files_of_readers_are_looked_at_as_well(space: Space, panel: Panel) -> None:
    votes = Votes(space.root)
    for number in range(3):
        votes.record(f"{number:032x}", "anvil", "ship", NOW)
    assert verified(panel, space)["lines"] == 3
    flip(space.root / "community" / "votes.jsonl", 2)
    assert verified(panel, space)["faults"][0].startswith("community/votes.jsonl:2: was changed")


# --- receipts -------------------------------------------------------------------------------


def test_an_earlier_receipt_holds_while_journals_grow_and_new_ones_come(
    asked: Space, panel: Panel, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(panel("verify", "--json", cwd=asked.root).out)
    assert panel("run", "--again", cwd=asked.root).code == 0
    assert verified(panel, asked, "--receipt", kept)["whole"]
    assert verified(panel, asked)["receipt"] != json.loads(kept.read_text())["receipt"]


def cut(file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-2]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: changed(file, lambda lines: lines[:-3] + lines[-2:]), "line"),
        (cut, "line"),
        (lambda file: shutil.rmtree(file.parent), "is not here any more"),
        (older, "line"),
    ],
    ids=["written anew", "cut", "removed", "without seals"],
)
def test_an_earlier_receipt_tells_what_no_chain_can(
    asked: Space, panel: Panel, tmp_path: Path, change: Callable[[Path], None], told: str
) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(panel("verify", "--json", cwd=asked.root).out)
    file = asked_journal(asked)
    change(file)
    assert verified(panel, asked)["whole"], "the chain itself holds"
    said = verified(panel, asked, "--receipt", kept)
    assert len(said["faults"]) == 1
    assert said["faults"][0].startswith(f"runs/{file.parent.name}/") and told in said["faults"][0]


@pytest.mark.parametrize("text", ["", "[]", '{"journals": [{}]}', '{"journals": 4}'])
def test_what_is_no_receipt_is_one_line(asked: Space, panel: Panel, text: str) -> None:
    kept = asked.root / "kept.json"
    kept.write_text(text)
    done = panel("verify", "--receipt", kept, cwd=asked.root)
    assert done.code == ExitCode.USAGE and done.err.count("\n") == 1
    missing = panel("verify", "--receipt", asked.root / "nothing", cwd=asked.root)
    assert missing.code == ExitCode.USAGE and missing.err.count("\n") == 1


@pytest.mark.slow
def test_freeze_keeps_a_receipt_of_each_answer_and_decision_and_changes_nothing_twice(
    asked: Space, panel: Panel
) -> None:
    do(asked, "approve")
    freeze(asked)
    entry = on_file(asked)
    seals = {
        line["attempt_id"] if line["kind"] == "attempt" else line["decision_id"]: line["seal"]
        for file in asked.journals
        for line in map(json.loads, file.read_bytes().splitlines())
        if line["kind"] in ("attempt", "decision")
    }
    assert len(entry.receipts) == 2
    assert entry.receipts == {name: seals[name] for name in entry.line_ids()}
    before = texts(asked)
    assert panel("run", "--tool", "bellows", "--again", cwd=asked.root).code == 0
    freeze(asked, tools=["anvil"])
    assert texts(asked) == before and status(asked) == []
    assert verified(panel, asked)["whole"]


def test_a_journal_written_anew_does_not_have_the_receipts_of_verdicts(
    asked: Space, panel: Panel
) -> None:
    freeze(asked)
    file = asked_journal(asked)

    def turn(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**line, "take": "Never said."} if line.get("take") else line for line in lines]

    changed(file, turn)
    said = verified(panel, asked)
    assert len(said["faults"]) == 8, "one for each answer"
    assert all(f"runs/{file.parent.name}/{FILE}" in fault for fault in said["faults"])
    assert panel("rebuild", cwd=asked.root).code == 0
    freeze(asked)
    assert len(verified(panel, asked)["faults"]) == 8, "another freeze does not hide it"


@pytest.mark.slow
def test_a_clone_has_no_journals_and_keeps_the_receipts_as_they_are(
    asked: Space, panel: Panel
) -> None:
    do(asked, "approve")
    freeze(asked)
    before = texts(asked)
    shutil.rmtree(asked.root / "runs")
    assert panel("thaw", cwd=asked.root).code == 0
    assert find_journals(asked.root / "runs")
    freeze(asked)
    assert texts(asked) == before
    shutil.rmtree(asked.root / FOLDER)
    freeze(asked)
    assert texts(asked) == before, "the store has them, too"
    assert status(asked) == []
    said = verified(panel, asked)
    assert said["whole"] and said["receipts_elsewhere"] == 9


def test_answers_of_older_journals_are_frozen_without_receipts(asked: Space, panel: Panel) -> None:
    for file in asked.journals:
        older(file)
    assert panel("rebuild", cwd=asked.root).code == 0
    freeze(asked)
    assert on_file(asked).receipts == {} and status(asked) == []
    assert b"receipts" not in texts(asked)["anvil.json"]


def test_a_receipt_that_was_changed_by_hand_is_told(asked: Space) -> None:
    freeze(asked)
    file = asked.root / FOLDER / "anvil.json"
    seal = next(iter(on_file(asked).receipts.values()))
    file.write_text(file.read_text("utf-8").replace(seal, "0" * 32), encoding="utf-8")
    assert [each.status for each in status(asked)] == ["altered"]
