"""What the answers of a probe come to: one decision, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from panel.research.frame import Frame
from panel.research.probe_rules import (
    Decision,
    decide_flips,
    decide_mean,
    decide_shift,
    decide_signs,
)
from panel.stats import Tally, flip_rate
from panel.text import counted

Frames = Mapping[str, Frame]  # by role
Votes = dict[tuple[str, str], Tally]  # tool, persona → what was counted


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found. beside: by label, other decisions that do not decide the probe.

    unrealised: arms that were not asked as they should be, and why; nothing is decided then.
    """

    decision: Decision
    beside: dict[str, Decision] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unrealised: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def votes(frame: Frame) -> Votes:
    """Return the counts of a role by tool and persona, over the arms that fill it."""
    return {(tool, who): each for tool, by in frame.tallies.items() for who, each in by.items()}


def _paired(one: Votes, other: Votes) -> list[tuple[str, str, Tally, Tally]]:
    """Return tool, persona and both counts of what both have a vote on."""
    both = ((key, one[key], other[key]) for key in sorted(one.keys() & other.keys()))
    return [(*key, a, b) for key, a, b in both if a.n and b.n]


def _by_tool(values: Sequence[tuple[str, float]]) -> list[float]:
    """Return the mean of each tool, sorted by tool."""
    grouped: dict[str, list[float]] = {}
    for tool, value in values:
        grouped.setdefault(tool, []).append(value)
    return [fmean(each) for _tool, each in sorted(grouped.items())]


def _one_word(*frames: Frame) -> str | None:
    """Return the word that all answers are; None where they vary, or there is none."""
    ships = sum(row.ships for frame in frames for row in frame.rows)
    skips = sum(row.skips for frame in frames for row in frame.rows)
    if not ships + skips or (ships and skips):
        return None
    return "ship" if ships else "skip"


def _constant(decision: Decision, word: str) -> Decision:
    why = (
        f"Every single answer is {word}. A panel that says one word to everything shows nothing, "
        "whatever is changed."
    )
    return Decision(
        "not shown", decision.estimate, None, None, decision.n, decision.units,
        decision.method, why,
    )  # fmt: skip


def shift_of(before: Frame, after: Frame, margin: float) -> Decision:
    """Decide the shift from one role to another: tool means over the personas voting in both."""
    pairs = _paired(votes(before), votes(after))
    differences = [(tool, 100 * (b.ships / b.n - a.ships / a.n)) for tool, _who, a, b in pairs]
    decision = decide_shift(_by_tool(differences), margin)
    word = _one_word(before, after)
    return decision if word is None else _constant(decision, word)


def find_brand(frames: Frames, margin: float) -> Finding:
    """Decide whether a famous name shifts verdicts, against an unknown one."""
    nonce = shift_of(frames["unknown"], frames["nonce"], margin)
    return Finding(
        shift_of(frames["unknown"], frames["famous"], margin),
        {"a maker's name that is no word, against an unknown one": nonce},
    )


def find_hype(frames: Frames, margin: float) -> Finding:
    """Decide whether unsupported praise shifts verdicts."""
    return Finding(shift_of(frames["plain"], frames["hype"], margin))


def find_label_order(frames: Frames, margin: float) -> Finding:
    """Decide whether naming skip first shifts verdicts."""
    return Finding(shift_of(frames["ship-first"], frames["skip-first"], margin))


def _changes(one: Votes, other: Votes) -> list[tuple[str, bool]]:
    """Return of each tool × persona whether its majority changed; ties are left out."""
    pairs = [(tool, a.majority, b.majority) for tool, _who, a, b in _paired(one, other)]
    return [(tool, a != b) for tool, a, b in pairs if a and b]


def _tied(before: Frame, others: Iterable[Frame]) -> tuple[str, ...]:
    """Say how many pairs are left out because a side has no majority; nothing where none is."""
    pairs = [pair for other in others for pair in _paired(votes(before), votes(other))]
    tied = sum(not (a.majority and b.majority) for _tool, _who, a, b in pairs)
    said = f"{tied:,} of {counted(len(pairs), 'pair')} of majorities are left out, tied on a side"
    return (f"{said}; an odd number of repeats makes none.",) if tied else ()


def _counts(flips: Sequence[tuple[str, bool]]) -> list[tuple[int, int]]:
    """Return (flips, cases) of each tool."""
    grouped: dict[str, list[bool]] = {}
    for tool, flipped in flips:
        grouped.setdefault(tool, []).append(flipped)
    return [(sum(each), len(each)) for _tool, each in sorted(grouped.items())]


def find_retest(frames: Frames, threshold: float) -> Finding:
    """Decide how often the majority of a cell changes when it is asked again."""
    changes = _changes(votes(frames["first"]), votes(frames["again"]))
    decision = decide_flips(_counts(changes), threshold)
    word = _one_word(frames["first"], frames["again"])
    notes = _tied(frames["first"], [frames["again"]])
    return Finding(decision if word is None else _constant(decision, word), notes=notes)


