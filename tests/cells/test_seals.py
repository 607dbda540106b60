"""Seals of journal lines: whatever happens to a line is named, and what is good is not lost."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.cells.journal import FILE, JournalLine, JournalWriter, journal_line, read_lines
from panel.cells.seals import CHANGED, UNSEALED
from tests.support.journals import older, plain_lines, sealed_anew

NUMBERS = list(range(9))


def written(folder: Path, run_id: str = "r1", texts: list[str] | None = None) -> Path:
    """Write a journal of nine lines, numbered from 0."""
    writer = JournalWriter(folder, run_id)
    for number in NUMBERS:
        text = texts[number] if texts else f"take {number}"
        writer.append(journal_line("attempt", {"n": number, "text": text}))
    writer.close()
    return writer.file


def raw(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def read(file: Path, offset: int = 0) -> list[JournalLine]:
    return list(read_lines(file, offset))


def numbers(file: Path) -> list[int]:
    return [line.fields["n"] for line in read(file) if line.fields]


def faults(file: Path) -> dict[int, str]:
    """Return the faults by the number of the line in the file, from 1."""
    return {number: line.fault for number, line in enumerate(read(file), 1) if line.fault}


def test_a_journal_as_it_was_written_has_no_fault_and_no_seal_among_its_fields(
    tmp_path: Path,
) -> None:
    file = written(tmp_path)
    assert faults(file) == {} and numbers(file) == NUMBERS
    assert read(file)[0].fields == {"kind": "attempt", "format": 4, "n": 0, "text": "take 0"}
    assert len({line.seal for line in read(file)}) == 9


def test_reading_on_in_the_middle_of_a_long_line_reads_the_lines_behind_it(tmp_path: Path) -> None:
    """As happens to a journal that was replaced by another one."""
    file = written(tmp_path, texts=["x" * 200_000 for _number in NUMBERS])
    first, second = (len(line) for line in raw(file)[:2])
    found = read(file, first + second - 50_000)
    assert [line.fields and line.fields["n"] for line in found] == [None, *NUMBERS[2:]]


def test_each_line_says_its_number_and_the_seal_of_the_line_before(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in raw(written(tmp_path))]
    assert [line["line"] for line in lines] == list(range(1, 10))
    assert [line["after"] for line in lines[1:]] == [line["seal"] for line in lines[:-1]]


@pytest.mark.parametrize("chosen", [0, 4, 8], ids=["first", "middle", "last"])
def test_a_bit_flipped_anywhere_in_a_line_leaves_out_that_line_and_no_other(
    tmp_path: Path, chosen: int
) -> None:
    """Each bit of each byte: only a line feed that is hit takes its neighbour along."""
    file = written(tmp_path)
    lines, whole = raw(file), read(file)
    for place in range(len(lines[chosen]) - 1):
        for bit in range(8):
            spoilt = bytearray(lines[chosen])
            spoilt[place] ^= 1 << bit
            if spoilt[place] == ord("\n"):
                continue  # the next test
            file.write_bytes(b"".join([*lines[:chosen], spoilt, *lines[chosen + 1 :]]))
            found = read(file)
            assert found[chosen].fields is None and found[chosen].fault
            assert [each.fields for n, each in enumerate(found) if n != chosen] == [
                each.fields for n, each in enumerate(whole) if n != chosen
            ]
            assert {n for n, each in enumerate(found) if each.fault} == {chosen}


def test_a_line_feed_lost_or_put_in_is_named_and_the_other_lines_are_read(tmp_path: Path) -> None:
    file = written(tmp_path)
    lines = raw(file)
    file.write_bytes(b"".join(lines).replace(lines[3], lines[3][:-1] + b"\x0b"))
    assert numbers(file) == [0, 1, 2, 5, 6, 7, 8] and set(faults(file)) == {4, 5}
    file.write_bytes(b"".join(lines).replace(lines[3], lines[3][:20] + b"\n" + lines[3][21:]))
    assert numbers(file) == [0, 1, 2, 4, 5, 6, 7, 8] and set(faults(file)) == {4, 5}


Change = Callable[[list[bytes]], list[bytes]]
CHANGES: dict[str, tuple[Change, list[int], set[int]]] = {
    # name: (the change, numbers that are read, lines of the file that are named)
    "removed": (lambda lines: lines[:3] + lines[4:], [0, 1, 2, 4, 5, 6, 7, 8], {4}),
    "first removed": (lambda lines: lines[1:], NUMBERS[1:], {1}),
    "three removed": (lambda lines: lines[:3] + lines[6:], [0, 1, 2, 6, 7, 8], {4}),
    "swapped": (
        lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
        [0, 1, 2, 4, 3, 5, 6, 7, 8],
        {4, 5},
    ),
    "there twice": (lambda lines: [*lines[:6], lines[2], *lines[6:]], [*range(6), 2, 6, 7, 8], {7}),
    "moved ahead": (
        lambda lines: [*lines[:3], lines[8], *lines[3:8]],
        [0, 1, 2, 8, 3, 4, 5, 6, 7],
        {4, 5},
    ),
    "changed": (
        lambda lines: [*lines[:3], lines[3].replace(b"take", b"fake"), *lines[4:]],
        [0, 1, 2, 4, 5, 6, 7, 8],
        {4},
    ),
    "changed, and the next removed": (
        lambda lines: [*lines[:3], lines[3].replace(b"take", b"fake"), *lines[5:]],
        [0, 1, 2, 5, 6, 7, 8],
        {4, 5},
    ),
    "without its seal": (
        lambda lines: [*lines[:3], lines[3].split(b',"line"')[0] + b"}\n", *lines[4:]],
        [0, 1, 2, 4, 5, 6, 7, 8],
        {4},
    ),
    "put in, of an older format": (
        lambda lines: [*lines[:3], b'{"kind":"attempt","format":3,"n":99}\n', *lines[3:]],
        NUMBERS,
        {4},
    ),
    "put in at the top": (lambda lines: [b'{"kind":"attempt","n":99}\n', *lines], NUMBERS, {1}),
    "put in at the end": (lambda lines: [*lines, b'{"kind":"attempt","n":99}\n'], NUMBERS, {10}),
    "noise put in": (lambda lines: [*lines[:3], b"\0\0\r\xff\n", *lines[3:]], NUMBERS, {4}),
    "of a newer format, put in": (
        lambda lines: [*lines[:3], b'{"kind":"attempt","format":9,"n":99}\n', *lines[3:]],
        NUMBERS,
        {4},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_journal_is_named_by_its_lines_and_its_own_lines_are_read(
    tmp_path: Path, name: str
) -> None:
    change, kept, named = CHANGES[name]
    file = written(tmp_path)
    file.write_bytes(b"".join(change(raw(file))))
    assert numbers(file) == kept and set(faults(file)) == named


def test_how_many_lines_are_missing_is_told(tmp_path: Path) -> None:
    file = written(tmp_path)
    lines = raw(file)
    file.write_bytes(b"".join(lines[:3] + lines[6:]))
    assert faults(file) == {4: "is line 7: 3 lines are missing above it"}
    file.write_bytes(b"".join(lines[:3] + lines[4:]))
    assert faults(file) == {4: "is line 5: 1 line is missing above it"}


def test_a_line_of_another_journal_is_left_out(tmp_path: Path) -> None:
    file, other = written(tmp_path), written(tmp_path, "r2", [f"other {n}" for n in NUMBERS])
    lines = raw(file)
    file.write_bytes(b"".join([*lines[:3], raw(other)[3], *lines[4:]]))
    assert numbers(file) == [0, 1, 2, 4, 5, 6, 7, 8] and faults(file) == {4: CHANGED}


def test_a_line_whose_seal_was_made_anew_parts_the_chain(tmp_path: Path) -> None:
    """One who knows the method has to seal every later line anew, too."""
    file = written(tmp_path)
    lines, plain = raw(file), plain_lines(file)
    plain[3]["text"] = "never said"
    sealed_anew(file, plain)
    forged = raw(file)
    file.write_bytes(b"".join([*lines[:3], forged[3], *lines[4:]]))
    assert faults(file) == {5: "does not follow line 4 above it, which was exchanged"}
    assert raw(file)[3] != lines[3]


@given(st.lists(st.text(), min_size=9, max_size=9), st.data())
def test_reading_on_from_any_line_finds_the_same_faults(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
) -> None:
    """As an ingest does, which takes a journal up where it left it."""
    file = written(tmp_path_factory.mktemp("r"), texts=texts)
    lines = raw(file)
    spoilt = data.draw(st.sampled_from([None, b"\0\n", b'{"n":1}\n', b"x" * 200_000 + b"\n"]))
    place = data.draw(st.integers(0, 8))
    if spoilt:
        lines[place] = spoilt
    file.write_bytes(b"".join(lines))
    whole = read(file)
    assert [bool(line.fault) for line in whole] == [bool(spoilt) and n == place for n in NUMBERS]
    for number, line in enumerate(whole):
        assert read(file, line.end) == whole[number + 1 :]


def test_older_journals_are_read_without_seals_and_a_line_may_be_no_object(tmp_path: Path) -> None:
    file = written(tmp_path)
    older(file)
    assert numbers(file) == NUMBERS and faults(file) == {}
    assert {line.seal for line in read(file)} == {None}
    lines = raw(file)
    file.write_bytes(b"".join([*lines[:3], b"[1]\n", *lines[3:]]))
    assert numbers(file) == NUMBERS and list(faults(file)) == [4]


def test_a_line_of_this_format_without_a_seal_is_left_out_of_any_journal(tmp_path: Path) -> None:
    """A desk's journal may be one line, whose neighbours tell nothing."""
    file = tmp_path / "r1" / FILE
    file.parent.mkdir()
    file.write_bytes(journal_line("attempt", {"n": 1}))
    assert faults(file) == {1: UNSEALED} and numbers(file) == []


