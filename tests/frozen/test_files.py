"""Files of verdicts/: what is written is what is read, and nothing else is taken for one."""

from __future__ import annotations

import difflib
import json
import os
import stat
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.cells.answers import Answer, Inputs
from panel.errors import UsageError, WorkspaceError
from panel.frozen.files import (
    FrozenTool,
    answers_of,
    encode_frozen,
    frozen_files,
    parse_frozen,
    read_frozen,
)
from panel.frozen.verdicts import FrozenAnswer, FrozenVerdict
from panel.frozen.writing import remove_file, write_changed
from panel.text import normal
from panel.workspace.tools import slugify

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
line = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
inputs = st.builds(
    Inputs,
    tool_digest=line,
    persona_digest=line,
    templates_digest=line,
    sampling_digest=line,
    guidance_digest=st.none() | line,
)
common = {
    "repeat": st.integers(1, 99),
    "fingerprint": line,
    "wording": line,
    "attempt_id": line,
    "endpoint": line,
    "model": line,
    "model_identity": line,
    "output_mode": line,
    "asked_at": st.datetimes().map(lambda when: when.isoformat(timespec="seconds") + "Z"),
    "returned_model": st.none() | text,
    "system_fingerprint": st.none() | text,
    "inputs": inputs,
    "digest": line,
}
answers = st.builds(
    FrozenAnswer,
    outcome=st.just("verdict"),
    verdict=st.sampled_from(["ship", "skip"]),
    confidence=st.integers(0, 100),
    beats=st.dictionaries(line, text, min_size=1, max_size=4),
    evidence=st.lists(text, max_size=3).map(tuple),
    **common,
) | st.builds(FrozenAnswer, outcome=st.just("abstain"), reason=text, **common)
verdicts = st.builds(
    FrozenVerdict,
    verdict=st.sampled_from(["ship", "skip", None]),
    confidence=st.none() | st.integers(0, 100),
    ships=st.integers(0, 9),
    n=st.integers(0, 9),
    contested=st.booleans(),
    state=st.sampled_from(["draft", "edited", "approved", "rejected"]),
    take=text,
    fingerprint=st.none() | line,
    answers=st.lists(answers, max_size=3).map(tuple),
    kept=st.none() | answers,
    digest=line,
)
slugs = st.text().map(slugify)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
tools = st.builds(FrozenTool, tool=slugs, personas=st.dictionaries(ids, verdicts, max_size=3))


class Named(type(Path())):  # type: ignore[misc]
    """A path with a stem of any text, since a drawn tool has any name."""

    stem = ""


@pytest.mark.slow
@given(tools)
def test_what_is_written_is_read_back_the_same_and_written_the_same(tool: FrozenTool) -> None:
    file = Named("x.json")
    file.stem = tool.tool
    written = encode_frozen(tool)
    assert parse_frozen(written, file) == tool
    assert encode_frozen(parse_frozen(written, file)) == written
    assert written.endswith("}\n") and not written.endswith("\n\n") and "\r" not in written


@pytest.mark.slow
@given(tools)
def test_a_file_goes_through_the_disk_byte_for_byte(tool: FrozenTool) -> None:
    written = encode_frozen(tool)
    assert written.encode().decode() == written
    assert json.loads(written)["tool"] == tool.tool


def an_answer(repeat: int = 1, verdict: str | None = "ship", **more: Any) -> FrozenAnswer:
    fields: dict[str, Any] = {
        "repeat": repeat,
        "fingerprint": f"b2:{repeat:032}",
        "attempt_id": f"attempt-{repeat}",
        "endpoint": "mock",
        "model": "mock-1",
        "model_identity": "mock/mock-1",
        "outcome": "verdict" if verdict else "abstain",
        "reason": None if verdict else "refusal",
        "verdict": verdict,
        "confidence": 70 if verdict else None,
        "output_mode": "json_schema",
        "asked_at": "2026-11-24T09:30:00Z",
        "wording": "b2:1",
        "inputs": Inputs("a", "b", "c", "d"),
        "beats": {"one": f"First {repeat}.", "two": "Second."} if verdict else {},
        "evidence": ("It reads.",) if verdict else (),
    }
    return FrozenAnswer.of(Answer(**fields | more))


def a_verdict(*rest_on: FrozenAnswer) -> FrozenVerdict:
    first = rest_on[0]
    ships = sum(answer.verdict == "ship" for answer in rest_on)
    return FrozenVerdict(
        verdict=first.verdict,
        confidence=first.confidence,
        ships=ships,
        n=len(rest_on),
        contested=False,
        state="draft",
        take=first.take,
        fingerprint=first.fingerprint,
        answers=rest_on,
    )


