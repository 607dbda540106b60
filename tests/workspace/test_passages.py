"""The sentences that a small model picks from, and how they are shared out over the beats."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.checks import Subject, check_take, find_quote
from panel.workspace.loading import load_workspace
from panel.workspace.passages import LONGEST, MOST, choices, passages, under_label
from panel.workspace.personas import Beat, Persona, load_personas
from panel.workspace.tools import PricePlan, Pricing, Tool
from tests.support.sizes import size
from tests.support.space import ROOT

PERSONAS = load_personas(ROOT / "personas")
BUILDER = PERSONAS[0]


def a_tool(description: str) -> Tool:
    return Tool(
        slug="quillfern",
        name="Quillfern",
        tagline="Turns tables into text",
        category="Data",
        description=description,
        pricing=Pricing(entry="Free", plans=(PricePlan(name="Pro", price="$5"),)),
    )


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("It reads PDF files. It writes CSV!", ["It reads PDF files.", "It writes CSV!"]),
        ("It has 3.5 million users.", ["It has 3.5 million users."]),
        ("It suits e.g. U.S. Army staff and Acme Inc. Berlin.", None),
        ("Dr. Ada Lang et al. Wrote it all.", None),
        ("See https://a.example/b?c=1.2 for the list of it.", None),
        ("It costs\n$5 a\nmonth.", ["It costs $5 a month."]),
        ("**Fast.** It `reads` _many_ files.", ["It reads many files."]),
        ("It keeps snake_case and 2 * 3 = 6.", None),
        ("It takes ~5 ms a page.", None),
        ("It doesn`t read `pdf`s or `csv` files.", ["It doesn`t read pdf`s or csv files."]),
        ("Read [the long manual](https://a.example/b).", ["Read the long manual."]),
        ("It is <b>very</b> small.<br>It runs at home.", ["It is very small.", "It runs at home."]),
        ("It reads R&amp;D files now.", ["It reads R&D files now."]),
        ("# What it is\nIt reads many files.", ["It reads many files."]),
        ("What it is now\n=====\nIt reads many files.", ["It reads many files."]),
        ("- reads PDF files\n- [x] writes CSV files\n2. runs at home", None),
        ("| Plan | Price |\n|---|---|\n| Team plan | $5 a month |", ["Team plan, $5 a month"]),
        ("| a | b | c |\n|:-|:-:|-:|\n| x | y | z |\n| 1 | 2 | 3 |", ["x, y, z", "1, 2, 3"]),
        ("It is:\n| a | b | c |\n|--|--|--|\nIt reads many files.", ["It reads many files."]),
        ("| a | b | c |\n|--|--|--|\n| x | y | z |\n---\nIt is so.", ["x, y, z", "It is so."]),
        ("> It reads many\n> PDF files.", ["It reads many PDF files."]),
        ("```\npip install a b c\n```\nIt reads many files.", ["It reads many files."]),
        ("<script>var a = 1 + 2;</script>It reads many files.", ["It reads many files."]),
        ("これは速いです。次の文もあります！", ["これは速いです。", "次の文もあります！"]),
        ("« Il lit les fichiers. » Ça va très bien ?", None),
        ("It reads. It reads.\n\nIt reads files. It reads files.", ["It reads files."]),
        ("Fast. Small. ***", []),
    ],
)
def test_a_description_is_cut_into_its_sentences(written: str, found: list[str] | None) -> None:
    whole = {
        "- reads PDF files": ["reads PDF files", "writes CSV files", "runs at home"],
        "« Il lit": ["« Il lit les fichiers. »", "Ça va très bien ?"],
    }
    expected = found
    if expected is None:
        expected = next((v for k, v in whole.items() if written.startswith(k)), [written])
    assert [*passages(written)] == expected


def test_a_long_sentence_is_cut_where_its_clauses_end_and_shows_it() -> None:
    found = passages("It reads " + ", ".join(f"the file of kind {n}" for n in range(40)) + ".")
    assert len(found) > 2 and all(len(each) <= LONGEST + 4 for each in found)
    assert found[0].endswith("… ") or found[0].endswith(" …")
    assert found[-1].startswith("… ") and found[-1].endswith("kind 39.")
    assert found[0].rstrip(" …").endswith(",")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("It does not:\n- read your files\n- send any data\n\nIt is so.", ["It is so."]),
        ("It is not for:\n\n1. very large teams\n2. many users", ["It is not for:"]),
        ("## It never\n- reads your files\n## It\n- writes your files", ["writes your files"]),
        ("It cannot\n\nread your own files. It is very fast.", ["It is very fast."]),
        ("It won’t<br>read your own files", []),
        ("Not included\n---\n| a | b | c |\n|--|--|--|\n| x | y | z |\nIt is so.", ["It is so."]),
        ("- It has no:\n  - tables of files\n\nIt is so.", ["It is so."]),
        ("It will not\n# \nread your files now. It is very fast.", ["It is very fast."]),
        ("No-code parts:\n- writes your files", ["No-code parts:", "writes your files"]),
        ("Others do not.\n\nIt is very fast.", ["Others do not.", "It is very fast."]),
    ],
)
def test_nothing_is_picked_that_stands_under_a_not(written: str, found: list[str]) -> None:
    assert list(passages(written)) == found


def test_no_piece_of_a_long_sentence_leaves_out_the_not_before_it() -> None:
    padding = "word " * 57
    tool = a_tool(f"It has {padding}and does not {'read binary logs and ' * 20}more.")
    for each in passages(tool.description):
        found = find_quote(each, tool)
        assert found and found.exact and not found.altered


def test_of_thousands_of_sentences_a_bounded_number_is_spread_over_the_text() -> None:
    found = passages(" ".join(f"It reads the file number {n}." for n in range(5000)))
    assert len(found) == MOST
    assert "number 0." in found[0] and int(found[-1].split()[-1][:-1]) > 4800


@pytest.mark.parametrize(
    ("description", "sentences"),
    [
        ("It reads files\n> It has\n>  10 %", ("It reads files", "It has 10 %")),
        ("It reads files\n```\nls\n```\nIt writes them", ("It reads files", "It writes them")),
    ],
)
def test_a_sentence_ends_where_a_quotation_or_a_fence_begins(
    description: str, sentences: tuple[str, ...]
) -> None:
    assert passages(description) == sentences


@pytest.mark.parametrize(
    ("description", "sentences"),
    [
        ("It reads a/b`\u00ad\n\nIt is very fast.", ("It is very fast.",)),
        ("It is **so\u200b`**fast now.\n\nIt is very fast.", ("It is very fast.",)),
        ("It reads a/b` files.\n\nIt is very fast.", ("It reads a/b files.", "It is very fast.")),
    ],
)
def test_nothing_is_picked_whose_words_a_stray_mark_joins(
    description: str, sentences: tuple[str, ...]
) -> None:
    assert passages(description) == sentences


MARKS = (
    *("**", "_", "`", "\n", "\n\n", "\n- ", "\n1. ", "\n> ", "\n# ", " | ", "\n|--|--|\n"),
    *("\n| a | b |\n", "<b>", "</b>", "<br>", "<li>", "&amp;", "&nbsp;", "[", "![", "~", "~~"),
    *("](https://a.example)", ". ", "! ", "? ", "… ", "。", "？", ", ", "; ", ": ", " – ", "e.g. "),
    *("Inc. ", "\\", "<", ">", "“", "”", '"', "(", ")", "\n```\n", "<!-- ", " -->", "\u00ad"),
    *("\u200b", "«", "»", "'", "’s ", "#"),
)
WORDS = (
    *("It", "reads", "not", "never", "files", "3.5", "$5", "1,000", "C++", "snake_case", "Straße"),
    *("naïve", "日本語", "文です", "ไทย", "نص", "don't", "U.S.", "v2", "10 %", "a/b", "x" * 320),
)
DESCRIPTIONS = st.lists(st.sampled_from([*WORDS, *MARKS, *[" "] * 40]), min_size=1, max_size=70)


@pytest.mark.slow
@pytest.mark.timeout(size(300, 1800))
@settings(max_examples=size(250, 4000), deadline=None)
@given(DESCRIPTIONS.map("".join).map(str.strip).filter(bool))
def test_whatever_may_be_picked_stands_in_the_source_word_for_word(description: str) -> None:
    """In the sense of the check of quotes: neither altered nor found only by likeness."""
    tool = a_tool(description)
    for persona in PERSONAS:
        offered = choices(persona, tool)
        assert {*offered["evidence"]} >= {t for beat in persona.beats for t in offered[beat.id]}
        for text in offered["evidence"]:
            found = find_quote(text, tool)
            assert found is not None and found.exact and not found.altered, text


@settings(max_examples=size(60, 1000), deadline=None)
@given(DESCRIPTIONS.map("".join).map(str.strip).filter(bool))
def test_no_beat_can_repeat_what_another_says(description: str) -> None:
    offered = choices(BUILDER, a_tool(description))
    parts = [{*offered[beat.id]} for beat in BUILDER.beats]
    assert all(parts)
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_a_short_description_is_followed_by_the_other_fields() -> None:
    offered = choices(BUILDER, a_tool("It reads PDF files."))
    said = [offered[beat.id][0] for beat in BUILDER.beats]
    assert said == ["It reads PDF files.", "Turns tables into text", "Pro, $5", "Free"]


def test_a_persona_with_more_beats_than_there_are_lines_still_has_something_to_pick() -> None:
    beats = tuple(Beat(id=f"b{n}", label=f"Point {n}\nof it", ask="?") for n in range(12))
    many = BUILDER.model_copy(update={"beats": beats})
    offered = choices(many, a_tool("Fast."))
    assert all(offered[beat.id] for beat in beats)
    assert under_label(beats[0], "Fast") == "Point 0 of it: “Fast”"


@pytest.mark.parametrize("place", range(3))
def test_whatever_is_picked_of_the_samples_has_neither_error_nor_warning(place: int) -> None:
    workspace = load_workspace(ROOT)
    for tool in workspace.tools:
        for persona in workspace.personas:
            findings = check_take(a_take(persona, tool, place), workspace.tools)
            assert [each for each in findings if each.severity != "note"] == [], tool.slug


def a_take(persona: Persona, tool: Tool, place: int) -> Subject:
    offered = choices(persona, tool)
    beats = {
        beat.id: under_label(beat, offered[beat.id][place % len(offered[beat.id])])
        for beat in persona.beats
    }
    quotes = (offered["evidence"][place],)
    text = " ".join(beats.values())
    return Subject(tool, persona, text, "ship", 50, beats, quotes, picked=True)


def test_a_picked_sentence_that_the_source_does_not_have_is_an_error() -> None:
    """The tool's file may have changed since, or the reply been tampered with."""
    tool = a_tool("It reads PDF files. It writes CSV files. It runs at home.")
    subject = a_take(BUILDER, tool, 0)
    changed = a_tool("It reads PDF files. It writes Excel files. It runs at home.")
    other = Subject(
        changed, BUILDER, subject.text, "ship", 50, subject.beats, subject.evidence, picked=True
    )
    assert check_take(subject, []) == []
    found = {(each.check, each.severity) for each in check_take(other, [])}
    assert found & {("evidence-not-found", "error"), ("evidence-altered", "error")}
