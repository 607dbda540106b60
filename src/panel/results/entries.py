"""An editor's entries: each tool × persona with its answer and what was decided on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from panel.cells.answers import Answer, said, speaking, votes_of
from panel.cells.cells import Target
from panel.checks import Subject
from panel.decisions import UNTOUCHED, Pair, ReviewState, Revision, State
from panel.scorecard import Superseded
from panel.stats import ShipOrSkip, Tally
from panel.store.connection import Connection
from panel.store.decisions import review_states
from panel.store.queries import answers_by_pair
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

FEW = 1000  # tools to read by their names; of more, all answers are read as quickly


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool × persona in the editors' queue.

    answers: those to what would be asked now, which alone count; older: those to earlier
    wordings. answer: the one that speaks for the persona, of ``answers`` or, where there are none
    (it is stale then), of the newest of ``older``; None where it was never asked. review: what
    editors decided. published_stale: the published wording is not to what would be asked now, and
    no editor has confirmed it since. question: the wording of what would be asked now, None where
    nobody wants to know.
    """

    tool: Tool
    persona: Persona
    answer: Answer | None
    review: ReviewState
    published_stale: bool
    answers: tuple[Answer, ...] = ()
    older: tuple[Answer, ...] = ()
    question: str | None = None

    @property
    def pair(self) -> Pair:
        """The tool × persona."""
        return (self.tool.slug, self.persona.id)

    @property
    def stale(self) -> bool:
        """Whether the answer is not to what would be asked now."""
        return self.answer is not None and not self.answers

    @property
    def says(self) -> ShipOrSkip | None:
        """What the persona says now: the majority of the answers that count."""
        return said(self.answers)

    @property
    def tally(self) -> Tally:
        """The votes that count."""
        return votes_of(self.answers)

    @property
    def superseded(self) -> Superseded:
        """How many earlier wordings were answered, and how often; none of it counts."""
        left = [answer.wording for answer in self.older if answer.outcome != "error"]
        return Superseded(len(set(left)), len(left))

    @property
    def has_words(self) -> bool:
        """Whether there is a verdict, and with it a take to decide on."""
        return self.answer is not None and self.answer.outcome == "verdict"

    @property
    def state(self) -> State:
        """The state of the present answer."""
        return self.review.state_of(self.answer.fingerprint) if self.answer else "draft"

    @property
    def text(self) -> str:
        """The wording an editor sees now: their own words if edited, else the model's."""
        if self.answer is None:
            return ""
        return self._revision.text if self._revision else self.answer.take

    @property
    def picked(self) -> bool:
        """Whether the words an editor sees are the vendor's, picked by a demo model."""
        return self.answer is not None and self.answer.demo and self.text == self.answer.take

    @property
    def evidence(self) -> tuple[str, ...]:
        """The quotes an editor sees now: their own choice if edited, else the model's."""
        if self.answer is None:
            return ()
        return self._revision.evidence if self._revision else self.answer.evidence

    @property
    def verdict(self) -> ShipOrSkip | None:
        """The verdict that an editor sees: their own where they set one, else the answer's."""
        if self.answer is None:
            return None
        return self._revision.verdict if self._revision else self.answer.verdict

    @property
    def verdict_reason(self) -> str | None:
        """Why the verdict is an editor's own; None where it is the answer's."""
        return self._revision.verdict_reason if self._revision else None

    @property
    def _revision(self) -> Revision | None:
        """What was decided on the present answer, None where nothing was."""
        words = self.review.revision
        here = words is not None and self.answer and words.fingerprint == self.answer.fingerprint
        return words if here else None

    @property
    def confirmed(self) -> bool:
        """Whether an editor has said that the published words stand for the present question."""
        published = self.review.published
        return published is not None and bool(published.question) and not self.published_stale

    @property
    def stands_or_falls(self) -> bool:
        """Whether all that is to decide is whether published words still stand: no draft waits."""
        return self.published_stale and self.question is not None and not self.waits

    @property
    def flips(self) -> bool:
        """Whether the persona now says something else than where its words were published."""
        says, published = self.says, self.review.published
        return says is not None and published is not None and says != published.answered

    def subject(self) -> Subject | None:
        """Return the take as the checks want it; None without words."""
        answer = self.answer
        if answer is None or answer.verdict is None:
            return None
        return Subject(
            tool=self.tool,
            persona=self.persona,
            text=self.text,
            verdict=self.verdict or answer.verdict,
            confidence=answer.confidence,
            beats=answer.beats if self.text == answer.take else {},
            evidence=self.evidence,
            picked=self.picked,
        )

    @property
    def waits(self) -> bool:
        """Whether an editor has something to decide here; not on a draft beside confirmed words."""
        return self.has_words and (
            self.state in ("edited", "signed") or (self.state == "draft" and not self.confirmed)
        )


def entries(target: Target, connection: Connection, staleness: bool = True) -> list[Entry]:
    """Return every tool × persona of the target, in the order of tools and panel.

    staleness: whether to lay out what would be asked now; without, that is taken to be the
    wording that was asked last, and nothing is called stale.
    """
    few = len(target.tools) <= FEW
    named = {tool.slug for tool in target.tools} if few else None
    answers = answers_by_pair(connection, target.model, staleness, named)
    reviews = review_states(connection)
    wordings = target.wordings() if staleness else {}
    return [
        entry_of(tool, persona, answers.get(pair, []), reviews, wordings.get(pair))
        for tool, persona in target.pairs
        for pair in ((tool.slug, persona.id),)
    ]


def entry_of(
    tool: Tool,
    persona: Persona,
    answers: Sequence[Answer],
    reviews: Mapping[Pair, ReviewState],
    wording: str | None,
) -> Entry:
    """Make the entry of a tool × persona.

    answers: those of every wording; wording: the present one, None where all of them count.
    """
    review = reviews.get((tool.slug, persona.id), UNTOUCHED)
    present = [each for each in answers if wording in (None, each.wording)]
    older = [each for each in answers if wording not in (None, each.wording)]
    fingerprints = {each.fingerprint for each in present}
    published = review.published
    return Entry(
        tool,
        persona,
        _shown(present or _newest(older), review),
        review,
        published_stale=published is not None
        and wording is not None
        and published.question != wording
        and published.fingerprint not in fingerprints,
        answers=tuple(present),
        older=tuple(older),
        question=wording,
    )


def _newest(older: Sequence[Answer]) -> list[Answer]:
    """Return the answers to the wording that was answered last."""
    latest = max(older, key=lambda each: each.asked_at, default=None)
    return [each for each in older if latest is not None and each.wording == latest.wording]


def _shown(answers: Sequence[Answer], review: ReviewState) -> Answer | None:
    """Return the answer that speaks: of the majority's, the one decided on, else the newest."""
    decided, word = review.revision, said(answers)
    if decided is not None and decided.answered == word:
        for answer in answers:
            if answer.fingerprint == decided.fingerprint and answer.verdict == word:
                return answer
    return speaking(answers)
