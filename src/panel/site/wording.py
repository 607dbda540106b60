"""Says a tool's verdict in words: "Divided: Builder and Analyst ship, Skeptic skips"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from panel.scorecard import EDITED, AskedAgain, PersonaLine, Scorecard, Take, VerdictChange
from panel.site.formats import LONGEST_NOTE, NO_VOTES, Standing, count_word, standing
from panel.text import counted, in_quotes, sentence, shortened

_VERBS: dict[Standing, tuple[str, str]] = {
    "ship": ("ships", "ship"),
    "skip": ("skips", "skip"),
    "tied": ("is undecided", "are undecided"),
    "abstain": ("abstains", "abstain"),
}
_WHY = {  # the reasons of a change, in the words of `panel plan`, for readers
    "new": "",
    EDITED: "",
    "asked again": "The same question was asked again.",
    "description changed": "The description had changed.",
    "persona changed": "What this reviewer looks at had changed.",
    "guidance changed": "An editor’s note on the question had changed.",
    "template changed": "The wording of the question had changed.",
    "settings changed": "The model’s settings had changed.",
    "model changed": "Another model was asked.",
}
DIVIDED = "Divided: "
NONE_YET = "No verdict yet"
EARLIER = "No verdict on the present description yet"
DEMO_WORDS = "Picked by a demo model: no judgement"
UNPUBLISHED = "not published"
MOST_NAMED = 4  # of more on one side the number is said; the row of reviewers names them


def verdict_in_words(card: Scorecard) -> str:
    """Return what the reviewers say of a tool, by the majority of each one's answers.

    Whoever has said nothing is left out; ``public_verdict`` says how many those are. Of whom only
    confirmed words speak, it says so.
    """
    if card.demo:
        return DEMO_WORDS
    said, confirmed = _said(card), confirmation(card)
    return f"{said}; {confirmed[0].lower()}{confirmed[1:]}" if confirmed else said


def _said(card: Scorecard) -> str:
    said: dict[Standing, list[PersonaLine]] = {}
    for line in card.lines:
        said.setdefault(standing(line), []).append(line)
    groups = {kind: said[kind] for kind in _VERBS if kind in said}
    if not groups:
        written = any(line.take and line.take.outcome == "verdict" for line in card.lines)
        return EARLIER if written else NONE_YET
    if len(groups) == 1 and len(said) == 1 and len(card.lines) > 1:
        ((kind, lines),) = groups.items()
        return f"{_all(lines)} {_VERBS[kind][1]}"
    parts = [f"{_names(lines)} {_VERBS[kind][len(lines) > 1]}" for kind, lines in groups.items()]
    ships, skips = len(said.get("ship", ())), len(said.get("skip", ()))
    start = DIVIDED if ships == skips > 0 else ""
    words = start + ("; " if any("," in part for part in parts) else ", ").join(parts)
    return words[0].upper() + words[1:]


def confirmation(card: Scorecard) -> str:
    """Say whose words stand by an editor's word alone; "" where nobody's do."""
    lines = [line for line in card.lines if line.confirmed]
    if not lines or card.demo:
        return ""
    if len(lines) == sum(standing(line) in _VERBS for line in card.lines):
        whose = f"{'their' if len(lines) > 1 else 'its'} earlier words"
    else:
        whose = f"the earlier words of {_names(lines)}"
    return f"An editor says that {whose} still stand"


def public_verdict(card: Scorecard) -> str:
    """Return the verdict in words, with the reviewers that readers have nothing of.

    "Builder ships; three reviewers are not published".
    """
    return _with_missing(card, verdict_in_words(card))


def _with_missing(card: Scorecard, words: str) -> str:
    missing = sum(line.take is None for line in card.lines)
    if not missing or card.demo:
        return words
    if missing == 1:
        return f"{words}; one reviewer is {UNPUBLISHED}"
    return f"{words}; {count_word(missing).lower()} reviewers are {UNPUBLISHED}"


def headline(card: Scorecard) -> str:
    """Return a headline for a tool without one of an editor: its name, and the verdict in words.

    It is short: ``confirmation`` stands beside it, not in it.
    """
    if card.demo:
        return card.name
    words = _with_missing(card, _said(card))
    if words.startswith(DIVIDED):
        return f"{card.name} divides the panel: {words.removeprefix(DIVIDED)}"
    lowered = words.startswith(("All ", "Both ", "No "))
    return f"{card.name}: {words[0].lower() + words[1:] if lowered else words}"


def page_title(name: str, card: Scorecard) -> str:
    """Return the title of a tool's page; name: the tool's. A demo model answers no question."""
    return name if card.demo else f"{name}: ship or skip?"


def divided(card: Scorecard) -> bool:
    """Whether one reviewer ships and another skips, by the majority of each one's answers."""
    return not card.demo and {"ship", "skip"} <= {standing(line) for line in card.lines}


