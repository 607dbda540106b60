"""Says a tool's verdict in words: "Split: Builder and Analyst ship, Skeptic and Futurist skip"."""

from __future__ import annotations

from collections.abc import Sequence

from panel.scorecard import PersonaLine, Scorecard
from panel.site.formats import Standing, count_word, standing

_VERBS: dict[Standing, tuple[str, str]] = {
    "ship": ("ships", "ship"),
    "skip": ("skips", "skip"),
    "tied": ("is undecided", "are undecided"),
    "abstain": ("abstains", "abstain"),
}
NONE_YET = "No verdict yet"
DEMO_WORDS = "Picked by a demo model: no judgement"


def verdict_in_words(card: Scorecard) -> str:
    """Return what the reviewers say of a tool, by the majority of each one's answers.

    Whoever has no published take is left out; the page says so beside it.
    """
    if card.demo:
        return DEMO_WORDS
    said: dict[Standing, list[PersonaLine]] = {}
    for line in card.lines:
        said.setdefault(standing(line), []).append(line)
    groups = {kind: said[kind] for kind in _VERBS if kind in said}
    if not groups:
        return NONE_YET
    if len(groups) == 1:
        ((kind, lines),) = groups.items()
        if len(lines) == 1:
            return f"{lines[0].name} {_VERBS[kind][0]}"
        many = "Both" if len(lines) == 2 else f"All {count_word(len(lines)).lower()}"
        return f"{many} {_VERBS[kind][1]}"
    parts = [f"{_names(lines)} {_VERBS[kind][len(lines) > 1]}" for kind, lines in groups.items()]
    start = "Split: " if len(said.get("ship", ())) == len(said.get("skip", ())) else ""
    return start + ", ".join(parts)


def _names(lines: Sequence[PersonaLine]) -> str:
    *most, last = [line.name for line in lines]
    return f"{', '.join(most)} and {last}" if most else last
