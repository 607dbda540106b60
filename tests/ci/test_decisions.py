"""What a diff and its gates say of editors' decisions, which alone decide what is published."""

from __future__ import annotations

import json
from typing import Any

import pytest

from panel.ci.annotations import annotate
from panel.ci.changes import Diff
from panel.ci.diff import record
from panel.ci.gates import Gates, failures, parse_gates
from panel.ci.junit import render_junit
from panel.ci.markdown import render_markdown
from panel.decisions import Action, Decision
from panel.frozen.publish import edited
from panel.frozen.verdicts import FrozenVerdict
from tests.support.editors import do
from tests.support.frozen_diffs import answer, difference, published, side, sure
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import repository
from tests.support.space import Panel, Space

KEY = ("anvil", "builder")


def decided(*made: tuple[Action, str], sign_off: int | None = None, **more: Any) -> FrozenVerdict:
    """Return a published ship on which these editors have decided so, one after another."""
    plain, latest, chain = sure(), None, []
    for number, (action, editor) in enumerate(made):
        words = plain.answers[-1]
        fields = {
            "fingerprint": words.fingerprint,
            "attempt_id": words.attempt_id,
            "model_identity": words.model_identity,
            "repeat": words.repeat,
            "text": words.take,
            "verdict": words.verdict,
            "confidence": words.confidence,
            "evidence": (),
            "sign_off": sign_off if action == "approve" else None,
        }
        chain.append(
            Decision(
                *KEY,
                action,
                editor,
                follows=latest,
                decision_id=f"d{number}",
                decided_at=f"2026-11-25T09:30:0{number}Z",
                **(fields | more),
            )
        )
        latest = f"d{number}"
    return edited(plain, chain, ())


def shut(diff: Diff, word: str) -> list[str]:
    head = side("now", dict(diff.pairs))
    return [each.sentence for each in failures(diff, head, parse_gates([word]))]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (decided(), decided(("approve", "Ada")), "draft → approved: approved by Ada"),
        (
            decided(("approve", "Ada")),
            decided(("approve", "Ada"), ("reject", "Eve")),
            "approved → rejected: rejected by Eve",
        ),
        (
            decided(("approve", "Ada"), sign_off=2),
            decided(("approve", "Ada"), ("approve", "Eve"), sign_off=2),
            "signed → approved: approved by Eve",
        ),
        (decided(("approve", "Ada")), decided(), "approved → draft: without approved by Ada"),
        (decided(), decided(("approve", "Ada"), ("edit", "Eve")), "approved by Ada, edited by Eve"),
    ],
)
def test_what_editors_decided_is_told_with_their_names_and_shuts_the_gate(
    before: FrozenVerdict, after: FrozenVerdict, said: str
) -> None:
    diff = difference({KEY: before}, {KEY: after})
    [change] = diff.changes
    assert change.kind == "decided" and change.decided.endswith(said)
    [sentence] = shut(diff, "decision")
    assert sentence.startswith("1 verdict decided on by editors: anvil × builder (")
    assert said in sentence
    assert shut(diff, "flip") == shut(diff, "change") == [], "the same verdict as before"


def test_a_decision_is_told_beside_another_verdict_too() -> None:
    turned = published(*(answer("skip", "No.", n, tool="t2") for n in range(1, 5)), over=sure())
    diff = difference({KEY: decided(("approve", "Ada"))}, {KEY: turned})
    [change] = diff.changes
    assert change.kind == "flipped"
    assert change.decided == "approved → draft: without approved by Ada"
    assert shut(diff, "decision"), "what was approved is so no longer"


def test_what_comes_approved_or_goes_shuts_the_gate_too() -> None:
    approved = {KEY: decided(("approve", "Ada"))}
    assert "(approved by Ada)" in shut(difference({}, approved), "decision")[0]
    assert "(without approved by Ada)" in shut(difference(approved, {}), "decision")[0]
    assert shut(difference({}, {KEY: decided()}), "decision") == []


def test_every_form_of_a_diff_names_the_editor() -> None:
    diff = difference({KEY: decided()}, {KEY: decided(("approve", "Ada"))})
    reasons = failures(diff, side("now", dict(diff.pairs)), Gates(frozenset({"decision"})))
    assert "approved by Ada" in render_markdown(diff, [])
    assert "1 decided on by editors" in render_markdown(diff, [])
    assert "approved by Ada" in render_junit(diff, [])
    [remark] = annotate(diff, reasons)
    assert (remark.level, remark.rule) == ("error", "decision") and "Ada" in remark.message
    [pair] = record(diff)["verdicts"][0]["personas"]
    assert pair["decisions"] == {
        "added": [{"action": "approve", "editor": "Ada", "decided_at": "2026-11-25T09:30:00Z"}],
        "removed": [],
    }


def test_an_editors_name_is_no_markup_and_not_long() -> None:
    diff = difference({KEY: decided()}, {KEY: decided(("approve", "<b>@ada " + "a" * 400))})
    told = render_markdown(diff, [])
    assert "<b>" not in told and "@ada" not in told and "a" * 61 not in told


@pytest.mark.slow
def test_a_branch_that_approves_takes_is_told_by_panel_diff(asked: Space, panel: Panel) -> None:
    freeze(asked)
    repository(asked.root)
    assert panel("diff", "main", "--fail-on", "decision", cwd=asked.root).code == 0
    do(asked, "approve", editor="Mallory")
    freeze(asked)
    done = panel("diff", "main", "--fail-on", "decision", cwd=asked.root)
    assert done.code == 1
    assert "draft → approved: approved by Mallory" in done.out
    assert done.err.startswith("decision: 1 verdict decided on by editors: anvil × builder (")
    told = json.loads(panel("diff", "main", "--format", "json", cwd=asked.root).out)
    assert [each["tool"] for each in told["verdicts"]] == ["anvil"]
