"""An editor's entries: each tool × persona with its answer and what was decided on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from panel.cells.answers import Answer
from panel.cells.cells import Target
from panel.checks import Subject
from panel.decisions import UNTOUCHED, Pair, ReviewState, State
from panel.store.connection import Connection
from panel.store.decisions import review_states
from panel.store.queries import answers_by_pair
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool × persona in the editors' queue.

    answer: the one that speaks for the persona, of ``answers``; None where it was never asked.
    review: what editors decided. stale: the answer is not to what would be asked now;
    published_stale: neither is the published wording.
    """

    tool: Tool
    persona: Persona
    answer: Answer | None
    review: ReviewState
    stale: bool
    published_stale: bool
    answers: tuple[Answer, ...] = ()

    @property
    def pair(self) -> Pair:
        """The tool × persona."""
        return (self.tool.slug, self.persona.id)

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
        words = self.review.revision
        if words is not None and words.fingerprint == self.answer.fingerprint:
            return words.text
        return self.answer.take

    @property
    def flips(self) -> bool:
        """Whether the verdict is another than the published one."""
        said, published = self.answer and self.answer.verdict, self.review.published
        return said is not None and published is not None and said != published.verdict

    def subject(self) -> Subject | None:
        """Return the take as the checks want it; None without words."""
        said = self.answer
        if said is None or said.verdict is None:
            return None
        return Subject(
            tool=self.tool,
            persona=self.persona,
            text=self.text,
            verdict=said.verdict,
            confidence=said.confidence,
            beats=said.beats if self.text == said.take else {},
            evidence=said.evidence,
        )

    @property
    def waits(self) -> bool:
        """Whether an editor has something to decide here."""
        return self.has_words and self.state in ("draft", "edited")


def entries(target: Target, connection: Connection, staleness: bool = True) -> list[Entry]:
    """Return every tool × persona of the target, in the order of tools and panel.

    staleness: whether to lay out what would be asked now; without, nothing is called stale.
    """
    answers = answers_by_pair(connection, target.model)
    reviews = review_states(connection)
    fresh = target.fingerprints(repeats_asked(answers)) if staleness else {}
    return [
        entry_of(tool, persona, answers.get(pair, []), reviews, fresh.get(pair))
        for tool, persona in target.pairs
        for pair in ((tool.slug, persona.id),)
    ]


def repeats_asked(answers: Mapping[Pair, list[Answer]]) -> dict[str, int]:
    """Return the highest repeat of each tool."""
    found: dict[str, int] = {}
    for (tool, _persona), each in answers.items():
        found[tool] = max(found.get(tool, 1), *(answer.repeat for answer in each))
    return found


def entry_of(
    tool: Tool,
    persona: Persona,
    answers: list[Answer],
    reviews: Mapping[Pair, ReviewState],
    fresh: Collection[str] | None,
) -> Entry:
    """Make the entry of a tool × persona.

    answers: the latest one of each repeat; fresh: the fingerprints of its cells as of now, None
    where nobody wants to know what is stale.
    """
    review = reviews.get((tool.slug, persona.id), UNTOUCHED)
    answer, published = speaking(answers), review.published

    def stale(fingerprint: str) -> bool:
        return fresh is not None and fingerprint not in fresh

    return Entry(
        tool,
        persona,
        answer,
        review,
        stale=answer is not None and stale(answer.fingerprint),
        published_stale=published is not None and stale(published.fingerprint),
        answers=tuple(answers),
    )


def speaking(answers: list[Answer]) -> Answer | None:
    """Return the answer that speaks for a persona: the first repeat's that has a verdict.

    The first one's where none has; None for no answers.
    """
    voted = (answer for answer in answers if answer.outcome == "verdict")
    return next(voted, answers[0] if answers else None)
