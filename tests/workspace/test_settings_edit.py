"""Single values of panel.toml are changed; every other line stays as it stands."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import UsageError
from panel.workspace.scaffold import shipped
from panel.workspace.settings_edit import Edit, Replaced, put_in_place, with_values

OLLAMA = ("endpoints", "ollama")
TEXT = """# mine
[panel]   # the panel
endpoint = "embedded"   # for now
language = 'fr'

[endpoints.ollama]
concurrency = 2
"""


def test_a_new_value_stands_below_the_head_of_its_table() -> None:
    edit = with_values(TEXT, {OLLAMA: {"model": "m"}})
    assert edit.text == TEXT.replace("ollama]\n", 'ollama]\nmodel = "m"\n')
    assert (edit.added, edit.replaced) == (('model = "m"',), ())


def test_a_value_that_stands_there_is_replaced_and_told_of() -> None:
    edit = with_values(TEXT, {("panel",): {"endpoint": "ollama"}})
    assert edit.text == TEXT.replace('"embedded"', '"ollama"'), "with its comment"
    assert edit.replaced == (Replaced(3, "endpoint", '"embedded"', '"ollama"'),)


def test_tabs_are_blanks() -> None:
    edit = with_values("[endpoints.ollama]\n\tmodel\t=\t'a'\t# c\n", {OLLAMA: {"model": "b"}})
    assert edit.text == '[endpoints.ollama]\n\tmodel\t=\t"b"\t# c\n'


def test_a_table_that_is_not_there_comes_last() -> None:
    edit = with_values(TEXT.rstrip(), {("endpoints", "my lab"): {"model": "m", "base_url": "u"}})
    assert edit.text == TEXT + '\n[endpoints."my lab"]\nmodel = "m"\nbase_url = "u"\n'
    assert with_values("", {("panel",): {"endpoint": "a"}}).text == '[panel]\nendpoint = "a"\n'


def test_what_is_said_already_changes_nothing() -> None:
    edit = with_values(TEXT, {("panel",): {"language": "fr"}, OLLAMA: {}})
    assert (edit.text, edit.added, edit.replaced) == (TEXT, (), ())


def test_line_ends_stay_as_they_are() -> None:
    edit = with_values(TEXT.replace("\n", "\r\n"), {OLLAMA: {"model": "m"}, ("x",): {"y": "z"}})
    assert edit.text.count("\n") == edit.text.count("\r\n") == TEXT.count("\n") + 4


@pytest.mark.parametrize(
    "text",
    [
        'endpoints = { ollama = { model = "a" } }\n',
        'endpoints.ollama.model = """\na"""\n',
        "[panel]\nendpoint = 7\n[endpoints.ollama]\nmodel = 8\n",
        "endpoints = 7\n",
    ],
)
def test_what_is_written_in_another_way_is_left_to_people(text: str) -> None:
    with pytest.raises(UsageError, match=r"of panel|is written"):
        with_values(text, {OLLAMA: {"model": "m"}})


def test_only_a_line_feed_ends_a_line() -> None:
    text = TEXT.replace("# mine", "# a\x85b\u2028c")
    edit = with_values(text, {("panel",): {"endpoint": "ollama"}})
    assert edit.text == text.replace('"embedded"', '"ollama"')
    assert edit.replaced[0].line == 3


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_comes_back_as_it_was_given(value: str) -> None:
    text = (shipped() / "panel.toml").read_text(encoding="utf-8")
    values = {
        ("panel",): {"endpoint": value},
        OLLAMA: {"model": value},
        ("endpoints", "é"): {"a": value},
    }
    fields = tomllib.loads(with_values(text, values).text)
    assert fields["panel"]["endpoint"] == fields["endpoints"]["ollama"]["model"] == value
    assert fields["endpoints"]["é"] == {"a": value}
    again = with_values(with_values(text, values).text, {OLLAMA: {"model": "other"}})
    assert [each.now for each in again.replaced] == ['"other"'] * (value != "other")


def test_a_file_is_put_in_place_with_its_rights_and_through_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "panel.toml"
    file.write_text("a = 1")
    file.chmod(0o640)
    link.symlink_to(file)
    put_in_place(link, Edit("a = 1", "b = 2\r\n", (), ()))
    assert file.read_bytes() == b"b = 2\r\n" and link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["panel.toml", "real.toml"]


def test_a_link_where_the_new_file_is_written_first_is_not_followed(tmp_path: Path) -> None:
    """A repository may bring it: its target is somebody else's file."""
    file, mine = tmp_path / "panel.toml", tmp_path / "mine"
    file.write_text("a = 1")
    mine.write_text("mine")
    (tmp_path / ".panel.toml.new").symlink_to(mine)
    put_in_place(file, Edit("a = 1", "b = 2", (), ()))
    assert (mine.read_text(), file.read_text(), file.is_symlink()) == ("mine", "b = 2", False)


@pytest.mark.parametrize(
    "there", [b"a = 1\n", b"", b"\xef\xbb\xbfa = 1\n\n", b"a = 1\r\n", b"\xff"]
)
def test_a_file_that_has_changed_meanwhile_is_left_as_it_is(tmp_path: Path, there: bytes) -> None:
    file = tmp_path / "panel.toml"
    file.write_bytes(there)
    with pytest.raises(UsageError, match="has changed meanwhile"):
        put_in_place(file, Edit("a = 0\n", "b = 2\n", (), ()))
    assert file.read_bytes() == there and list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_read_only_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "panel.toml"
    file.write_text("a = 1\n")
    file.chmod(0o444)
    with pytest.raises(UsageError, match="is read-only"):
        put_in_place(file, Edit("a = 1\n", "b = 2\n", (), ()))
    assert file.read_text() == "a = 1\n" and list(tmp_path.iterdir()) == [file]


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    file = tmp_path / "panel.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\n")
    put_in_place(file, Edit("a = 1\n", "b = 2\n", (), ()))
    assert file.read_bytes() == b"\xef\xbb\xbfb = 2\n"