def a_tool(slug: str = "anvil", **personas: FrozenVerdict) -> FrozenTool:
    return FrozenTool(tool=slug, personas=personas or {"builder": a_verdict(an_answer())})


FILE = Path("verdicts/anvil.json")


def problem(source: str, file: Path = FILE) -> Any:
    """Return the one problem of a file."""
    with pytest.raises(WorkspaceError) as raised:
        parse_frozen(source, file)
    assert len(raised.value.problems) == 1, raised.value
    return raised.value.problems[0]


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(encode_frozen(a_tool())) | fields)


def with_answer(**fields: Any) -> str:
    made = json.loads(encode_frozen(a_tool()))
    made["personas"]["builder"]["answers"][0] |= fields
    return json.dumps(made)


def test_an_unknown_key_is_named_with_the_nearest_valid_one() -> None:
    found = problem(with_answer(verdicts="ship"))
    assert found.field == "personas.builder.answers.0.verdicts"
    assert "unknown key 'verdicts'" in found.message and "'verdict'" in found.remedy


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (with_answer(verdict="maybe"), "ship"),
        (with_answer(repeat=0), "must be at least 1"),
        (with_answer(confidence=101), "must be at most 100"),
        (with_answer(outcome="error", verdict=None, beats={}), "an error is no answer"),
        (with_answer(asked_at="yesterday"), "is no time"),
        (with_answer(fingerprint=""), "is empty"),
        (with_answer(verdict=None), "a verdict has a word and beats"),
        (with_answer(beats={}), "a verdict has a word and beats"),
        (with_answer(outcome="abstain", beats={}), "any other outcome has neither"),
        (with_answer(outcome="abstain", verdict=None), "any other outcome has neither"),
        (with_answer(asked_at="2026-99-99T99:99:99Z"), "month must be"),
        (with_answer(repeat=10**4 + 1), "must be at most 10000"),  # each repeat is laid out
        (changed(format="3"), "3"),
        (changed(format=True), "3"),
        (changed(personas=[]), "must be a table of fields"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_place(source: str, says: str) -> None:
    found = problem(source)
    assert says in f"{found.message}. {found.remedy}"
    assert str(found).startswith("verdicts/anvil.json") and found.remedy


@pytest.mark.parametrize(
    ("written", "made", "remedy"),
    [(4, "a newer version", "Update panel."), (2, "an earlier version", "'panel freeze'")],
)
def test_a_file_of_another_format_says_so_and_names_no_field_of_it(
    written: int, made: str, remedy: str
) -> None:
    found = problem(changed(format=written, votes="a field of that version"))
    assert found.field == "format" and f"is of format {written}" in found.message
    assert f"It was made by {made}" in found.message and remedy in found.remedy


def test_what_is_wrong_in_a_file_as_it_is_written_is_told_with_its_line() -> None:
    lines = encode_frozen(a_tool()).splitlines()
    at = next(n for n, each in enumerate(lines, 1) if '"repeat": 1,' in each)
    lines[at - 1] = lines[at - 1].replace("1", "0")
    found = problem("\n".join(lines))
    assert (found.line, found.field) == (at, "personas.builder.answers.0.repeat")
    deep = problem('{"format": 3, "tool": "anvil", "personas": ' + "[" * 900 + "]" * 900 + "}")
    assert deep.line == 1 and deep.message == "nests too deeply"


@pytest.mark.parametrize("field", ["tool", "personas", "take", "verdict", "repeat"])
def test_a_key_that_is_there_twice_is_refused_with_its_line(field: str) -> None:
    """This program would take the last, and whoever reviews the change may read the first."""
    lines = encode_frozen(a_tool()).splitlines()
    at = next(n for n, each in enumerate(lines) if each.lstrip().startswith(f'"{field}": '))
    lines.insert(at, f'"{field}": "Forged.",')
    found = problem("\n".join(lines))
    assert (found.line, found.message) == (at + 2, "appears twice") and found.field.endswith(field)
    assert found.remedy


def test_a_missing_key_is_named() -> None:
    made = json.loads(encode_frozen(a_tool()))
    del made["personas"]["builder"]["take"]
    found = problem(json.dumps(made))
    assert (found.field, found.message) == ("personas.builder.take", "is missing")


def test_a_file_about_another_tool_than_its_name_says_is_refused() -> None:
    found = problem(encode_frozen(a_tool("bellows")))
    assert "'bellows'" in found.message and found.field == "tool"


MARKED = """{{
  "format": 1,
{ours}  "tool": "anvil",
{middle}  "tool": "anvil",
{theirs}  "personas": {{}}
}}
"""


@pytest.mark.parametrize(
    ("marks", "at"),
    [
        (("<<<<<<< HEAD\n", "=======\n", ">>>>>>> branch\n"), 3),
        (("<<<<<<< HEAD\r\n", "=======\r\n", ">>>>>>> branch\r\n"), 3),
        (("<<<<<<< ours\n", "||||||| base\n=======\n", ">>>>>>> theirs\n"), 3),
        (("", "=======\n", ">>>>>>> branch\n"), 4),  # the first mark taken out by hand
        (("", "", ">>>>>>> branch\n"), 5),
    ],
)
def test_the_marks_of_a_merge_are_named_with_their_line_and_what_to_do(
    marks: tuple[str, str, str], at: int, tmp_path: Path
) -> None:
    ours, middle, theirs = marks
    file = tmp_path / "anvil.json"
    file.write_bytes(MARKED.format(ours=ours, middle=middle, theirs=theirs).encode())
    with pytest.raises(WorkspaceError) as raised:
        read_frozen(tmp_path)
    [found] = raised.value.problems
    assert (found.file, found.line) == (file, at)
    assert found.message == "holds the marks of a merge"
    assert "--ours" in found.remedy and "'panel freeze'" in found.remedy


def test_two_files_whose_names_are_one_but_for_their_encoding_are_refused(tmp_path: Path) -> None:
    """The later one would take the place of the other, which nobody could read or write again."""
    for name in ("caf\u00e9", "cafe\u0301"):
        (tmp_path / f"{name}.json").write_text(encode_frozen(a_tool("café")))
    with pytest.raises(WorkspaceError, match="is a second file of the name 'café'"):
        read_frozen(tmp_path)


def test_a_take_that_quotes_merge_marks_is_no_merge() -> None:
    quoting = an_answer(beats={"one": "<<<<<<< HEAD\n=======\n>>>>>>> branch"})
    tool = a_tool(builder=a_verdict(quoting))
    assert parse_frozen(encode_frozen(tool), FILE) == tool


@pytest.mark.parametrize(
    ("source", "at"),
    [("", 1), ("{", 1), ('{\n"a": 1,\n}', 3), ("\0", 1), ('{"a": "\0"}', 1), ("nonsense", 1)],
)
def test_what_is_not_json_is_said_with_its_line(source: str, at: int) -> None:
    found = problem(source)
    assert (found.message, found.line) == ("is not valid JSON", at)


@pytest.mark.parametrize("source", ["[" * 100_000, '{"a": ' + "9" * 10_000 + "}"])
def test_json_meant_to_break_a_reader_is_refused_in_one_line(source: str) -> None:
    assert "valid JSON" in problem(source).message


@pytest.mark.parametrize("source", ["[]", "3", "null", '"text"'])
def test_json_that_is_no_object_is_refused(source: str) -> None:
    assert problem(source).message == "is not an object"


def test_half_a_surrogate_is_refused_and_not_a_crash() -> None:
    source = encode_frozen(a_tool()).replace("First 1.", "\\ud800")
    assert problem(source).message == "holds text that is no Unicode"


@pytest.mark.parametrize(
    "word", ["\u202e", "\u2028", "e\u0301", "\U0001f528", "\x7f", "\t", "\x1b["]
)
def test_odd_characters_come_back_as_they_were(word: str) -> None:
    tool = a_tool(builder=a_verdict(an_answer(beats={"one": word})))
    assert parse_frozen(encode_frozen(tool), FILE) == tool


def test_letters_of_any_script_stay_readable_in_the_file() -> None:
    tool = a_tool(builder=a_verdict(an_answer(beats={"one": "Überprüft: 鍛冶屋"})))
    assert "Überprüft: 鍛冶屋" in encode_frozen(tool)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "anvil.json").write_bytes(b'{"tool": "\xff"}')
    with pytest.raises(WorkspaceError, match=r"anvil\.json"):
        read_frozen(tmp_path)


