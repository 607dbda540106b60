"""An editor's entries: each tool × persona with its answer and what was decided on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from panel.cells.cells import Asking, cells_by_pair
from panel.checks import Subject
from panel.decisions import (
    UNTOUCHED,
    Pair,
    ReviewState,
    State,
)
from panel.runs.selection import Prepared
from panel.store.decisions import review_states
from panel.store.queries import StoredCell, opened, stored_cells
from panel.workspace.loading import Workspace
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool × persona in the editors' queue.

    answer: the outcome that speaks for the persona; None where it was never asked. review:
    what editors decided. stale: the answer is not to what would be asked now; published_stale:
    neither is the published wording. findings: how many there are, None until counted.
    """

    tool: Tool
    persona: Persona
    answer: StoredCell | None
    review: ReviewState
    stale: bool
    published_stale: bool
    findings: int | None = None

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
        words = self.review.wording
        if words is not None and words.fingerprint == self.answer.fingerprint:
            return words.text
        return self.answer.take or ""

    @property
    def flips(self) -> bool:
        """Whether the verdict is another than the published one."""
        said, published = self.answer and self.answer.verdict, self.review.published
        return said is not None and published is not None and said != published.verdict

    def subject(self) -> Subject | None:
        """Return the take as the checks want it; None without words."""
        said = self.answer
        if said is None or said.verdict not in ("ship", "skip"):
            return None
        return Subject(
            tool=self.tool,
            persona=self.persona,
            text=self.text,
            verdict=said.verdict,  # type: ignore[arg-type]
            confidence=said.confidence,
            beats=said.beats if self.text == said.take else {},
            evidence=said.evidence,
        )

    @property
    def waits(self) -> bool:
        """Whether an editor has something to decide here."""
        return self.has_words and self.state in ("draft", "edited")


def queue(workspace: Workspace, prepared: Prepared) -> list[Entry]:
    """Return every tool × persona of the selection, in the order of tools and panel."""
    with opened(workspace.runs) as connection:
        stored, standings = stored_cells(connection, prepared.model), review_states(connection)
    repeats = {slug: max(cell.repeat for cell in cells) for slug, cells in stored.items()}
    asking = Asking(workspace.prompts, prepared.endpoint, prepared.model, prepared.guidance)
    fresh = fingerprints(asking, prepared.tools, prepared.personas, repeats)
    return [
        entry_of(tool, persona, stored.get(tool.slug, []), standings, fresh[tool.slug, persona.id])
        for tool in prepared.tools
        for persona in prepared.personas
    ]


def fingerprints(
    asking: Asking, tools: Sequence[Tool], personas: Sequence[Persona], repeats: Mapping[str, int]
) -> dict[Pair, frozenset[str]]:
    """Return what each tool × persona would be asked now, by the hash; repeats by tool, else 1."""
    cells = cells_by_pair(asking, tools, personas, repeats)
    return {
        pair: frozenset(cell.fingerprint for cell in repeated.values())
        for pair, repeated in cells.items()
    }


def entry_of(
    tool: Tool,
    persona: Persona,
    stored: list[StoredCell],
    standings: Mapping[Pair, ReviewState],
    fresh: Collection[str],
) -> Entry:
    """Make the entry of a tool × persona; ``fresh``: the fingerprints of its cells as of now."""
    known = standings.get((tool.slug, persona.id), UNTOUCHED)
    answer = speaking([cell for cell in stored if cell.persona == persona.id])
    published = known.published
    return Entry(
        tool,
        persona,
        answer,
        known,
        stale=answer is not None and answer.fingerprint not in fresh,
        published_stale=published is not None and published.fingerprint not in fresh,
    )


def speaking(cells: list[StoredCell]) -> StoredCell | None:
    """Return the outcome that speaks for a persona: the first repeat's that has a verdict.

    The first one's where none has; None for no cells.
    """
    return next((cell for cell in cells if cell.outcome == "verdict"), cells[0] if cells else None)