def leanings(card: Scorecard) -> tuple[str, ...]:
    """Return by which filters of a list a tool is shown: "ships" or "skips", and "divided".

    Only votes tell which side has most, as in its share: confirmed words are none.
    """
    votes = [standing(line) for line in card.lines if line.tally.n]
    ships, skips = votes.count("ship"), votes.count("skip")
    if card.demo:
        return ()
    side = ("ships",) if ships > skips else ("skips",) if skips > ships else ()
    return side + (("divided",) if divided(card) else ())


def word_of(line: PersonaLine) -> tuple[Standing, str]:
    """Return what one reviewer says, and the words for it: ("ship", "ships").

    A published take whose question has changed since has no vote: its words say so.
    """
    kind = standing(line)
    if kind == "unasked" and line.take is not None and line.take.answered is not None:
        return line.take.answered, f"{_VERBS[line.take.answered][0]}, written earlier"
    if kind == "tied":
        return kind, "undecided"
    return kind, _VERBS[kind][0] if kind in _VERBS else UNPUBLISHED


def without_votes(lines: Iterable[PersonaLine], word: str = "published") -> str:
    """Say of a reviewer without a vote whether readers see verdicts of it all the same.

    lines: its own, of every tool. word: what the site's takes are, "published" or "shown".
    """
    takes = [line.take for line in lines if line.take and line.take.outcome == "verdict"]
    if not takes:
        return f"No verdict {word} yet"
    present = NO_VOTES if len(takes) == 1 else NO_VOTES.replace("description", "descriptions")
    return f"{counted(len(takes), 'verdict')} {word}, {present}"


def pair_shares(left: Scorecard, right: Scorecard) -> str:
    """Return who ships of two tools, with n; in words where one has no votes."""
    voted = [card for card in (left, right) if card.result.n]
    if len(voted) == 2:
        both = [f"{card.result.ships} of {card.result.n}" for card in voted]
        return f"{' and '.join(both)} ship"
    if not voted:
        return "No votes yet on either"
    [silent] = [card for card in (left, right) if not card.result.n]
    [ships] = [f"{card.result.ships} of {card.result.n}" for card in voted]
    return f"{ships} ship {voted[0].name}, no votes yet on {silent.name}"


def signed(take: Take) -> str:
    """Return the verdict of a take; where an editor has set another, both, and whose each is."""
    if take.verdict_reason:
        return f"{take.answered} by the reviewer, {take.verdict} by the editor"
    return f"{take.verdict}"


def pair_in_words(left: Scorecard, right: Scorecard, public: bool = False) -> str:
    """Return which reviewers ship which of two tools, those who ship something first.

    "Builder and Analyst ship both; Skeptic ships only Codestral; Futurist skips both". Whoever has
    no published take on either is left out. The cards have the same reviewers in the same order;
    public: they are those of readers, who see nothing of a reviewer that is not published.
    """
    if left.demo or right.demo:
        return DEMO_WORDS
    said: dict[tuple[Standing, Standing], list[PersonaLine]] = {}
    for one, other in zip(left.lines, right.lines, strict=True):
        both = (standing(one), standing(other))
        if any(each in _VERBS for each in both):
            said.setdefault(both, []).append(one)
    groups = sorted(said, key=lambda both: _PAIR_ORDER.index(both) if both in _PAIR_ORDER else 9)
    if not groups:
        return NONE_YET
    tools = left.name, right.name
    if len(groups) == 1 and len(said[groups[0]]) == len(left.lines) > 1:
        who = _all(said[groups[0]]).replace("Both", "Both reviewers")
        return f"{who} {_of_both(groups[0], tools, True, public)}{_confirmed_on(left, right)}"
    words = "; ".join(
        f"{_names(said[both])} {_of_both(both, tools, len(said[both]) > 1, public)}"
        for both in groups
    )
    return words[0].upper() + words[1:] + _confirmed_on(left, right)


