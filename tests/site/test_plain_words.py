"""One word for one thing on every page, and words where there is no number."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from panel.scorecard import PersonaLine, Superseded
from panel.site.publication import Publication
from panel.site.wording import pair_shares, without_votes
from panel.stats import Tally, combine
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import VERSUS, Reading, files_of, made_up, with_take
from tests.support.site_publication import demo_publication, seed_publication

FUTURIST = 2
NONE = "No verdict published yet"


def with_lines(
    plain: Publication, place: int, tools: int | None = None, **changed: object
) -> Publication:
    """Return the publication with fields of one reviewer's line changed on its first tools."""
    shown = []
    for number, each in enumerate(plain.tools):
        lines = list(each.card.lines)
        if tools is None or number < tools:
            lines[place] = replace(lines[place], **changed)  # type: ignore[arg-type]
        result = combine([line.tally for line in lines])
        shown.append(replace(each, card=replace(each.card, lines=tuple(lines), result=result)))
    return replace(plain, tools=tuple(shown))


def texts(publication: Publication) -> dict[str, str]:
    files = files_of(publication)
    return {path: Reading(file).text for path, file in files.items() if path.endswith(".html")}


@pytest.mark.parametrize(
    ("drafts", "word", "other"), [(False, "published", "shown"), (True, "shown", "published")]
)
def test_tools_are_called_published_wherever_they_are_counted(
    drafts: bool, word: str, other: str
) -> None:
    """A tool may be reviewed and not published: no page says that all that is reviewed is here."""
    told = texts(replace(made_up(3), drafts=drafts))
    assert f"Every tool that is {word} here" in told["tools.html"]
    assert f"3 tools {word}." in told["categories/developer-tools.html"]
    assert f"Every category with tools that are {word} here." in told["categories.html"]
    for path in ("index.html", "methodology.html"):
        assert f"Tools {word}" in told[path] and f"Takes {word}" in told[path], path
        assert f"Tools {other}" not in told[path], path
    for path, text in told.items():
        assert not re.search(r"[Tt]ools? (that the panel has )?reviewed", text), path


def test_a_reviewer_of_whom_nothing_is_published_has_one_sentence_on_every_page() -> None:
    """It may have answered about every tool: that none is approved is what readers can know."""
    told = texts(with_lines(seed_publication(), FUTURIST, take=None, tally=Tally()))
    for path in ("index.html", "personas.html", "personas/futurist.html", "methodology.html"):
        assert told[path].count(NONE) == 1, path
        assert "no votes yet" not in told[path] and "0 of 0" not in told[path], path
    assert "— of" not in told["personas.html"] + told["personas/futurist.html"]


def test_a_reviewer_with_published_takes_of_earlier_words_has_verdicts_and_no_votes() -> None:
    """Four takes published, none of them a vote on what the description says now."""
    plain = seed_publication()
    stale = plain
    for place, line in enumerate(plain.tools[0].card.lines):
        assert line.take
        stale = with_lines(
            stale, place, tools=1, tally=Tally(), take=replace(line.take, stale=True)
        )
    stale = replace(stale, tools=stale.tools[:1], pairs=())
    told = texts(stale)
    words = "1 verdict published, no votes on the present description yet"
    assert b"<dt>Takes published</dt><dd>4</dd>" in files_of(stale)["index.html"]
    assert "Builder ships, written earlier" in told["index.html"]
    for path in ("index.html", "personas.html", "methodology.html"):
        assert told[path].count(words) == 4 and NONE not in told[path], path
    assert words in told["personas/builder.html"]
    both: list[PersonaLine] = [stale.tools[0].card.lines[0]] * 2
    assert without_votes(both) == "2 verdicts published, no votes on the present descriptions yet"


def test_divided_and_split_are_two_words_for_two_things() -> None:
    """One answer of each reviewer divides a panel, and splits it only where both are sure."""
    once = with_take(with_take(seed_publication(), 1, verdict="skip"), 2, verdict="skip")
    told = texts(once)
    tool = f"tools/{CODESTRAL}.html"
    assert "Codestral 2.0 divides the panel: Builder and" in told["index.html"]
    assert "Divided: Builder and Business Analyst ship" in told[tool]
    for path, text in told.items():
        words = text.replace("“split”", "").replace("“Split”", "").replace("Reviewer split", "")
        assert path == "methodology.html" or not re.search(r"\b[Ss]plits?\b", words), path
    assert "A tool divides the panel when at least one reviewer" in told["methodology.html"]
    assert "“Split” says more" in told["methodology.html"]
    often = once
    for place, line in enumerate(once.tools[0].card.lines):
        votes = Tally(9 * line.tally.ships, 9 * line.tally.skips)
        often = with_lines(often, place, tools=1, tally=votes)
    assert "Split. One reviewer surely ships and another surely skips." in texts(often)[tool]


@pytest.mark.parametrize(
    ("answers", "words"), [(1, "1 earlier answer is"), (8, "8 earlier answers are")]
)
def test_what_is_not_counted_is_told_without_a_term_of_ours(answers: int, words: str) -> None:
    """Readers are told what became of the answers, not of wordings that are superseded."""
    told = texts(with_lines(seed_publication(), 0, superseded=Superseded(2, answers)))
    for path in (f"tools/{CODESTRAL}.html", VERSUS):
        assert f"{words} not counted: the description or the questions have changed" in told[path]
        assert "superseded" not in told[path]


def test_of_two_tools_the_one_without_votes_has_words_and_no_dash() -> None:
    """A dash beside a percentage says nothing of whose it is."""
    plain = seed_publication()
    silent = plain
    for place in range(4):
        silent = with_lines(silent, place, tools=1, tally=Tally())
    mistral, codestral = (silent.tools[1].card, silent.tools[0].card)
    words = f"4 of 4 ship {mistral.name}, no votes yet on {codestral.name}"
    assert pair_shares(mistral, codestral) == pair_shares(codestral, mistral) == words
    assert pair_shares(codestral, codestral) == "No votes yet on either"
    told = texts(silent)
    for path in ("index.html", "comparisons.html"):
        assert words in told[path] and "— ship" not in told[path], path
    assert "4 of 4 and 4 of 4 ship" in texts(plain)["comparisons.html"]


def test_pages_of_a_demo_model_name_no_verdict_and_ask_no_question() -> None:
    """Its sentences show the form; beside each stands that it is no judgement, and nothing else."""
    files = files_of(demo_publication(seed_publication()))
    told = {path: Reading(file) for path, file in files.items() if path.endswith(".html")}
    for path, read in told.items():
        classes = " ".join(read.values("class")).split()
        assert not {"struck", "ship", "skip"} & set(classes) - {"vote"} or "persona" in path, path
        assert "s" not in {tag for tag, _attrs in read.tags}, path
        assert "Which one" not in read.text and "ship or skip?" not in read.text, path
        assert "vendor's text" not in read.text and "model's" not in read.text, path
    for path in (VERSUS, f"tools/{CODESTRAL}.html"):
        text = told[path].text
        assert text.index("The headings are those that a reviewer would write") < text.index(
            "Sentences picked", 200
        )
    text = told[VERSUS].text
    assert "Two tools, and no judgement yet A demo model picked the sentences" in text
    assert text.count("so there is nothing to compare") == 1
    assert "No verdict yet" in told[f"tools/{CODESTRAL}.html"].text
