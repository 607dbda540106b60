"""A diff as JUnit XML: one case for each tool × persona, failed if a gate is shut on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.ci.changes import Diff
from panel.ci.context import PLAIN, Context
from panel.ci.gates import Failure
from panel.ci.junit import render_junit
from panel.ci.outcome import RunOutcome
from panel.ci.places import Place
from tests.support.frozen_diffs import answer, difference, flips, published
from tests.support.git_repository import repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship

OLD = published(answer(take="Before."))
KEYS = [(tool, who) for tool in ("anvil", "bellows") for who in ("builder", "skeptic")]
# Any text at all, lone surrogates and control characters among it.
TEXTS = st.text(st.characters(codec=None, categories=None), max_size=40) | st.text(
    st.sampled_from("\x00\x0b\x1b\x85\ud800\ufffe\uffff\r\n\t<>&\"']]>\u2028\u202ea"), max_size=12
)


def suite(diff: Diff, *shut: Failure, context: Context = PLAIN) -> Xml.Element:
    """Parse what is rendered; return its only suite, with counts checked against the cases."""
    root = Xml.fromstring(render_junit(diff, list(shut), context))
    assert root.tag == "testsuites"
    [found] = root
    cases = list(found)
    assert {case.tag for case in cases} == ({"testcase"} if cases else set())
    assert found.get("tests") == str(len(cases))
    ends = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    for counted, tag in ends.items():
        assert found.get(counted) == str(sum(case.find(tag) is not None for case in cases))
    assert all(sum(len(case.findall(tag)) for tag in ends.values()) <= 1 for case in cases)
    return found


def cases(found: Xml.Element) -> dict[tuple[str | None, str | None], Xml.Element]:
    return {(case.get("classname"), case.get("name")): case for case in found}


def failed(found: Xml.Element) -> set[tuple[str | None, str | None]]:
    return {key for key, case in cases(found).items() if case.find("failure") is not None}


def test_every_tool_and_persona_has_a_case_whether_it_differs_or_not() -> None:
    diff = difference(dict.fromkeys(KEYS, OLD), dict.fromkeys(KEYS, OLD))
    found = suite(diff)
    assert list(cases(found)) == KEYS and failed(found) == set()
    assert cases(found)[KEYS[0]].findtext("system-out") == "ship, 1 of 1 ship"


def test_a_changed_case_tells_its_kind_cause_and_takes() -> None:
    found = suite(flips(KEYS[:1], "Before."))
    assert cases(found)[KEYS[0]].findtext("system-out") == (
        "skip, 0 of 4 ship\nship → skip (description changed)\n"
        "before, ship: Before.\nafter, skip: It does too much."
    )
    assert failed(found) == set(), "no gate, no failure"


def test_what_is_gone_keeps_its_case() -> None:
    found = suite(difference(dict.fromkeys(KEYS, OLD), {KEYS[0]: OLD}))
    assert set(cases(found)) == set(KEYS)
    assert (cases(found)[KEYS[3]].findtext("system-out") or "").startswith("gone")


def test_a_gate_fails_the_pairs_it_is_about_and_no_others() -> None:
    shut = Failure("flip", "1 verdict flipped: anvil × skeptic.", frozenset({KEYS[1]}))
    found = suite(flips(KEYS), shut)
    assert failed(found) == {KEYS[1]}
    failure = cases(found)[KEYS[1]].find("failure")
    assert failure is not None
    assert failure.attrib == {"message": shut.sentence, "type": "flip"}


def test_a_gate_about_no_pair_has_a_case_of_its_own() -> None:
    found = suite(flips(KEYS), Failure("drift", "The model moved: 6 of 6."))
    assert failed(found) == {("panel", "drift")}
    assert found.get("tests") == "5"


def test_two_gates_over_one_pair_are_one_failure_that_says_both() -> None:
    pair = frozenset({KEYS[0]})
    found = suite(flips(KEYS), Failure("flip", "One.", pair), Failure("abstain", "Two.", pair))
    failure = cases(found)[KEYS[0]].find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "One. Two.", "type": "flip abstain"}
    assert found.get("failures") == "1"


def test_a_pair_that_was_never_answered_has_a_case_once_a_gate_is_about_it() -> None:
    missing = ("caliper", "builder")
    found = suite(flips(KEYS), Failure("stale", "1 verdict does not hold.", frozenset({missing})))
    assert failed(found) == {missing} and found.get("tests") == "5"


def test_a_stopped_run_is_an_error_and_what_it_left_unasked_is_skipped() -> None:
    run = RunOutcome(planned=4, asked=1, requests=1, stopped="budget")
    never = ("caliper", "builder")
    stale = Failure("stale", "2 verdicts do not hold.", frozenset({KEYS[1], never}))
    found = suite(flips(KEYS[:2]), context=Context(warned=[stale], run=run))
    error = cases(found)["panel", "run"].find("error")
    assert error is not None and "1 of 4 cells was asked, 3 were" in error.get("message", "")
    skipped = {key for key, case in cases(found).items() if case.find("skipped") is not None}
    assert skipped == {KEYS[1], never} and failed(found) == set()
    message = cases(found)[never].find("skipped")
    assert message is not None and "stopped by its budget" in message.get("message", "")
    shut = suite(flips(KEYS[:2]), stale, context=Context(run=run))
    assert failed(shut) == {KEYS[1], never}, "a gate that is shut says more than a skip"


def test_a_run_that_answered_everything_adds_no_case() -> None:
    found = suite(flips(KEYS), context=Context(run=RunOutcome(planned=4, asked=4, requests=4)))
    assert set(cases(found)) == set(KEYS)


def test_a_case_says_in_which_file_and_line_its_tool_is_written() -> None:
    found = suite(flips(KEYS), context=Context(places={"anvil": Place("a/tools/anvil.md", 7)}))
    assert [(case.get("file"), case.get("line")) for case in found] == [
        ("a/tools/anvil.md", "7"), ("a/tools/anvil.md", "7"), (None, None), (None, None),
    ]  # fmt: skip


def test_nothing_at_all_is_an_empty_suite() -> None:
    assert len(suite(difference({}, {}))) == 0


@settings(max_examples=150, deadline=None)
@given(tool=TEXTS, persona=TEXTS, take=TEXTS, sentence=TEXTS)
def test_whatever_the_texts_the_file_parses_and_says_them(
    tool: str, persona: str, take: str, sentence: str
) -> None:
    key = (tool or "a", persona)
    new = published(answer(take="x"))
    new = new.model_copy(update={"take": take, "answers": ()})
    # A tool's name on file cannot be as long as it likes, nor empty; here it may be anything.
    diff = difference({("b", "c"): OLD}, {("b", "c"): OLD})
    diff.pairs[key] = new
    shut = Failure("flip", sentence, frozenset({key}))
    found = suite(diff, shut)
    assert found.get("failures") == "1"
    assert render_junit(diff, [shut]).encode("utf-8"), "and it can be written to a file"
    plain = "".join(c for c in persona if c.isascii() and c.isalnum())
    shown = next(case for case in found if case.find("failure") is not None).get("name") or ""
    assert "".join(c for c in shown if c.isascii() and c.isalnum()) == plain


def test_the_command_writes_a_file_that_parses_with_real_verdicts(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    space = copied(all_ship)
    repository(space.root)
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    space.tool("caliper")
    file = tmp_path / "junit.xml"
    done = panel(
        "diff", "HEAD", "--format", "junit", "-o", file, "--fail-on", "stale", cwd=space.root
    )
    assert (done.code, done.out) == (1, "")
    [found] = Xml.parse(file).getroot()
    assert (found.get("tests"), found.get("failures")) == ("12", "8")
    assert {key[0] for key in failed(found)} == {"anvil", "caliper"}


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x9b", "\u202e", "\ufeff", "\r"])
def test_what_steers_a_terminal_or_reorders_text_is_replaced(character: str) -> None:
    diff = flips([("anvil", "builder")], f"a{character}b")
    text = render_junit(diff, [])
    assert character not in text and "a\N{REPLACEMENT CHARACTER}b" in text
    assert json.dumps(text)
