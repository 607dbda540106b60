"""What a panel's own figures come to, in sentences for the terminal and for readers."""

from __future__ import annotations

from panel.site.formats import count_word
from panel.stats import ENOUGH, PanelHealth, PersonaRate


def sentence(health: PanelHealth, model: str) -> str:
    """Return one sentence on how many independent votes the panel is; model: who was asked."""
    who = _who(health)
    if health.demo:
        return f"Verdicts of {model}, a demo model, say nothing of how independent the votes are."
    if len(health.voting) < 2:
        return f"It takes the votes of two reviewers to compare them; {model} has {who}."
    if health.complete < ENOUGH:
        tools = "tool has" if health.complete == 1 else "tools have"
        return (
            f"Too few tools to say how many independent votes these {who} are: on {model}, "
            f"{health.complete} {tools} a vote of each, and it takes {ENOUGH}."
        )
    if health.effective is None or health.interval is None:
        return (
            f"On {model}, no two of these {who} vary on the same tools, so nothing tells how many "
            "independent votes they are."
        )
    low, high = (f"{end:.1f}" for end in (health.interval.low, health.interval.high))
    if low == high == f"{len(health.voting):.1f}":  # as many as there are, in every sample
        return (
            f"On {model}, nothing tells that these {who} count as fewer independent votes than "
            f"they are ({health.complete:,} tools)."
        )
    return (
        f"On {model}, these {who} count as about {health.effective:.1f} independent votes "
        f"(95 % interval {low} to {high}, {health.complete:,} tools)."
    )


def left_out(each: PersonaRate, name: str) -> str:
    """Return one sentence on a persona without a phi to any other, which adds no vote."""
    word = "ships" if each.votes.ships else "skips"
    if each.constant and not each.ties:
        word = "says the same of" if each.votes.demo else word
        return f"{name} {word} every tool, so it adds no vote of its own."
    said = "" if each.votes.demo else f" ({each.said})"
    return (
        f"{name} adds no vote of its own: on the tools on which it and another have a majority, "
        f"one of the two never varies{said}."
    )


def warning(health: PanelHealth) -> str | None:
    """Return one sentence where the reviewers count for less than half as many; else None.

    Of a demo model's verdicts there is no percentage to warn of.
    """
    if health.demo or not health.below_half:
        return None
    who = _who(health)
    if health.effective is None:
        return (
            f"Hardly one of these {who} ever changes its verdict: their percentage tells next to "
            "nothing about a tool."
        )
    return (
        f"These {who} count for less than half as many independent votes: as one of "
        "reviewers, their percentage is less certain than its interval says."
    )


def _who(health: PanelHealth) -> str:
    count = len(health.voting)
    return f"{count_word(count).lower()} reviewer{'' if count == 1 else 's'}"
