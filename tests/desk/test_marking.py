"""Passages are marked in rendered Markdown, and nothing else changes by it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.desk.marking import mark_description
from panel.site.markdown import render_markdown

MARK = re.compile(
    r'</?mark(?: class="evidence"(?: id="\w+" tabindex="-1")?)?>|<span id="\w+"></span>'
)
PIECES = ["word ", "a*b*", "_c_ ", "**", "`", "[x](https://a.example/y)", "\n\n", "\n", "- ", "> "]
PIECES += ["| a | b |\n|---|---|\n| c | d |\n", "# ", "&amp;", "<b>", "![alt](https://b.example)"]
PIECES += ["```\n", "1. ", "•  ", "\\", "é", "字"]

text_and_spans = (
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=14)
    .map("".join)
    .flatmap(
        lambda text: st.tuples(
            st.just(text),
            st.lists(
                st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted),
                max_size=4,
            ),
        )
    )
)


@pytest.mark.slow
@settings(max_examples=150)
@given(text_and_spans)
def test_marks_change_nothing_but_add_themselves(drawn: tuple[str, list[list[int]]]) -> None:
    """Without its marks, the page is the one without marks; each mark is placed or named as not."""
    text, spans = drawn
    marked = [((start, end), f"e{number}") for number, (start, end) in enumerate(spans)]
    made = mark_description(text, marked)
    assert MARK.sub("", made.html) == render_markdown(text)
    for (_start, _end), name in marked:
        assert made.html.count(f'id="{name}"') == (name not in made.unplaced)


@pytest.mark.parametrize(
    ("text", "passage", "seen"),
    [
        ("Runs on *one* machine.", "one", "one"),
        ("Runs on *one* machine.", "on *one* machine.", "on one machine."),
        ("- **Fast** and small", "- **Fast** and", "Fast and"),
        ("1. First step\n2. Second", "1. First step\n2. Second", "First stepSecond"),
        ("| a | b |\n|---|---|\n| MIT | $5 |", "| MIT | $5 |", "MIT$5"),
        ("See [the API](https://a.example) now", "API](https://a.example) now", "API now"),
        ("# Free for all\n\nIt is.", "# Free for all", "Free for all"),
    ],
)
def test_a_passage_is_marked_by_its_words_whatever_signs_are_in_it(
    text: str, passage: str, seen: str
) -> None:
    """The signs of Markdown are not shown, so they are not marked."""
    start = text.index(passage)
    made = mark_description(text, [((start, start + len(passage)), "e1")])
    assert not made.unplaced
    assert "".join(re.findall(r"<mark[^>]*>([^<]*)</mark>", made.html)).strip() == seen


def test_a_passage_that_cannot_be_seen_is_named() -> None:
    """A passage within an address has no words on the page."""
    text = "Read [this](https://a.example/licence)."
    start = text.index("a.example")
    assert mark_description(text, [((start, start + 9), "e1")]).unplaced == {"e1"}


def test_a_mark_stays_where_its_passage_begins_though_another_cannot() -> None:
    """Of two passages one begins within the signs of a list; the other keeps its bracket."""
    text = "- First point.\n\nUse <Snapframe> for it."
    spans = [((0, 14), "e1"), ((text.index("<"), len(text)), "e2")]
    shown = mark_description(text, spans).html
    assert re.search(r'id="e2" tabindex="-1">&lt;Snapframe&gt; for it', shown)
    assert 'id="e1"' in shown