def test_the_problems_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    for slug in ("anvil", "bellows", "crucible"):
        (tmp_path / f"{slug}.json").write_text("{")
    (tmp_path / "good.json").write_text(encode_frozen(a_tool("good")))
    with pytest.raises(WorkspaceError) as raised:
        read_frozen(tmp_path)
    assert [found.file.name for found in raised.value.problems] == [
        "anvil.json",
        "bellows.json",
        "crucible.json",
    ]


def test_no_folder_is_no_frozen_verdict(tmp_path: Path) -> None:
    assert read_frozen(tmp_path / "verdicts") == {} and frozen_files(tmp_path / "x") == []


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "verdicts"
    assert write_changed(folder, {"a.json": "1\n", "b.json": "2\n"}) == ["a.json", "b.json"]
    was = (folder / "a.json").stat()
    assert write_changed(folder, {"a.json": "1\n", "b.json": "3\n"}) == ["b.json"]
    now = (folder / "a.json").stat()
    assert (now.st_ino, now.st_mtime_ns) == (was.st_ino, was.st_mtime_ns)
    assert sorted(file.name for file in folder.iterdir()) == ["a.json", "b.json"]


def test_a_checkout_with_other_line_ends_is_not_rewritten(tmp_path: Path) -> None:
    text = encode_frozen(a_tool())
    (tmp_path / "anvil.json").write_bytes(text.replace("\n", "\r\n").encode())
    assert write_changed(tmp_path, {"anvil.json": text}) == []
    assert read_frozen(tmp_path) == {"anvil": a_tool()}
    assert write_changed(tmp_path, {"anvil.json": text.replace("First", "Last")}) == ["anvil.json"]


