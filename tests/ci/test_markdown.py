"""A diff as Markdown, rendered as GitHub would: untrusted text is shown and does nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from panel.ci.agreement import CanaryCount
from panel.ci.changes import Diff, InputFile
from panel.ci.context import Context
from panel.ci.drift import Drift
from panel.ci.gates import Failure
from panel.ci.markdown import COMMENT_BYTES, MARKER, harmless, marker, render_markdown
from panel.ci.outcome import RunOutcome
from tests.support.faces import always
from tests.support.frozen_diffs import answer, canaries, difference, flips, published, sure
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.rendered_markdown import ACTIVE, LIVE, RENDERER, check, visible, walk
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, surely_ship

GOLDEN = Path(__file__).parents[1] / "golden" / "comment.md"

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</details>",
    "</summary></details><h1>Approved</h1>",
    "<!-- reviewer-panel -->",
    "<!--",
    "[a link](https://evil.example)",
    "![an image](https://evil.example/x.png)",
    "[ref]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example/?q=1",
    "www.evil.example",
    "me@evil.example",
    "@octocat",
    "@github/security-team",
    "#123",
    "octo/repo#123",
    "GH-123",
    "16c999e8c71134401a78d4d46435517b2271d6ac",
    "a7f3c19",
    ":tada: :+1:",
    "| a | b |",
    "|---|---|",
    "a \\| b \\\\| c",
    "`code` ``` fence",
    "```\nfence\n```",
    "# Heading",
    "\n\n# Heading\n\n",
    "Title\n=====",
    "- item\n- item",
    "1. item",
    "> quote",
    "    code block",
    "***bold*** __bold__ ~~gone~~",
    "$x^2$",
    "&lt;b&gt; &amp;",
    "back\\slash\\",
    "safe \u202egnp.exe \u2066x\u2069",
    "zero\u200bwidth\u00a0space\u2028line",
    "\x1b[31mred\x07",
    "Persian \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
]


def said(text: str) -> str:
    """Return text without what is not seen: the mark that breaks links, runs of spaces."""
    kept = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text)
    return " ".join(kept.split())


def example_diff() -> Diff:
    """Return a difference with something of everything."""
    before, after = {}, {}
    old = sure("It reads JSON lines. The way in is one command.")
    for who in ("builder", "skeptic", "futurist"):
        before["anvil", who] = after["anvil", who] = old
    after["anvil", "builder"] = published(
        *(answer("skip", "It now wants an account.", n, tool="t2") for n in range(1, 5)), over=old
    )
    after["anvil", "skeptic"] = published(
        answer("skip", "Who else does this?", tool="t2"), over=old
    )
    after["anvil", "futurist"] = published(answer("ship", "A bet with a date.", tool="t2"))
    before["bellows", "builder"] = old
    after["caliper", "builder"] = published(answer("skip", "Nothing to call.", tool="t9"))
    asked = canaries(*[(1, 1, 0, 1)] * 6, (1, 1, 1, 1))
    found = difference(before, after, head=asked)
    drift = replace(found.drift, served=(["mock-1-0512"], ["mock-1-1124"]))
    files = [InputFile("tools/anvil.md", 3, 1), InputFile("tools/caliper.md", 12, 0)]
    return Diff(found.base, found.head, files, found.reasons, found.tools, drift, found.pairs, [])


def test_a_comment_equals_the_golden_file() -> None:
    shut = [Failure("flip", "1 verdict flipped: anvil × builder (ship → skip).")]
    text = render_markdown(example_diff(), shut)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 writes it anew"
    check(text)


def test_the_comment_begins_with_our_mark_and_says_the_gist_in_its_title() -> None:
    lines = render_markdown(example_diff(), []).splitlines()
    assert lines[0] == MARKER
    assert lines[1] == (
        "### Reviewer panel: the model moved; 1 flipped, 1 contested, kept as published, 1 new, "
        "1 gone, 1 reworded"
    )


def test_nothing_that_differs_is_said_in_a_few_lines() -> None:
    text = render_markdown(difference({}, {}), [])
    assert "### Reviewer panel: no verdict differs" in text
    assert len(text) < 500 and "<details>" not in text
    check(text)


def test_takes_stand_before_and_after_in_folded_sections() -> None:
    text = render_markdown(flips([("anvil", "builder")], "The old take.", "The new take."), [])
    section = text[text.index("<details open>") : text.index("</details>")]
    assert section.index("The old take") < section.index("The new take")
    assert "before, ship:" in section and "after, skip:" in section
    tokens = [token.type for token in walk(text)]
    assert tokens.count("html_block") == 3 and tokens.count("blockquote_open") == 2


def test_flips_stand_first_with_their_takes_open_whatever_else_differs() -> None:
    """A reader who sees one screen of a comment sees what turned."""
    old, reworded = published(answer(take="Old.")), published(answer(take="Other words."))
    flipped = published(
        *(answer("skip", "It flipped.", n, tool="t2") for n in range(1, 5)), over=old
    )
    minor = [(f"a-{n:04}", "builder") for n in range(2_000)]
    before = {**dict.fromkeys(minor, old), ("zither", "builder"): old, ("zither", "a"): old}
    after = {**dict.fromkeys(minor, reworded), ("zither", "builder"): flipped,
             ("zither", "a"): reworded}  # fmt: skip
    text = render_markdown(difference(before, after), [])
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows[0].startswith("| zither ") and "| a\\-0000 " in rows[1]
    assert rows[0].index("builder") < rows[0].index("a ship reworded"), "flips first in a row, too"
    assert text.index("#### Verdicts") < text.index("#### Inputs") < text.index("#### The model")
    assert text.count("<details open>") == 1
    assert text.index("<details open><summary>Takes on zither") < text.index("It flipped")
    assert "more tools that differ" in text
    assert len(text.encode()) <= COMMENT_BYTES
    check(text)


def test_takes_of_flips_come_before_the_rows_of_anything_else() -> None:
    old = published(answer(take="Old. " * 500))
    new = published(*(answer("skip", "New. " * 500, n, tool="t2") for n in range(1, 5)), over=old)
    reworded = published(answer(take="Other words."))
    minor = [(f"a-{n:04}", "builder") for n in range(2_000)]
    turned = [(f"z-{n}", "builder") for n in range(3)]
    keys = [*minor, *turned]
    diff = difference(
        dict.fromkeys(keys, old), {**dict.fromkeys(minor, reworded), **dict.fromkeys(turned, new)}
    )
    text = render_markdown(diff, [])
    assert text.count("<details open>") == 3 and text.count("New\\. New") > 100
    whole(text)


def test_a_report_says_what_asking_has_cost_and_what_it_left_unasked() -> None:
    run = RunOutcome(planned=9, reused=1, asked=5, requests=6, prompt_tokens=12_000,
                     completion_tokens=900, cost_usd=0.0123, stopped="budget")  # fmt: skip
    text = check(render_markdown(difference({}, {}), [], Context(run=run)))
    assert "stopped by its budget: 5 of 8 cells were asked, 3 were left unasked." in text
    assert (
        "5 cells asked in 6 requests, 12,000 prompt tokens, 900 completion tokens, $0.0123." in text
    )
    quiet = check(render_markdown(difference({}, {}), [], Context(run=RunOutcome())))
    assert "Nothing was asked." in quiet and "stopped" not in quiet
    assert "asked." not in check(render_markdown(difference({}, {}), []))


def test_a_warning_is_said_below_what_stops_the_merge() -> None:
    shut, warned = Failure("flip", "One flipped."), Failure("stale", "Two are stale.")
    text = render_markdown(difference({}, {}), [shut], Context(warned=[warned]))
    assert text.index("- **One flipped") < text.index("- Two are stale")


@pytest.mark.parametrize("name", ["reviews", "a--> <h1>b", "team/reviews", "-- >"])
def test_a_report_with_a_name_has_a_mark_of_its_own(name: str) -> None:
    text = render_markdown(difference({}, {}), [], Context(name=name))
    first = text.partition("\n")[0]
    assert first == marker(name)
    assert (first != MARKER) == any(c.isalnum() for c in name)
    check(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_anywhere_in_a_report_does_nothing(text: str) -> None:
    key = (text.replace("\x00", "") or "a", text)
    old = published(answer(take=text))
    new = published(*(answer("skip", text, n, tool="t2") for n in range(1, 5)), over=old)
    diff = difference({key: old}, {key: new})
    counts = (CanaryCount(text, 1, 1, 0, 1, 1),)
    drift = Drift(True, text, 0.01, counts, ([text], [text, text]), ([text], [text]))
    whole = Diff(
        text, text, [InputFile(text, 1, 1)], {text: 2}, diff.tools, drift, diff.pairs, [key]
    )
    rendered = render_markdown(whole, [Failure("flip", text, frozenset({key}))])
    rendered.encode("utf-8")
    shown = check(rendered)
    assert shown.replace("\u200b", "").count(said(text).replace("\u200b", "")) >= 8
    assert rendered.count(MARKER) == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rendered)
    tables = [token.type for token in walk(rendered)]
    assert tables.count("table_open") == 3
    assert tables.count("td_open") == 3 + 4 + 3, "a pipe makes no column"


MARKS = st.text(st.sampled_from("\\`*_{}[]()#+-!|~<>&@:/.= \n\t\"'$^1ax"), max_size=30)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60) | MARKS | st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join))
@example("\\")
@example("a\\|b")
@example("&#64;octocat")
@example("a lone \ud800 surrogate")
def test_whatever_the_text_it_is_one_line_that_says_it_and_does_nothing(text: str) -> None:
    line = harmless(text)
    assert "\n" not in line and line.encode("utf-8") is not None
    for document, marks in (
        (f"Said: {line}", ()),
        (f"> {line}", ("blockquote_open",)),
        (f"- **{line or 'x'}**", ("bullet_list_open", "strong_open")),
        (f"| a | b |\n|---|---|\n| x {line} | y |", ("table_open",)),
    ):
        tokens = walk(document)
        kinds = {token.type for token in tokens}
        assert not kinds & (ACTIVE | {"html_block", "heading_open", "em_open", "hr"}), kinds
        assert all(mark in kinds for mark in marks)
        assert sum(token.type == "td_open" for token in tokens) == 2 * ("table_open" in marks)
        assert sum(token.type == "strong_open" for token in tokens) == ("strong_open" in marks)
        shown = visible(RENDERER.render(document))
        assert not LIVE.search(shown), shown
        assert said(text).replace("\u200b", "") in " ".join(shown.replace("\u200b", "").split())


@pytest.mark.parametrize(
    "text", ["a > b & c < d", "100% of 4, 51–100 %", "C++ and C#", "a_b*c", "me, and: you."]
)
def test_a_reader_sees_plain_text_as_it_was_written(text: str) -> None:
    assert visible(RENDERER.render(harmless(text))).strip().replace("\u200b", "") == text


def test_a_long_name_is_cut_and_says_so() -> None:
    assert harmless("a" * 50, 10) == "a" * 9 + "…"
    assert harmless("a" * 10, 10) == "a" * 10


# Size


def many(tools: int, take: str) -> Diff:
    keys = [(f"tool-{n:03}", f"persona-{who}") for n in range(tools) for who in range(4)]
    return flips(keys, take, take[::-1])


def whole(text: str) -> None:
    """Fail where a section, a row or a line is cut in the middle."""
    assert text.count("<details") == text.count("</details>") == text.count("</summary>")
    assert all(row.endswith("|") for row in text.splitlines() if row.startswith("|"))
    assert text.count("#### The model") == 1 and text.endswith("\n")


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "take", ["Short.", "Long. " * 400, "@ # & " * 3000, "\N{GRINNING FACE}" * 9000]
)
@pytest.mark.parametrize("tools", [1, 40, 500])
def test_a_comment_fits_whatever_has_changed(tools: int, take: str) -> None:
    text = render_markdown(many(tools, take), [])
    assert len(text.encode()) <= COMMENT_BYTES < 65_536
    whole(text)
    rows = len(re.findall(r"^\| tool\\-\d\d\d ", text, re.MULTILINE))
    left = re.search(r"… and ([\d,]+) more tools", text)
    assert rows + (int(left[1].replace(",", "")) if left else 0) == tools, "none is unaccounted for"
    sections = text.count("<details open>")
    if sections < rows:
        assert "The takes of further tools do not fit here." in text
    check(text)


@pytest.mark.parametrize("limit", [1_500, 3_000, 10_000])
def test_a_smaller_limit_holds_too(limit: int) -> None:
    text = render_markdown(many(60, "A take of some length. " * 8), [], limit=limit)
    assert len(text.encode()) <= limit
    whole(text)


@pytest.mark.slow
def test_many_long_names_of_files_gates_canaries_and_models_leave_the_limit_whole() -> None:
    long = "@#&" * 3000
    names = [f"{n}{long}" for n in range(300)]
    counts = tuple(CanaryCount(f"{n}" + long[:490], 1, 1, 0, 1, 1) for n in range(300))
    drift = Drift(True, "The model moved.", 0.01, counts, (names, names), (names, names))
    small = many(500, "A take.")
    files = [InputFile(name, 1, 1) for name in names]
    diff = Diff("a", "b", files, {"description changed": 9}, small.tools, drift, small.pairs, [])
    shut = [Failure("ship-below", f"{name} is below.") for name in names]
    text = render_markdown(diff, shut)
    assert len(text.encode()) <= COMMENT_BYTES
    whole(text)
    assert "… 280 more | | |" in text and "… and 290 more reasons." in text
    assert "and 297 more" in text
    check(text)


def test_the_command_writes_it_with_real_verdicts(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel
) -> None:
    space = copied(surely_ship)
    repository(space.root)
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(space, tools=["anvil"], repeats=4)
    freeze(space)
    done = panel("diff", "HEAD", "--format", "markdown", "--fail-on", "flip", cwd=space.root)
    assert done.code == 1
    text = check(done.out)
    assert "4 flipped" in text and "ship → skip (0 of 4 ship, description changed)" in text
    assert "tools/anvil.md" in text
