"""What the labels of a draw say of the panel: where it agrees, and its ship rate corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from panel.errors import UsageError
from panel.scorecard import no_judgement
from panel.stats.agreement import Agreement, agreement_of_ratings
from panel.stats.correction import (
    Calibration,
    Corrected,
    Stratum,
    cohen_kappa,
    prediction_powered,
    rogan_gladen_adjusted,
)
from panel.stats.votes import Interval, ShipOrSkip, wilson
from panel.store.connection import Connection
from panel.store.frames import HOUSE, demo_models
from panel.store.labels import DrawnItem, Question, drawn_items, house_questions
from panel.text import counted

FEWEST_LABELS = 50  # labelled questions, to correct a rate
FEWEST_EACH = 10  # that people ship, and that they skip, to know what the panel says of such


@dataclass(frozen=True, slots=True)
class Table:
    """How often panel and people said what: panel's word first, then the people's."""

    ship_ship: int = 0
    ship_skip: int = 0
    skip_ship: int = 0
    skip_skip: int = 0

    @property
    def n(self) -> int:
        """All questions of the table."""
        return self.ship_ship + self.ship_skip + self.skip_ship + self.skip_skip

    @property
    def agreed(self) -> int:
        """Those on which both say the same."""
        return self.ship_ship + self.skip_skip

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of panel and people; None where it is not estimable."""
        return cohen_kappa(self.ship_ship, self.ship_skip, self.skip_ship, self.skip_skip)

    @property
    def calibration(self) -> Calibration:
        """What the panel says of what people ship, and of what they skip."""
        return Calibration(
            self.ship_ship,
            self.ship_ship + self.skip_ship,
            self.skip_skip,
            self.skip_skip + self.ship_skip,
        )


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What ``panel labels report`` says of one draw.

    drawn: its questions; labelled: those with a label; tied: of these, those on which as many
    people ship as skip, which count nowhere else. population, population_ships: the questions it
    was drawn from. labels: by labeller. personas: a table for each. between: the
    agreement of all labellers with each other. ships, votes: the panel's present majorities
    on the same model. reworded: labelled questions whose wording is another one now. The two
    corrected rates are words where they are refused: why.
    """

    draw: str
    drawn_at: str
    model_identity: str
    drawn: int
    labelled: int
    tied: int
    population: int
    population_ships: int
    labels: dict[str, int]
    table: Table
    personas: dict[str, Table]
    between: Agreement
    ships: int
    votes: int
    reworded: int
    prediction_powered: Corrected | str
    rogan_gladen: Corrected | str


def label_report(connection: Connection, draw: str | None = None) -> LabelReport:
    """Work out what the labels of a draw say; None: of the latest one that has a label.

    Raises UsageError where there is no such draw, or no label, and for a demo model's.
    """
    items = _items(drawn_items(connection), draw)
    first = items[0]
    if first.model_identity in demo_models(connection, HOUSE):
        raise UsageError(no_judgement([first.model_identity]))
    voted = {item.item: _majority(item) for item in items}
    judged = [item for item in items if voted[item.item] is not None]
    pairs = [(item, voted[item.item]) for item in judged]
    table = _table(pairs)
    present = [
        each for each in house_questions(connection) if each.model_identity == first.model_identity
    ]
    majorities = [each.verdict for each in present if each.verdict is not None]
    ships, votes = majorities.count("ship"), len(majorities)
    return LabelReport(
        draw=first.draw,
        drawn_at=first.drawn_at,
        model_identity=first.model_identity,
        drawn=len(items),
        labelled=sum(bool(item.labels) for item in items),
        tied=sum(bool(item.labels) for item in items) - len(judged),
        population=first.population,
        population_ships=first.population_ships,
        labels=dict(sorted(Counter(who for item in items for who in item.labels).items())),
        table=table,
        personas={
            persona: _table([pair for pair in pairs if pair[0].persona == persona])
            for persona in sorted({item.persona for item in judged})
        },
        between=agreement_of_ratings(item.labels.values() for item in items),
        ships=ships,
        votes=votes,
        reworded=_reworded(judged, present),
        prediction_powered=_powered(first, pairs),
        rogan_gladen=_rogan_gladen(ships, votes, table),
    )


def _items(items: list[DrawnItem], draw: str | None) -> list[DrawnItem]:
    if draw is not None and draw not in {item.draw for item in items}:
        known = ", ".join(dict.fromkeys(item.draw for item in items)) or "none"
        raise UsageError(f"{draw!r} is no draw of this workspace; it has: {known}.")
    labelled = [item.draw for item in items if item.labels and draw in (None, item.draw)]
    if not labelled:
        raise UsageError(
            "no label has been imported. 'panel labels draw 100 --out sheet.csv' writes a sheet, "
            "and 'panel labels import sheet.csv' takes it in once it is filled in."
        )
    return [item for item in items if item.draw == labelled[-1]]


def _majority(item: DrawnItem) -> ShipOrSkip | None:
    said = list(item.labels.values())
    ships = said.count("ship")
    if 2 * ships == len(said):
        return None
    return "ship" if 2 * ships > len(said) else "skip"


_Pair = tuple[DrawnItem, ShipOrSkip | None]


def _table(pairs: Sequence[_Pair]) -> Table:
    counts = Counter((item.verdict, label) for item, label in pairs)
    words: tuple[ShipOrSkip, ...] = ("ship", "skip")
    return Table(*(counts[panel, people] for panel in words for people in words))


def _reworded(judged: Sequence[DrawnItem], present: Sequence[Question]) -> int:
    now = {(each.tool, each.persona): each.wording for each in present}
    return sum(now.get((item.tool, item.persona)) != item.wording for item in judged)


def _too_few(labelled: int) -> str:
    found = counted(labelled, "labelled question is", "labelled questions are")
    return f"{found} fewer than {FEWEST_LABELS}"


def _powered(first: DrawnItem, pairs: Sequence[_Pair]) -> Corrected | str:
    if len(pairs) < FEWEST_LABELS:
        return _too_few(len(pairs))
    sizes = {"ship": first.population_ships, "skip": first.population - first.population_ships}
    strata = [
        Stratum(
            size,
            word == "ship",
            [(label == "ship", item.probability) for item, label in pairs if item.verdict == word],
        )
        for word, size in sizes.items()
        if size
    ]
    return prediction_powered(strata) or "no question is labelled"


def _rogan_gladen(ships: int, votes: int, table: Table) -> Corrected | str:
    gold = table.calibration
    if table.n < FEWEST_LABELS:
        return _too_few(table.n)
    for word, many in (("ship", gold.ships), ("skip", gold.skips)):
        if many < FEWEST_EACH:
            return f"people {word} {many} of the questions, fewer than {FEWEST_EACH}"
    if not votes:
        return "the panel has no present verdict to correct"
    found = rogan_gladen_adjusted(ships, votes, gold)
    return found or "the panel is not better than chance: sensitivity + specificity <= 1"


def share(successes: int, n: int) -> tuple[float | None, Interval | None]:
    """Return a share in percent and its Wilson interval; None of none."""
    return (100 * successes / n if n else None), wilson(successes, n)
