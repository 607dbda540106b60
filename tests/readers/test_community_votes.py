"""Readers' votes: the fold, the file, imports, hostile input."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import tempfile
import threading
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import JournalError, UsageError, WorkspaceError
from panel.readers.community import Votes
from panel.readers.community.ballots import read_ballots
from panel.readers.community.ledger import Ledger
from panel.readers.community.secret import Secret, load_secret
from panel.stats import wilson
from tests.support.space import Panel, Space

AT = "2026-11-24T12:00:00"
SECRET = Secret(b"k" * 64)
TOOLS = {slug: slug for slug in ("anvil", "bellows", "crucible")}
FIRST, SECOND = "1" * 32, "2" * 32


def ballot(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def file_of(root: Path) -> Path:
    return root / "community" / "votes.jsonl"


def test_the_last_vote_of_a_visitor_counts(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    assert votes.record(FIRST, "anvil", "ship", AT)
    assert votes.record(SECOND, "anvil", "ship", AT)
    assert votes.record(FIRST, "anvil", "skip", AT)
    assert votes.counts() == {"anvil": (1, 1)}
    assert Votes(tmp_path).counts() == {"anvil": (1, 1)}


def test_the_same_vote_again_writes_nothing(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    votes.record(FIRST, "anvil", "ship", AT)
    before = file_of(tmp_path).read_bytes()
    assert not votes.record(FIRST, "anvil", "ship", AT)
    assert file_of(tmp_path).read_bytes() == before


def test_a_tool_without_votes_has_no_percentage(tmp_path: Path) -> None:
    tally = Votes(tmp_path).tally("anvil")
    assert (tally.n, tally.ship_percent, tally.interval) == (0, None, None)


def test_the_interval_is_the_scorecards_own(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    for number in range(7):
        votes.record(f"{number:032x}", "anvil", "ship" if number < 5 else "skip", AT)
    tally = votes.tally("anvil")
    assert tally.interval == wilson(5, 7) and tally.ship_percent == pytest.approx(500 / 7)


@pytest.mark.parametrize(
    ("visitor", "tool", "vote"),
    [
        (FIRST, "anvil", "SHIP"),
        (FIRST, "anvil", "ship\n{}"),
        (FIRST, "anvil", ""),
        (FIRST, "", "ship"),
        (FIRST, "../secret", "ship"),
        (FIRST, "an\nvil", "ship"),
        (FIRST, "=cmd()", "ship"),
        (FIRST, "<b>", "ship"),
        ("10.0.0.1", "anvil", "ship"),
        (FIRST.upper() + "A", "anvil", "ship"),
    ],
)
def test_what_is_no_vote_is_refused_and_not_written(
    tmp_path: Path, visitor: str, tool: str, vote: str
) -> None:
    with pytest.raises(UsageError):
        Votes(tmp_path).record(visitor, tool, vote, AT)
    assert not file_of(tmp_path).exists()


def test_files_and_folder_are_private_and_left_out_of_git(tmp_path: Path) -> None:
    Votes(tmp_path).record(FIRST, "anvil", "ship", AT)
    load_secret(tmp_path / "community", {})
    folder = tmp_path / "community"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    for name in ("votes.jsonl", "secret"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_torn_last_line_is_left_out_and_cut_off_by_the_next_writer(tmp_path: Path) -> None:
    Votes(tmp_path).record(FIRST, "anvil", "ship", AT)
    whole = file_of(tmp_path).read_bytes()
    for length in range(1, len(whole)):
        file_of(tmp_path).write_bytes(whole + whole[:length])
        votes = Votes(tmp_path)
        assert votes.counts() == {"anvil": (1, 0)}
        votes.record(SECOND, "anvil", "skip", AT)
        assert Votes(tmp_path).counts() == {"anvil": (1, 1)}
        assert Votes(tmp_path).damaged == 0


def test_damaged_lines_are_counted_and_count_for_nothing(tmp_path: Path) -> None:
    Votes(tmp_path).record(FIRST, "anvil", "ship", AT)
    with file_of(tmp_path).open("ab") as handle:
        handle.write(b'nonsense\n[]\n{"kind":"import","digest":"x","counted":{"anvil":3}}\n')
        for count in (b"[-5,1]", b"[1,0.5]", b'["1",1]', b"[true,1]"):
            handle.write(b'{"kind":"import","digest":"y","counted":{"anvil":%s}}\n' % count)
    votes = Votes(tmp_path)
    votes.record(SECOND, "anvil", "ship", AT)
    assert votes.counts() == {"anvil": (2, 0)} and votes.damaged == 7


def test_a_full_disk_is_an_error_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    votes = Votes(tmp_path)
    votes.record(FIRST, "anvil", "ship", AT)
    before = file_of(tmp_path).read_bytes()
    write = os.write
    monkeypatch.setattr(
        os, "write", lambda d, b: write(d, bytes(b)[:9]) if len(b) > 50 else _full()
    )
    with pytest.raises(JournalError, match="No space left"):
        votes.record(SECOND, "anvil", "ship", AT)
    assert file_of(tmp_path).read_bytes() == before
    assert votes.counts() == {"anvil": (1, 0)}


def _full() -> int:
    raise OSError(28, "No space left on device")


def _vote_often(root: Path, together: Barrier, own: int) -> None:
    votes = Votes(root)
    together.wait(60)
    for number in range(40):
        votes.record(f"{number:032x}", "anvil", "ship", AT)
        votes.record(f"{own + number:032x}", "bellows", "skip", AT)


@pytest.mark.slow
def test_two_writers_lose_no_vote_and_write_none_twice(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    writers = [
        spawn.Process(target=_vote_often, args=(tmp_path, together, own)) for own in (1000, 2000)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert votes.counts() == {"anvil": (40, 0), "bellows": (0, 80)}
    assert len(file_of(tmp_path).read_text().splitlines()) == 120


def test_a_writer_waits_for_the_other_and_then_knows_what_it_wrote(tmp_path: Path) -> None:
    first = Ledger(file_of(tmp_path), lambda _line: None, lambda: None)
    second, changed = Votes(tmp_path), list[bool]()
    waiting = threading.Thread(
        target=lambda: changed.append(second.record(FIRST, "anvil", "ship", AT))
    )
    with first.writing():
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        vote = {"kind": "vote", "visitor": FIRST, "tool": "anvil", "vote": "ship", "at": AT}
        first.append(vote)
    waiting.join(20)
    assert changed == [False] and second.counts() == {"anvil": (1, 0)}


VOTE = st.tuples(
    st.sampled_from(["1" * 32, "2" * 32, "3" * 32]),
    st.sampled_from(sorted(TOOLS)),
    st.sampled_from(["ship", "skip"]),
)


@given(st.lists(st.tuples(VOTE, st.integers(1, 2))))
def test_the_fold_is_the_last_vote_of_each_visitor_whatever_repeats(
    sent: list[tuple[tuple[str, str, str], int]],
) -> None:
    last: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = file_of(Path(folder))
        file.parent.mkdir()
        lines = []
        for (visitor, tool, vote), times in sent:
            last[visitor, tool] = vote
            line = {"kind": "vote", "visitor": visitor, "tool": tool, "vote": vote, "at": AT}
            lines += [json.dumps(line)] * times
        file.write_text("".join(line + "\n" for line in lines))
        expected = {
            tool: (
                sum(vote == "ship" for (_, of), vote in last.items() if of == tool),
                sum(vote == "skip" for (_, of), vote in last.items() if of == tool),
            )
            for tool in sorted({tool for _, tool in last})
        }
        assert Votes(Path(folder)).counts() == expected


@given(st.lists(VOTE, max_size=12))
def test_a_store_that_was_there_and_one_read_anew_agree(
    sent: list[tuple[str, str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        votes, watcher = Votes(Path(folder)), Votes(Path(folder))
        for visitor, tool, vote in sent:
            votes.record(visitor, tool, vote, AT)
            assert watcher.counts() == votes.counts()
        assert Votes(Path(folder)).counts() == votes.counts()


COUNTS = st.dictionaries(
    st.sampled_from(sorted(TOOLS)), st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1
)


@given(COUNTS, st.permutations(["tool", "ships", "skips"]), st.booleans())
def test_counts_come_in_as_written_in_any_order_of_columns(
    counts: dict[str, tuple[int, int]], columns: list[str], quoted: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [columns]
        for tool, (ships, skips) in counts.items():
            fields = {"tool": tool, "ships": str(ships), "skips": str(skips)}
            rows.append([f'"{fields[name]}"' if quoted else fields[name] for name in columns])
        file = ballot(Path(folder) / "votes.csv", "".join(",".join(row) + "\r\n" for row in rows))
        votes = Votes(Path(folder))
        for _twice in range(2):
            votes.import_csv(file, TOOLS, SECRET, AT)
        voted = {tool: pair for tool, pair in sorted(counts.items()) if sum(pair)}
        assert votes.counts() == voted == Votes(Path(folder)).counts()


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_votes(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "votes.csv"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(WorkspaceError):
            read_ballots(file, {*TOOLS})


def test_voters_of_a_file_are_hashed_and_their_last_vote_counts(tmp_path: Path) -> None:
    text = (
        "tool,vote,voter\nanvil,ship,ann@example.org\nanvil,skip,bob\nanvil,skip,ann@example.org\n"
    )
    votes = Votes(tmp_path)
    assert votes.import_csv(ballot(tmp_path / "v.csv", text), TOOLS, SECRET, AT) is not None
    assert votes.counts() == {"anvil": (0, 2)}
    assert b"ann" not in file_of(tmp_path).read_bytes()


def test_the_same_content_is_imported_once_under_any_name(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    text = "tool,ships,skips\nanvil,3,1\n"
    assert votes.import_csv(ballot(tmp_path / "a.csv", text), TOOLS, SECRET, AT)
    assert votes.import_csv(ballot(tmp_path / "b.csv", text), TOOLS, SECRET, AT) is None
    assert Votes(tmp_path).import_csv(tmp_path / "b.csv", TOOLS, SECRET, AT) is None
    assert votes.counts() == {"anvil": (3, 1)}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "is empty"),
        ("tool,ships\nanvil,1\n", 1, "has the columns 'tool, ships'"),
        ("tool,ships,skips\n", 1, "holds no votes"),
        ("tool,ships,skips\nanvil,1,1\n\nanvil,2,2\n", 4, "'anvil' is listed twice"),
        ("tool,ships,skips\nanvil,-1,1\n", 2, "ships: '-1' is not a count"),
        ("tool,ships,skips\nanvil,1,٣\n", 2, "skips: '٣' is not a count"),
        ("tool,ships,skips\nanvil,1,9999999999\n", 2, "is not a count"),
        ("tool,ships,skips\nanvil,1\n", 2, "2 cells where the header has 3"),
        ("tool,ships,skips\nanvik,1,1\n", 2, "Did you mean 'anvil'?"),
        ("tool,ships,skips\n\"=cmd|'/c calc'!A0\",1,1\n", 2, "is not the slug of a tool"),
        ("tool,ships,skips\n../../etc/passwd,1,1\n", 2, "is not the slug of a tool"),
        ('tool,ships,skips\nanvil,"1,1\n', 2, "is not valid CSV"),
        ("tool,vote,voter\nanvil,yes,a\n", 2, "vote: 'yes' is not a vote"),
        ("tool,vote,voter\nanvil,ship,\n", 2, "voter: has 0 characters"),
    ],
)
def test_mistakes_of_a_file_are_named_with_their_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    file = ballot(tmp_path / "votes.csv", text)
    with pytest.raises(WorkspaceError) as error:
        Votes(tmp_path).import_csv(file, TOOLS, SECRET, AT)
    assert str(error.value).startswith(f"{file}:{line}: ") and message in str(error.value)
    assert not file_of(tmp_path).exists()


def test_every_mistake_of_a_file_is_found_in_one_go(tmp_path: Path) -> None:
    file = ballot(tmp_path / "votes.csv", "tool,ships,skips\nx,1,1\nanvil,a,1\nbellows,1,b\n")
    with pytest.raises(WorkspaceError) as error:
        read_ballots(file, {*TOOLS})
    assert [problem.line for problem in error.value.problems] == [2, 3, 4]


def test_votes_are_imported_and_shown_from_the_command_line(space: Space, panel: Panel) -> None:
    ballot(space.root / "votes.csv", "tool,ships,skips\nanvil,3,1\nbellows,0,0\n")
    first = panel("votes", "import", "votes.csv", "--json", cwd=space.root)
    again = panel("votes", "import", "votes.csv", cwd=space.root)
    assert json.loads(first.out) == {"imported": True, "rows": 2}
    assert again.code == 0 and "was imported before" in again.out
    shown = json.loads(panel("votes", "show", "--json", cwd=space.root).out)
    [anvil] = shown["votes"]
    assert (anvil["tool"], anvil["ships"], anvil["n"], anvil["ship_percent"]) == ("anvil", 3, 4, 75)
    assert "3 of 4 ship, 95 % interval 30–95 %" in panel("votes", "show", cwd=space.root).out


def test_a_bad_file_of_votes_ends_with_exit_code_2_and_harmless_words(
    space: Space, panel: Panel
) -> None:
    ballot(space.root / "votes.csv", "tool,ships,skips\n\x1b[31manvil,3,1\n")
    result = panel("votes", "import", "votes.csv", cwd=space.root)
    assert result.code == 2 and "votes.csv:2: tool:" in result.err and "\x1b" not in result.err
    assert panel("votes", "show", "anvil", cwd=space.root).code == 2


def test_votes_without_a_command_says_which_there_are(space: Space, panel: Panel) -> None:
    result = panel("votes", "--help", cwd=space.root)
    assert result.code == 0 and "import" in result.out and "show" in result.out
