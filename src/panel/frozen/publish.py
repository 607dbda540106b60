"""What is published of a persona on a tool: the votes by the rule, and editors' words over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from panel.cells.answers import Answer, said, speaking, votes_of
from panel.cells.decided import RecordedDecision
from panel.decisions import Decision, replay
from panel.frozen.rule import publish_rule
from panel.frozen.verdicts import FrozenAnswer, FrozenVerdict
from panel.stats import ShipOrSkip, Tally


def publish(now: Sequence[Answer], old: FrozenVerdict | None) -> FrozenVerdict:
    """Return what answers to the present wording make of what was published before, if anything."""
    if old is None or old.verdict is None:
        return published(said(now), now)
    word = publish_rule(old.verdict, votes_of(now)).verdict
    return published(word, now, shown_answer(old))


def published(
    word: ShipOrSkip | None, now: Sequence[Answer], earlier: Answer | None = None
) -> FrozenVerdict:
    """Return what is on file where ``word`` is published over these answers.

    The take is that of the newest answer that says so. Where none does, ``earlier`` is kept: an
    answer to an earlier wording. A word that nobody said is not published: then it is that of
    the votes.
    """
    votes = votes_of(now)
    kept = None
    shown = speaking(now, word) if word else None
    if shown is None and earlier is not None and word and earlier.verdict == word:
        shown = kept = earlier
    if shown is None and word is not None:
        return published(said(now), now)
    return FrozenVerdict(
        verdict=word,
        confidence=shown.confidence if shown else None,
        ships=votes.ships,
        n=votes.n,
        contested=publish_rule(word, votes).contested,
        state="draft",
        take=shown.take if shown else "",
        fingerprint=shown.fingerprint if shown else None,
        answers=tuple(map(FrozenAnswer.of, now)),
        kept=FrozenAnswer.of(kept) if kept else None,
    )


def edited(
    verdict: FrozenVerdict, chain: Sequence[Decision], on_file: Iterable[Answer]
) -> FrozenVerdict:
    """Lay editors' decisions over what the answers come to: approved words stand, whatever comes.

    on_file: answers that were on file, among which may be the one that was approved.
    """
    review = replay(chain)
    words, state = review.published, verdict.state
    if words is not None:
        state = "approved"
    elif review.revision is not None and verdict.fingerprint == review.revision.fingerprint:
        words, state = review.revision, review.state
    update: dict[str, Any] = {"state": state, "decisions": tuple(map(_as_frozen, chain))}
    if words is not None:
        held = {answer.fingerprint for answer in verdict.answers}
        filed = {answer.fingerprint: answer for answer in on_file}
        votes = Tally(verdict.ships, verdict.n - verdict.ships)
        update |= {
            "verdict": words.verdict,
            "confidence": words.confidence,
            "take": words.text,
            "fingerprint": words.fingerprint,
            "kept": None if words.fingerprint in held else filed.get(words.fingerprint),
            "contested": publish_rule(words.answered, votes).contested,
        }
    return verdict.model_copy(update=update)


def _as_frozen(decision: Decision) -> RecordedDecision:
    fields = {name: getattr(decision, name) for name in RecordedDecision.model_fields}
    return RecordedDecision.model_validate(fields)


def shown_answer(verdict: FrozenVerdict) -> Answer | None:
    """Return the answer whose take is published."""
    if verdict.kept is not None:
        return verdict.kept
    found = (a for a in verdict.answers if a.fingerprint == verdict.fingerprint)
    return next(found, None)