@pytest.mark.slow
def test_bits_flipped_at_random_are_all_found(tmp_path: Path) -> None:
    """Of 2,000 flips in a journal with long lines, each one is named."""
    chance = random.Random(4)
    texts = [chance.randbytes(chance.randrange(1, 3000)).hex() + "é\\\"'" for _ in NUMBERS]
    file = written(tmp_path, texts=texts)
    whole = file.read_bytes()
    fields = {json.dumps(line.fields) for line in read(file)}
    for _ in range(2000):
        place, bit = chance.randrange(len(whole) - 1), chance.randrange(8)
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << bit
        file.write_bytes(spoilt)
        found = read(file)
        assert any(line.fault for line in found), (place, bit)
        assert {json.dumps(line.fields) for line in found if line.fields} < fields


def test_after_a_write_that_failed_the_chain_goes_on_from_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, write = JournalWriter(tmp_path, "r1"), os.write
    writer.append(journal_line("attempt", {"n": 0}))

    def refused(_descriptor: int, _piece: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(Exception, match="No space left"):
        patch.setattr(os, "write", refused)
        writer.append(journal_line("attempt", {"n": 1}))
    assert os.write is write
    writer.append(journal_line("attempt", {"n": 2}))
    writer.close()
    assert numbers(writer.file) == [0, 2] and faults(writer.file) == {}
