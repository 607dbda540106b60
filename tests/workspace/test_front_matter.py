"""Fields of front matter are changed in place; all other lines stay as they are."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.errors import PanelError
from panel.workspace.documents import read_front_matter
from panel.workspace.front_matter import edit_body, edit_front_matter
from panel.workspace.scaffold import shipped
from tests.support.sizes import size

TEXT = """---
# of the spring issue
name:   Anvil  # as on the box
tagline: 'It''s a formatter'
pricing:  # see their page
  # cheapest first
  entry: Free   # asked by mail
  plans:
    - name: Pro
      price: $9   # since May

    # to be checked
    - {name: Team, price: $19}
links: {docs: "https://a.example/docs",   # moved
  source: https://a.example/src}
tags:
- editor  # ours
# a new one
- offline

released: 2026-03-02
notes: |-  # of Ada
  One.

  Two.

# the end
---
The body: stays.
"""
PLANS = [{"name": "Pro", "price": "$9"}, {"name": "Team", "price": "$19"}]
FIELDS = {
    "name": "Anvil",
    "tagline": "It's a formatter",
    "pricing": {"entry": "Free", "plans": PLANS},
    "links": {"docs": "https://a.example/docs", "source": "https://a.example/src"},
    "tags": ["editor", "offline"],
    "released": "2026-03-02",
    "notes": "One.\n\nTwo.",
}


def read(text: str, folder: Path) -> dict[str, Any]:
    file = folder / "read.md"
    file.write_bytes(text.encode())
    return read_front_matter(file).fields


def lines_of(change: str) -> list[str]:
    """Return the lines that a change took out (-) and put in (+)."""
    diff = difflib.unified_diff(TEXT.splitlines(), change.splitlines(), n=0, lineterm="")
    return [line for line in list(diff)[2:] if not line.startswith("@@")]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (
            "name",
            "Anvil 2",
            ["-name:   Anvil  # as on the box", "+name:   Anvil 2  # as on the box"],
        ),
        ("tagline", "yes", ["-tagline: 'It''s a formatter'", '+tagline: "yes"']),
        ("tagline", None, ["-tagline: 'It''s a formatter'"]),
        (
            "pricing.entry",
            "19,90 € # or so",
            ["-  entry: Free   # asked by mail", '+  entry: "19,90 € # or so"   # asked by mail'],
        ),
        ("pricing.verified", date(2026, 11, 24), ["+  verified: 2026-11-24"]),
        ("pricing.verified", "2026-11-24", ['+  verified: "2026-11-24"']),
        ("pricing.plans", PLANS[1:], ["-    - name: Pro", "-      price: $9   # since May"]),
        (
            "pricing.plans",
            [PLANS[0], {"name": "Max", "price": "1.0"}],
            [
                "-    # to be checked",
                "-    - {name: Team, price: $19}",
                "+    - name: Max",
                '+      price: "1.0"',
            ],
        ),
        ("tags", ["editor", "offline", "a: b"], ['+- "a: b"']),
        ("tags", ["editor"], ["-# a new one", "-- offline"]),
        ("tags", [], ["-tags:", "-- editor  # ours", "-# a new one", "-- offline", "+tags: []"]),
        ("url", "https://a.example/#top", ["+url: https://a.example/#top"]),
        (
            "facts",
            {"Licence": "MIT", "Runs on": "no"},
            ["+facts:", "+  Licence: MIT", '+  Runs on: "no"'],
        ),
        (
            "notes",
            "Three.",
            ["-notes: |-  # of Ada", "-  One.", "-  Two.", "+notes: Three.  # of Ada"],
        ),
        ("tagline", "a\nb\n", ["-tagline: 'It''s a formatter'", "+tagline: |", "+  a", "+  b"]),
        ("released", date(2026, 3, 2), []),
        ("tags", ("editor", "offline"), []),
        ("pricing.plans.x", None, None),
    ],
)
def test_a_change_touches_the_lines_of_its_field_and_no_other(
    tmp_path: Path, path: str, value: Any, lines: list[str] | None
) -> None:
    """A comment at the end of a line and the spaces before a value stay."""
    if lines is None:
        with pytest.raises(PanelError, match="'plans' is not a table of fields"):
            edit_front_matter(TEXT, {tuple(path.split(".")): value})
        return
    changed = edit_front_matter(TEXT, {tuple(path.split(".")): value})
    told = lines_of(changed)
    assert [line for line in told if line != "-"] == lines, "but for empty ones"
    assert changed.endswith("# the end\n---\nThe body: stays.\n")


def test_what_stands_in_brackets_is_written_anew_in_brackets(tmp_path: Path) -> None:
    changed = edit_front_matter(TEXT, {("links", "docs"): None, ("links", "A, b"): "https://b"})
    assert 'links: {source: https://a.example/src, "A, b": "https://b"}\n' in changed
    text = "---\npricing: {entry: Free, verified: 2026-11-16}  # ours\ntags: [a, 'b']\n---\n"
    assert (
        edit_front_matter(text, {("pricing", "entry"): "$1", ("tags",): ["b", "c, d"]})
        == "---\npricing: {entry: $1, verified: 2026-11-16}  # ours\ntags: ['b', \"c, d\"]\n---\n"
    )


def test_a_group_without_fields_goes_with_its_last_one() -> None:
    text = "---\nname: A\nlinks:\n  a: b\n---\n"
    assert edit_front_matter(text, {("links", "a"): None}) == "---\nname: A\n---\n"
    assert edit_front_matter("---\nlinks: {a: b}\n---\n", {("links", "a"): None}) == "---\n---\n"


def test_fields_come_into_front_matter_that_has_none() -> None:
    text = "---\n# tagline: one line on what it is\n---\n"
    made = edit_front_matter(text, {("name",): "A", ("pricing", "entry"): "Free"})
    assert made == text[:-4] + "name: A\npricing:\n  entry: Free\n---\n"


@pytest.mark.parametrize(
    "text",
    [
        "---\na: &x [b]\nc: *x\n---\n",
        "---\n? a\n: b\n---\n",
        "---\na: &x b\nc: {d: *x}\n---\n",
    ],
)
def test_what_is_written_in_another_way_is_left_to_people(text: str) -> None:
    with pytest.raises(PanelError, match="Write it yourself: a: c"):
        edit_front_matter(text, {("a",): "c"}, Path("a.md"))
    assert edit_front_matter(text, {}) == text


def test_text_without_front_matter_is_one_error() -> None:
    for text in ("", "name: A\n", "---\nname: A\n", "---\n- a\n---\n", "---\na: [\n---\n"):
        with pytest.raises(PanelError, match=r"a\.md") as refusal:
            edit_front_matter(text, {("a",): "b"}, Path("a.md"))
        assert "\n" not in str(refusal.value)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(PanelError, match=r"name: holds a lone surrogate \(U\+D800\)"):
        edit_front_matter(TEXT, {("name",): "a\ud800"})


def test_the_body_alone_is_changed(tmp_path: Path) -> None:
    assert edit_body(TEXT, "New.\n\n") == TEXT.replace("The body: stays.", "New.")
    text = "\ufeff---\r\na: b\r\n---\r\n\r\nOld.\r\n"
    assert edit_body(text, "New\nlines.") == text.replace("Old.", "New\r\nlines.")
    assert edit_body("---\na: b\n---", "x") == "---\na: b\n---\nx\n"


# --- any text -----------------------------------------------------------------------------------

WORDS = """yes no y off true ~ null 1.0 1e3 0o7 0x1f 12:30 2026-01-31 << = .inf -1 +1 1_0 - -x ?
?x : :x #x &a *a !t |x >x %x @x `x 'x "x a:b a#b , [x {x --- ... 2026-01-31T10:00:00Z"""
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=30),
    st.sampled_from(WORDS.split()),
    st.text(st.sampled_from("ab:#-\n \t'\"\\\r\x85\u2028|>é👩‍💻"), max_size=20),
)
KEYS = st.one_of(
    st.sampled_from(["name", "verified", "docs", "Lic: x", "é", "2"]), TEXTS.filter(bool)
)
LEAVES = st.one_of(TEXTS, st.integers(-(10**19), 10**19), st.dates(), st.booleans())
VALUES = st.one_of(
    LEAVES,
    st.lists(TEXTS, max_size=4),
    st.dictionaries(KEYS, TEXTS, max_size=3),
    st.lists(st.dictionaries(KEYS, TEXTS, min_size=1, max_size=2), max_size=3),
)
PATHS = st.one_of(
    st.sampled_from([(key,) for key in FIELDS]),
    st.sampled_from([("pricing", "entry"), ("pricing", "verified"), ("links", "docs")]),
    st.tuples(KEYS),
    st.tuples(st.sampled_from(["links", "facts"]), KEYS),
)