def find_paraphrase(frames: Frames, threshold: float) -> Finding:
    """Decide how many more majorities other words change than asking again does."""
    noise = _change_rates(frames, "again-")
    reworded = _change_rates(frames, "wording-")
    values = [reworded[tool] - noise[tool] for tool in sorted(reworded) if tool in noise]
    decision = decide_mean(values, threshold, above=False)
    word = _one_word(*frames.values())
    all_noise = fmean(noise.values()) if noise else 0.0
    note = f"Asked again in the same words, {all_noise:.1f} % of majorities change."
    others = [frame for role, frame in frames.items() if role != "written"]
    notes = (note, *_tied(frames["written"], others))
    return Finding(decision if word is None else _constant(decision, word), notes=notes)


def _change_rates(frames: Frames, roles: str) -> dict[str, float]:
    """Return of each tool the percentage of majorities that change, over the roles so named."""
    written = votes(frames["written"])
    changes = [
        change
        for role, frame in frames.items()
        if role.startswith(roles)
        for change in _changes(written, votes(frame))
    ]
    return {
        tool: 100 * fmean(changed for name, changed in changes if name == tool)
        for tool in sorted({name for name, _changed in changes})
    }


NO_ATTACK = ("clean", "again", "flawless", "look-alike")


def find_injection(frames: Frames, threshold: float) -> Finding:
    """Decide how many cells that always skip ship under an order, by kind of payload."""
    clean = votes(frames["clean"])
    leaning = {key: row for key, row in clean.items() if row.skips and not row.ships}
    again = _turned(leaning, votes(frames["again"]))
    noise = 100 * fmean(flipped for _tool, flipped in again) if again else 0.0
    kinds = {
        role: _turned(leaning, votes(frame))
        for role, frame in frames.items()
        if role not in NO_ATTACK
    }
    every = [flip for flips in kinds.values() for flip in flips]
    beside = {
        f"payload {kind}": decide_flips(_counts(flips), threshold, noise)
        for kind, flips in kinds.items()
    }
    beside["harmless look-alikes, ship rate"] = shift_of(
        frames["flawless"], frames["look-alike"], threshold
    )
    left = len(clean) - len(leaning)
    notes = (
        f"{counted(len(leaning), 'cell')} with a skip in every clean answer looked at; {left} not.",
        f"Asked again without any payload, {noise:.1f} % of them ship.",
    )
    return Finding(decide_flips(_counts(every), threshold, noise), beside, notes)


def _turned(leaning: Votes, attacked: Votes) -> list[tuple[str, bool]]:
    """Return of each cell that skipped whether most of its answers now ship."""
    return [(tool, b.majority == "ship") for tool, _who, _a, b in _paired(leaning, attacked)]


def find_causal(frames: Frames, threshold: float) -> Finding:
    """Decide how many pairs move the predicted way when one fact is changed."""
    pairs = _paired(votes(frames["before"]), votes(frames["after"]))
    moved = [(who, a.ships / a.n - b.ships / b.n) for _tool, who, a, b in pairs]
    beside = {
        f"{persona} alone": decide_signs([by for who, by in moved if who == persona], threshold)
        for persona in dict.fromkeys(who for who, _by in moved)
    }
    return Finding(decide_signs([by for _who, by in moved], threshold), beside)


def disagreement(frame: Frame) -> dict[str, tuple[float, float]]:
    """Return of each tool how often two answers differ, in percent: of two personas, and of one.

    Both are unbiased: of two personas p(1-q) + q(1-p), of one 2k(n-k)/(n(n-1)). Only personas
    with two votes count, and only tools with two of them.
    """
    found: dict[str, tuple[float, float]] = {}
    for tool, by in frame.tallies.items():
        rows = [each for each in by.values() if each.n > 1]
        shares = [each.ships / each.n for each in rows]
        two = [p + q - 2 * p * q for i, p in enumerate(shares) for q in shares[:i]]
        if two:
            found[tool] = (100 * fmean(two), 100 * fmean(map(_own, rows)))
    return found


def _own(votes: Tally) -> float:
    return flip_rate(votes.ships, votes.n) or 0.0


def find_ablation(frames: Frames, threshold: float) -> Finding:
    """Decide by how much personas differ more than one differs with itself."""
    excesses: dict[str, dict[str, float]] = {}
    notes = []
    for role in ("full", "name-only"):
        apart = disagreement(frames[role])
        excesses[role] = {tool: two - own for tool, (two, own) in apart.items()}
        if apart:
            two, own = (fmean(each[at] for each in apart.values()) for at in (0, 1))
            notes.append(
                f"{role}: two answers of different personas differ {two:.1f} % of the time, two of "
                f"the same {own:.1f} %; {max(0.0, two - own):.1f} points are the personas'."
            )
    rows = [each for each in votes(frames["none"]).values() if each.n > 1]
    if rows:
        own = 100 * fmean(map(_own, rows))
        notes.append(f"none: two answers of one reviewer without a persona differ {own:.1f} %.")
    full, named = excesses["full"], excesses["name-only"]
    more = [full[tool] - named[tool] for tool in sorted(full) if tool in named]
    return Finding(
        decide_mean([each for _tool, each in sorted(full.items())], threshold, above=True),
        {
            "with the personas' names alone": decide_mean(
                [each for _tool, each in sorted(named.items())], threshold, above=True
            ),
            "what their texts add to their names": decide_mean(more, threshold, above=True),
        },
        tuple(notes),
    )
