"""The index of the search: names, and the words of takes, as the script reads them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.site import search
from panel.site.index import SiteIndex
from panel.site.publication import Publication
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import files_of, made_up, with_take
from tests.support.site_publication import seed_publication


def _said(publication: Publication) -> dict[str, list[int]]:
    """Return word → places of the tools, as the script adds them up."""
    steps = json.loads(search.words(SiteIndex(publication)))
    return {word: list(accumulate(each)) for word, each in steps.items()}


def _saying(texts: list[str]) -> Publication:
    """Return a publication with one tool for each text, which its only take is."""
    base = made_up(len(texts))
    tools = []
    for published, text in zip(base.tools, texts, strict=True):
        line = published.card.lines[0]
        assert line.take
        line = replace(line, take=replace(line.take, take=text))
        tools.append(replace(published, card=replace(published.card, lines=(line,))))
    return replace(base, tools=tuple(tools))


def test_the_index_names_tools_categories_tags_and_reviewers() -> None:
    """A tool's row has its tagline to show, and its category and tags to be found by."""
    rows = json.loads(files_of(seed_publication())["search.json"])
    assert ["Developer Tools", "categories/developer-tools.html", "Category", ""] in rows
    assert ["open-weights", "tags/open-weights.html", "Tag", ""] in rows
    [reviewer] = [row for row in rows if row[0] == "Skeptic"]
    assert reviewer[1:3] == ["personas/skeptic.html", "Reviewer"] and reviewer[3]
    [found] = [row for row in rows if row[0] == "Codestral 2.0"]
    assert found[1] == f"tools/{CODESTRAL}.html" and found[2].startswith("Open-weight 32B")
    assert found[3] == "Developer Tools code open-weights local api"


def test_only_published_words_are_in_the_index() -> None:
    """A take that nobody approved is not found by its words."""
    hidden = with_take(seed_publication(), state="draft", take="Zebrafish")
    assert "zebrafish" not in _said(hidden)
    assert _said(with_take(seed_publication(), take="Zébrafish_x"))["zebrafish"] == [0]


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_each_word_of_a_take_leads_to_exactly_the_tools_that_say_it(texts: list[str]) -> None:
    """What the script adds up are the places of the tools, in the order of the names."""
    said = _said(_saying(texts))
    for word in {word for text in texts for word in search.words_of(text)}:
        has = [at for at, text in enumerate(texts) if word in set(search.words_of(text))]
        assert said.get(word, []) == (has if 3 <= len(word) <= 24 else [])
    assert all(re.fullmatch(r"[^\W_]{3,24}", word) for word in said)


def test_the_most_common_words_are_left_out_of_a_large_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A word of most tools tells none apart; the bound in bytes holds and keeps the rare words."""
    many = _saying([f"common word{number:02} third{number % 3}" for number in range(30)])
    said = _said(many)
    assert "common" not in said and "third1" not in said and said["word07"] == [7]
    monkeypatch.setattr(search, "MOST_BYTES", 200)
    assert len(search.words(SiteIndex(many))) <= 200
    assert len(_said(many)) > 5