def _confirmed_on(left: Scorecard, right: Scorecard) -> str:
    """Say on which of two tools words stand by an editor's word alone."""
    tools = [card.name for card in (left, right) if any(line.confirmed for line in card.lines)]
    return (
        f"; an editor says that earlier words on {' and '.join(tools)} still stand" if tools else ""
    )


_PAIR_ORDER: list[tuple[Standing, Standing]] = [
    ("ship", "ship"),
    ("ship", "skip"),
    ("skip", "ship"),
    ("skip", "skip"),
]


def _of_both(
    both: tuple[Standing, Standing], tools: tuple[str, str], many: bool, public: bool
) -> str:
    """Say what reviewers do with two tools, after their names."""
    if both in _PAIR_ORDER:
        if both[0] == both[1]:
            return f"{_VERBS[both[0]][many]} both"
        return f"{_VERBS['ship'][many]} only {tools[both.index('ship')]}"
    parts = []
    for each, tool in zip(both, tools, strict=True):
        if each in _VERBS:
            verb = _VERBS[each][many]
        elif public:
            verb = f"{'are' if many else 'is'} {UNPUBLISHED}"
        else:
            verb = f"{'have' if many else 'has'} no verdict"
        parts.append(f"{verb}{'' if each in ('ship', 'skip') else ' on'} {tool}")
    return " and ".join(parts)


def _all(lines: Sequence[PersonaLine]) -> str:
    return "Both" if len(lines) == 2 else f"All {count_word(len(lines)).lower()}"


def _names(lines: Sequence[PersonaLine]) -> str:
    if len(lines) > MOST_NAMED:
        return count_word(len(lines)).lower()
    *most, last = [line.name for line in lines]
    return f"{', '.join(most)} and {last}" if most else last


def change_in_words(change: VerdictChange, name: str) -> str:
    """Return what became of a reviewer's verdict and why; name: the reviewer's."""
    if change.demo:
        told = f"{name}: a demo model picked sentences, which is no judgement."
    elif change.edited and change.before is None:
        told = f"{_editor(change)} gave the first verdict in place of {name}: {change.after}."
    elif change.before is None and change.asked_again:
        told = f"First published verdict of {name}: {change.after}."
    elif change.before is None:
        told = f"{name} gave a first verdict: {change.after}."
    else:
        told = f"{turn_in_words(change, name)}."
    why = f"The reviewer said {change.said}." if change.said else ""
    told = f"{told} {_WHY.get(change.reason, sentence(change.reason)) or why}".rstrip()
    asked = "" if change.demo else asked_in_words(change.asked_again, name)
    return f"{told} {asked}".rstrip()


def asked_in_words(asked: Sequence[AskedAgain], name: str) -> str:
    """Return with which notes editors asked a reviewer again, and what it answered each time.

    "Skeptic first answered skip; Ada, an editor, asked again with a note (“…”), and the answer was
    ship." "" for no notes.
    """
    if not asked:
        return ""
    first = [f"{name} first answered {asked[0].before}"] if asked[0].before else []
    steps = [
        f"{each.editor}, an editor, asked again with a note "
        f"({in_quotes(shortened(' '.join(each.note.split()), LONGEST_NOTE))}), "
        f"and {f'the answer was {each.after}' if each.after else 'there was no verdict'}"
        for each in asked
    ]
    return f"{'; '.join((*first, *steps))}."


def turn_in_words(change: VerdictChange, name: str) -> str:
    """Return who turned a reviewer's verdict, and how; name: the reviewer's."""
    return f"{who_turned(change, name)} from {change.before} to {change.after}"


def who_turned(change: VerdictChange, name: str) -> str:
    """Return who turned a verdict, up to the verb; name: the reviewer's."""
    return f"{_editor(change)} turned the verdict of {name}" if change.edited else f"{name} turned"


def _editor(change: VerdictChange) -> str:
    return f"{change.editor}, an editor," if change.editor else "An editor"
