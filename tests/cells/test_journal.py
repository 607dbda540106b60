"""Journals: whole, durable, and read again exactly once."""

from __future__ import annotations

import base64
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.cells import journal
from panel.cells.cells import Cell, Target, identify
from panel.cells.journal import (
    JournalWriter,
    encode,
    find_journals,
    new_run_id,
    read_lines,
    utc_now,
)
from panel.cells.lines import Attempt, Recorder
from panel.errors import JournalError
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.verdict import Verdict
from tests.support.journals import plain_lines
from tests.support.space import Space

ENDPOINT = Endpoint("mock", None, "http://127.0.0.1:9/v1", "mock-1")
NOW = "2026-11-24T09:00:00.000000"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def cells_of(space: Space) -> list[Cell]:
    workspace = load_workspace(space.root)
    model = identify(ENDPOINT, None)
    return Target(workspace.prompts, ENDPOINT, model, workspace.tools, workspace.personas).lay_out(
        1
    )


def attempt_of(cell: Cell, **fields: Any) -> Attempt:
    known = {"messages": cell.messages, "outcome": "abstain"} | fields
    return Attempt(cell, 1, known.pop("messages"), "prompted", False, NOW, NOW, 0.5, True, **known)


def lines_of(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.slow
@given(st.dictionaries(st.text(), json_values))
def test_a_line_comes_back_as_it_was(line: dict[str, Any]) -> None:
    raw = encode(line)
    assert raw.endswith(b"\n") and raw.count(b"\n") == 1
    assert json.loads(raw) == line


def test_a_lone_surrogate_is_written_as_the_replacement_character() -> None:
    line = {"reply": "a\ud800b", "deep": [{"\udfff": ("x\udc00", 1)}], "whole": "\N{PILE OF POO}"}
    assert json.loads(encode(line)) == {
        "reply": "a\ufffdb",
        "deep": [{"\ufffd": ["x\ufffd", 1]}],
        "whole": "\N{PILE OF POO}",
    }


def test_what_was_appended_is_the_files_content(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "runs", "r1")
    assert not writer.started and not writer.file.exists()
    parts = [encode({"n": n, "text": "x" * 5000}) * 3 for n in range(5)]
    for number, part in enumerate(parts, 1):
        writer.append(part)
        assert len(plain_lines(writer.file)) == 3 * number  # there before close
    writer.close()
    writer.close()
    assert plain_lines(writer.file) == [json.loads(line) for line in b"".join(parts).splitlines()]


def test_every_append_is_forced_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced, fsync = [], os.fsync
    writer = JournalWriter(tmp_path, "r1")
    writer.append(b'{"n":1}\n')

    def watched(descriptor: int) -> None:
        forced.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    writer.append(b'{"a":1}\n')
    writer.close()
    assert forced == [writer.file.stat().st_size]


def test_a_journal_is_never_opened_a_second_time(tmp_path: Path) -> None:
    first = JournalWriter(tmp_path, "r1")
    first.append(b'{"n":1}\n')
    with pytest.raises(JournalError, match="File exists"):
        JournalWriter(tmp_path, "r1").append(b'{"n":2}\n')
    first.close()
    assert plain_lines(first.file) == [{"n": 1}]


def test_a_full_disk_leaves_no_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, write, calls = JournalWriter(tmp_path, "r1"), os.write, []
    writer.append(b'{"n":1}\n')

    def half(descriptor: int, piece: bytes) -> int:
        calls.append(descriptor)
        if len(calls) == 1:
            return write(descriptor, piece[:4])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(JournalError, match=r"No space left on device\. Make room"):
        writer.append(b'{"n":2}\n')
    monkeypatch.setattr(os, "write", write)
    writer.append(b'{"n":3}\n')
    writer.close()
    lines = list(read_lines(writer.file))
    assert [(line.fields, line.fault) for line in lines] == [({"n": 1}, None), ({"n": 3}, None)]


@pytest.mark.process
def test_a_real_size_limit_leaves_only_whole_lines(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from panel.errors import JournalError; from panel.cells.journal import JournalWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "writer = JournalWriter(Path(sys.argv[1]), 'r1')\n"
        "try:\n    [writer.append(b'{\"x\":\"' + b'x' * 200 + b'\"}\\n') for _ in range(9)]\n"
        "except JournalError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout
    assert plain_lines(tmp_path / "r1/attempts.jsonl") == [{"x": "x" * 200}] * 3


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=2), max_size=6), st.data())
def test_a_journal_cut_anywhere_is_read_once_and_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A torn last line waits; reading on from the offset yields it once it is complete."""
    file = tmp_path_factory.mktemp("cut") / "attempts.jsonl"
    whole = b"".join(encode(line) for line in lines)
    cut = data.draw(st.integers(0, len(whole)))
    file.write_bytes(whole[:cut])
    first = list(read_lines(file))
    offset = first[-1].end if first else 0
    assert whole[:cut].count(b"\n") == len(first) and offset <= cut
    file.write_bytes(whole)
    second = list(read_lines(file, offset))
    assert [line.fields for line in [*first, *second]] == lines
    assert [line.end for line in [*first, *second]][-1:] == ([len(whole)] if lines else [])


@pytest.mark.parametrize("bad", [b"not json", b"[1]", b'"text"', b"", b'{"a":', b"\xff\xfe", b"7"])
def test_a_whole_line_that_is_no_object_is_reported_without_fields(
    tmp_path: Path, bad: bytes
) -> None:
    file = tmp_path / "attempts.jsonl"
    file.write_bytes(b'{"n":1}\n' + bad + b'\n{"n":2}\n')
    assert [line.fields for line in read_lines(file)] == [{"n": 1}, None, {"n": 2}]


def test_run_ids_sort_by_time_and_do_not_repeat() -> None:
    made = [new_run_id() for _ in range(200)]
    assert len(set(made)) == 200
    stamps = [run_id.split("-")[0] for run_id in made]
    assert stamps == sorted(stamps)
    assert new_run_id()[:4] == utc_now()[:4] and len(made[0]) == len("20261124T093000Z-5f2c1a")


def test_journals_are_found_oldest_first_and_strangers_left_alone(tmp_path: Path) -> None:
    for run_id in ("20261125T000000Z-aaaaaa", "20261124T000000Z-bbbbbb"):
        writer = JournalWriter(tmp_path, run_id)
        writer.append(b'{"n":1}\n')
        writer.close()
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "panel.duckdb").write_bytes(b"")
    found = find_journals(tmp_path)
    assert [journal.run_id[:8] for journal in found] == ["20261124", "20261125"]
    assert [journal.size for journal in found] == [each.file.stat().st_size for each in found]
    assert find_journals(tmp_path / "nowhere") == []


def test_each_message_of_a_run_is_written_once(space: Space) -> None:
    cells, recorder = cells_of(space), Recorder("r1")
    written = [
        line for cell in cells for line in lines_of(recorder.attempt_lines(attempt_of(cell)))
    ]
    messages = [line for line in written if line["kind"] == "message"]
    attempts = [line for line in written if line["kind"] == "attempt"]
    assert len(messages) == 4 + 2  # four personas, two tools
    assert len({line["message"] for line in messages}) == 6
    text = {line["message"]: (line["role"], line["content"]) for line in messages}
    for cell, line in zip(cells, attempts, strict=True):
        assert tuple(text[name] for name in line["messages"]) == cell.messages
    assert [line["attempt_id"] for line in attempts] == [f"r1-{n:07}" for n in range(1, 9)]


def test_an_attempt_line_names_its_cell_and_carries_the_verdict(space: Space) -> None:
    cell = cells_of(space)[0]
    verdict = Verdict(("q1", "q2"), {"a": "One.", "b": "Two."}, "skip", 40)
    made = attempt_of(cell, outcome="verdict", verdict=verdict, cost_usd=0.5)
    line = lines_of(Recorder("r1").attempt_lines(made))[-1]
    assert (line["tool"], line["persona"], line["repeat"]) == cell.key
    assert (
        line["fingerprint"] == cell.fingerprint and line["tool_digest"] == cell.inputs.tool_digest
    )
    assert (line["verdict"], line["confidence"], line["take"]) == ("skip", 40, "One. Two.")
    assert (line["beats"], line["evidence"]) == ({"a": "One.", "b": "Two."}, ["q1", "q2"])
    assert "verdict" not in lines_of(Recorder("r1").attempt_lines(attempt_of(cell)))[-1]


@given(body=st.binary() | st.text().map(str.encode))
def test_any_body_is_kept_without_loss(
    body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    line = lines_of(Recorder("r1").attempt_lines(attempt_of(CELL, body=body)))[-1]
    if "body_base64" in line:
        assert base64.b64decode(line["body_base64"]) == body
        assert "\0" not in line["body"]
    else:
        assert line["body"].encode() == body


@pytest.mark.parametrize("body", [b"caf\xe9", b'{"a":"\0"}', b"\xff" * 9, b"\xed\xa0\x80"])
def test_bodies_that_are_not_plain_utf8_are_kept_in_base64(body: bytes) -> None:
    line = lines_of(Recorder("r1").attempt_lines(attempt_of(CELL, body=body)))[-1]
    assert base64.b64decode(line["body_base64"]) == body


def test_an_attempt_without_a_body_has_no_body() -> None:
    line = lines_of(Recorder("r1").attempt_lines(attempt_of(CELL)))[-1]
    assert "body" not in line and "body_base64" not in line


def _one_cell() -> Cell:
    workspace = load_workspace(Path(__file__).parents[2])
    model = identify(ENDPOINT, None)
    tools, personas = workspace.tools[:1], workspace.personas[:1]
    return Target(workspace.prompts, ENDPOINT, model, tools, personas).lay_out(1)[0]


CELL = _one_cell()


def test_any_number_of_lines_is_appended_in_parts_and_read_as_one_journal(tmp_path: Path) -> None:
    numbers = range(4000)
    lines = [
        journal.journal_line("message", {"message": str(n), "content": "x" * 900}) for n in numbers
    ]
    writer = JournalWriter(tmp_path, "run")
    writer.append_all(iter(lines))
    writer.close()
    read = [*read_lines(writer.file)]
    assert [line.fields and line.fields["message"] for line in read] == [str(n) for n in numbers]
    assert not any(line.fault for line in read)
