"""Whether a verdict on file is what ``panel freeze`` wrote: all that can be told without a model.

A digest shows that something was changed by hand. Everything that follows from the answers and
the editors' decisions is worked out anew as well, so that a new digest does not help.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from panel.cells.answers import votes_of
from panel.cells.cells import Cell
from panel.cells.decided import RecordedDecision
from panel.decisions import Decision, replay
from panel.frozen.publish import edited, published
from panel.frozen.rule import publish_rule
from panel.frozen.verdicts import FrozenAnswer, FrozenVerdict
from panel.hashing import content_hash
from panel.text import counted

_FOLLOWS = (
    *("verdict", "confidence", "ships", "n", "contested", "state", "take", "fingerprint", "kept"),
)


def with_digest(verdict: FrozenVerdict) -> FrozenVerdict:
    """Return a verdict as it is written, with its digest."""
    return verdict.model_copy(update={"digest": content_digest(verdict)})


def content_digest(verdict: FrozenVerdict) -> str:
    """Return the hash of everything but the digest itself."""
    answers = {"answers": [answer.digest for answer in verdict.answers]}
    kept = {"kept": verdict.kept.digest if verdict.kept else None}
    without = {"answers", "kept", "digest", *(() if verdict.receipts else ("receipts",))}
    rest = verdict.model_dump(mode="json", exclude=without)
    return content_hash(rest | answers | kept)


def is_intact(verdict: FrozenVerdict) -> bool:
    """Whether nothing on file of a pair has been changed by hand."""
    return not faults(verdict)


def faults(verdict: FrozenVerdict, now: Mapping[int, Cell] | None = None) -> list[str]:
    """Say what is not as ``panel freeze`` wrote it, in a few words each; empty where all is.

    now: the cells of the pair, by repeat, with which answers to them are compared.
    """
    found = [*_answer_faults(verdict, now or {}), *_chain_faults(verdict.decisions)]
    if not found:  # or what follows from them cannot be told
        found += _consequences(verdict)
    if not found and verdict.digest != content_digest(verdict):
        found.append("it was changed by hand")
    return found


def _answer_faults(verdict: FrozenVerdict, now: Mapping[int, Cell]) -> Iterator[str]:
    repeats = [answer.repeat for answer in verdict.answers]
    for answer in verdict.every_answer():
        if not answer.intact:
            which = "the kept answer" if answer is verdict.kept else f"answer {answer.repeat}"
            yield f"{which} was changed by hand"
        elif (cell := now.get(answer.repeat)) and answer.fingerprint == cell.fingerprint:
            yield from _not_of(answer, cell)
    if repeats != sorted(set(repeats)):
        yield f"the repeats {repeats} are not in order, each once"


def _not_of(answer: FrozenAnswer, cell: Cell) -> Iterator[str]:
    """Say what an answer to a cell cannot be."""
    asked = (cell.model.endpoint, cell.model.model, str(cell.model))
    if (answer.endpoint, answer.model, answer.model_identity) != asked:
        yield f"answer {answer.repeat} is not of {cell.model}"
    if answer.verdict and [*answer.beats] != [beat.id for beat in cell.persona.beats]:
        yield f"answer {answer.repeat} does not have the beats of {cell.persona.id}"


def _chain_faults(chain: Sequence[RecordedDecision]) -> Iterator[str]:
    """Say where editors' decisions do not follow one another.

    Two editors may have followed the same decision, in stores apart.
    """
    known: set[str] = set()
    times = [datetime.fromisoformat(decision.decided_at.rstrip("Z")) for decision in chain]
    if times != sorted(times):
        yield "the decisions are not in the order of their times"
    for decision in chain:
        for other in (decision.follows, decision.undoes):
            if other is not None and other not in known:
                yield f"decision {decision.decision_id!r} refers to {other!r}, not before it"
        if decision.decision_id in known:
            yield f"there are two decisions {decision.decision_id!r}"
        known.add(decision.decision_id)


def _consequences(verdict: FrozenVerdict) -> Iterator[str]:
    """Name the fields that do not follow from the answers, the decisions and the rule."""
    chain = [decision_of("", "", decision) for decision in verdict.decisions]
    plain = published(verdict.verdict, verdict.answers, verdict.kept)
    expected = edited(plain, chain, verdict.every_answer())
    wrong = [name for name in _FOLLOWS if getattr(expected, name) != getattr(verdict, name)]
    if wrong:
        yield f"{', '.join(wrong)}: not what the answers and decisions come to"
    votes, approved = votes_of(verdict.answers), replay(chain).published
    stands = publish_rule(verdict.answered, votes).verdict == verdict.answered
    if approved is None and not (stands and (verdict.verdict or not votes.n)):
        yield (
            f"{verdict.verdict} is not what {votes.ships} ships of "
            f"{counted(votes.n, 'vote')} publish"
        )


def decision_of(tool: str, persona: str, decision: RecordedDecision) -> Decision:
    """Return a decision on file as one on a tool × persona."""
    return Decision(tool=tool, persona=persona, **decision.model_dump())