def as_read(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_read(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_read(each) for each in value]
    if isinstance(value, bool):
        return str(value).lower()
    return (
        str(value)
        if isinstance(value, date) or (isinstance(value, int) and abs(value) >= 10**18)
        else value
    )


@pytest.mark.slow
@settings(max_examples=size(150, 5000), deadline=None, derandomize=True)
@given(st.dictionaries(PATHS, VALUES, min_size=1, max_size=3), st.sampled_from(["\n", "\r\n"]))
def test_reading_gives_what_was_written_and_the_other_lines_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[tuple[str, ...], Any], ending: str
) -> None:
    """Whatever the text, the key and the line ends; PyYAML's own reader misreads no text either."""
    changes = {
        path: value
        for path, value in changes.items()
        if len(path) == 1 or (path[:1] not in changes and not isinstance(value, dict))
    }
    text = TEXT.replace("\n", ending)
    changed = edit_front_matter(text, changes)
    wanted: dict[str, Any] = {
        **FIELDS,
        "links": {**FIELDS["links"]},
        "pricing": {**FIELDS["pricing"]},
    }
    for path, value in changes.items():
        inner = wanted if len(path) == 1 else wanted.setdefault(path[0], {})
        inner[path[-1]] = as_read(value)
    assert read(changed, tmp_path_factory.getbasetemp()) == wanted
    touched = {path[0] for path in changes}
    kept = [line for line in text.splitlines(keepends=True) if line.startswith(("name", "tagline"))]
    for line in kept:
        assert line.split(":")[0] in touched or line in changed.splitlines(keepends=True)
    assert changed.endswith(f"# the end{ending}---{ending}The body: stays.{ending}")
    back = edit_front_matter(changed, {(key,): FIELDS.get(key) for key in touched})
    assert read(back, tmp_path_factory.getbasetemp()) == FIELDS


@settings(max_examples=size(200, 5000), deadline=None, derandomize=True)
@given(st.one_of(TEXTS, st.lists(TEXTS), st.dictionaries(TEXTS, TEXTS, max_size=3)))
def test_no_reader_of_yaml_takes_the_text_for_something_else(value: Any) -> None:
    changed = edit_front_matter("---\n---\n", {("a",): value})
    assert yaml.safe_load(changed.split("---\n", 1)[1].rsplit("---\n", 1)[0])["a"] == value


@pytest.mark.parametrize("file", sorted((shipped() / "tools").glob("*.md")), ids=lambda f: f.stem)
def test_a_sample_comes_back_from_a_change_and_its_undoing(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    before = read_front_matter(file).fields
    changed = edit_front_matter(text, {("pricing", "entry"): "19,90 €", ("hold",): True})
    assert len(set(changed.splitlines()) ^ set(text.splitlines())) == 3
    entry = before["pricing"]["entry"]
    assert edit_front_matter(changed, {("pricing", "entry"): entry, ("hold",): None}) == text
