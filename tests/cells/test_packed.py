"""A journal whose run has ended takes a tenth of the room, and reads as before."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from panel.cells.journal import (
    FILE,
    JournalWriter,
    find_journals,
    journal_line,
    read_lines,
)
from panel.cells.packed import open_journal, pack, packed, size_of
from panel.cells.verify import verify
from panel.errors import JournalError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make a journal of some megabytes."""
    writer, pick = JournalWriter(tmp_path / "runs", "run"), random.Random(3)
    words = ("ship", "skip", "price", "licence", "format", "limit", "é", "\N{PILE OF POO}")
    for number in range(40):
        lines = [
            journal_line("note", {"number": number, "text": " ".join(pick.choices(words, k=2000))})
            for _line in range(10)
        ]
        writer.append(b"".join(lines))
    writer.close()
    return writer.file


def test_a_compressed_journal_reads_as_before_under_its_plain_name(file: Path) -> None:
    lines, [found] = list(read_lines(file)), find_journals(file.parents[1])
    was = verify(file, file.parents[2])
    assert pack(file)
    assert [path.name for path in file.parent.iterdir()] == [FILE + ".zst"]
    assert packed(file).stat().st_size < found.size / 3
    assert find_journals(file.parents[1]) == [found]
    assert [*read_lines(file)] == lines
    assert [*read_lines(file, lines[250].end)] == lines[251:]
    assert [*read_lines(file, found.size)] == []
    now = verify(file, file.parents[2])
    assert (now.faults, now.seals, now.torn) == ([], was.seals, 0)
    assert now.record() == was.record()


def test_any_part_of_a_compressed_journal_can_be_read(file: Path) -> None:
    plain, pick = file.read_bytes(), random.Random(5)
    pack(file)
    with open_journal(file) as handle:
        for _turn in range(40):
            start, many = pick.randrange(len(plain) + 1), pick.randrange(70_000)
            assert handle.seek(start) == start
            assert handle.read(many) == plain[start : start + many]
        assert handle.seek(-10, os.SEEK_END) == len(plain) - 10
        assert handle.read() == plain[-10:]


def test_a_torn_last_line_stays_as_it_is(file: Path) -> None:
    file.write_bytes(plain := file.read_bytes()[:-10])
    pack(file)
    assert verify(file, file.parents[2]).torn == len(plain.splitlines()[-1])


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd here")
def test_the_usual_program_reads_a_compressed_journal(file: Path) -> None:
    plain = file.read_bytes()
    pack(file)
    words = ["zstd", "-dc", str(packed(file))]
    assert subprocess.run(words, check=True, capture_output=True).stdout == plain


@pytest.mark.slow
def test_damage_leaves_the_lines_of_other_parts_and_is_told(file: Path) -> None:
    """Wherever a byte is changed; where the size of the journal stands, nothing is lost."""
    many, pick = len([*read_lines(file)]), random.Random(7)
    size = size_of(file)
    pack(file)
    whole = packed(file).read_bytes()
    for place in (9, 17, *(pick.randrange(20, len(whole)) for _turn in range(30))):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << pick.randrange(8)
        packed(file).write_bytes(damaged)
        found = verify(file, file.parents[2])
        read = [line for line in read_lines(file) if line.fields is not None]
        assert (len(read) == many) == (not found.faults)
        assert len(read) > many / 2
        if place < 20:
            assert (len(read), size_of(file)) == (many, size)


def test_a_compressed_journal_that_was_cut_says_what_is_missing(file: Path) -> None:
    pack(file)
    whole = packed(file).read_bytes()
    packed(file).write_bytes(whole[: len(whole) // 2])
    assert (
        "the compressed file is damaged, or was cut" in verify(file, file.parents[2]).faults[-1][1]
    )


def test_who_reads_a_journal_while_it_is_compressed_reads_on(file: Path) -> None:
    lines = read_lines(file)
    first = next(lines)
    pack(file)
    assert [first, *lines] == [*read_lines(file)]


def test_of_both_files_as_a_kill_leaves_them_the_plain_one_is_read_and_then_removed(
    file: Path,
) -> None:
    plain = file.read_bytes()
    pack(file)
    file.write_bytes(plain)
    assert size_of(file) == len(plain)
    assert len([*read_lines(file)]) == 400
    assert pack(file)
    assert [path.name for path in file.parent.iterdir()] == [packed(file).name]


@pytest.mark.parametrize("own", ["plain", "compressed"])
@pytest.mark.parametrize("longer", [True, False])
def test_a_journal_that_a_branch_brings_beside_ones_own_is_not_written_over_it(
    file: Path, own: str, longer: bool
) -> None:
    """What was paid for stands in one of the two; where their sizes differ, neither is read."""
    one, two = file.read_bytes(), file.read_bytes()[::-1] + b"more\n" * longer
    file.write_bytes(one if own == "compressed" else two)
    pack(file)
    before = packed(file).read_bytes()
    file.write_bytes(two if own == "compressed" else one)
    assert not pack(file)
    assert packed(file).read_bytes() == before and file.exists()
    if longer:
        with pytest.raises(JournalError, match=r"is there twice.*git log"):
            find_journals(file.parents[1])


def test_a_journal_that_grew_meanwhile_is_left_as_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes one whose run has ended; one who does all the same loses nothing."""

    def copied(source: Path, target: Path) -> None:
        with source.open("ab") as handle:
            handle.write(b"more\n")
        shutil.copymode(source, target)

    monkeypatch.setattr(shutil, "copystat", copied)
    assert not pack(file)
    assert [path.name for path in file.parent.iterdir()] == [FILE]
    assert file.read_bytes().endswith(b"more\n")


@pytest.mark.parametrize("frames", [1, 8])
def test_a_compressed_journal_stands_for_256_times_its_size_and_no_more(
    file: Path, frames: int
) -> None:
    """A few kilobytes of 128 MiB each would keep a command for minutes."""
    file.unlink()
    block = b"\x02\x00\x10" + b"\n"  # one byte, 128 KiB times (RFC 8878, 3.1.1.2)
    frame = b"\x28\xb5\x2f\xfd\x00\x38" + block * 1024 + b"\x03\x00\x10\n"
    packed(file).write_bytes(frame * frames)
    with open_journal(file) as lines:
        assert len(lines.read()) <= (2 << 20) + 256 * len(frame) * frames


@pytest.mark.slow
def test_a_frame_that_would_hold_more_than_any_of_a_journal_is_damaged(file: Path) -> None:
    """16 KiB of 1 GiB: without a bound a small file takes all the memory there is."""
    whole = file.read_bytes()
    pack(file)
    block = b"\x02\x00\x10" + b"\n"  # one byte, 128 KiB times (RFC 8878, 3.1.1.2)
    bomb = b"\x28\xb5\x2f\xfd\x00\x38" + block * 8192 + b"\x03\x00\x10\n"
    packed(file).write_bytes(packed(file).read_bytes() + bomb)
    with open_journal(file) as lines:
        assert lines.read(len(whole)) == whole and lines.read(1) == b""