def test_a_reader_of_the_old_file_never_sees_half_of_the_new_one(tmp_path: Path) -> None:
    write_changed(tmp_path, {"a.json": "old\n"})
    with (tmp_path / "a.json").open() as reader:
        write_changed(tmp_path, {"a.json": "new and longer\n"})
        assert reader.read() == "old\n"
    assert (tmp_path / "a.json").read_text() == "new and longer\n"


def test_a_file_takes_the_place_of_one_whose_name_is_spelled_otherwise(tmp_path: Path) -> None:
    """A name typed on macOS may have its accents apart; two files of one name are refused."""
    apart = normal("NFD", "café.json")
    for text in ("old\n", "new\n"):
        (tmp_path / apart).write_text("old\n")
        assert write_changed(tmp_path, {"café.json": text}) == ["café.json"]
        assert [file.name for file in tmp_path.iterdir()] == ["café.json"]
        assert (tmp_path / "café.json").read_text() == text


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_is_removed_however_its_name_is_spelled(
    tmp_path: Path, form: Literal["NFC", "NFD"]
) -> None:
    for name in ("café.json", "cafe.json"):
        (tmp_path / normal(form, name)).touch()
    remove_file(tmp_path, "café")
    assert [file.name for file in tmp_path.iterdir()] == ["cafe.json"]


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    folder = tmp_path / "verdicts"
    folder.mkdir()
    (folder / "anvil.json").symlink_to(outside)
    write_changed(folder, {"anvil.json": "{}\n"})
    assert outside.read_text() == "precious"
    assert (folder / "anvil.json").read_text() == "{}\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_takes_no_file_is_a_usage_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            write_changed(tmp_path, {"a.json": "1\n"})
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_file_in_the_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "verdicts").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_changed(tmp_path / "verdicts", {"a.json": "1\n"})


def test_one_changed_answer_is_one_small_piece_of_a_diff() -> None:
    others = {name: a_verdict(*(an_answer(n) for n in (1, 2, 3))) for name in ("a", "b", "c")}
    before = encode_frozen(a_tool(**others, d=a_verdict(an_answer(1), an_answer(2))))
    after = encode_frozen(
        a_tool(**others, d=a_verdict(an_answer(1), an_answer(2, beats={"one": "Other."})))
    )
    found = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    assert sum(each.startswith("@@") for each in found) == 1
    assert len(found) <= 1 + 7 + 6  # the place, and from the beats to the digest both ways


def test_an_answer_is_as_many_lines_as_it_has_things_to_say() -> None:
    """No line says null for what most answers do not have."""
    written = encode_frozen(a_tool())
    assert "returned_model" not in written and '"kept"' not in written
    assert '"reason"' not in written
    assert max(len(each) for each in written.splitlines()) < 100


def test_answers_are_read_off_in_order_and_those_kept_with_them() -> None:
    old, new = an_answer(1), an_answer(1, "skip", fingerprint="b2:new")
    tool = a_tool(builder=a_verdict(new).model_copy(update={"kept": old}))
    assert list(answers_of([tool])) == [("anvil", "builder", new), ("anvil", "builder", old)]


@pytest.mark.parametrize(
    "name",
    ["../../x", "/x", "a/b", "..", ".a", "a\\b", "a\x1bb", "a\nb", "é" * 140, "x" * 250, "A b", ""],
)
def test_no_name_on_file_is_anything_but_a_slug_or_an_id(name: str) -> None:
    """A former name becomes the name of a page, and of a file that is removed."""
    for file in (
        {"format": 3, "tool": "anvil", "personas": {}, "formerly": [name]},
        {"format": 3, "tool": "anvil", "personas": {name: {}}},
    ):
        with pytest.raises(WorkspaceError, match=r"is no (slug|persona's id)|is empty"):
            parse_frozen(json.dumps(file), Path("anvil.json"))


def test_a_file_with_very_many_objects_is_refused_before_each_is_looked_at() -> None:
    many = json.dumps({"format": 3, "tool": "a", "personas": {str(n): {} for n in range(100_000)}})
    with pytest.raises(WorkspaceError, match="holds more than 100,000 objects"):
        parse_frozen(many, Path("a.json"))
