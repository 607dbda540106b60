"""Tells what a take assumes of an imagined user from what it says of the tool.

"A clinic in Lyon with 300 staff", "firms of forty", "a 2,000-page report" and "by 2029 a million
archives will" claim nothing that a description could hold.
"""

from __future__ import annotations

import re

from panel.checks.findings import Span
from panel.checks.quantities import Quantity
from panel.checks.sentences import Sentences
from panel.checks.words import listed, one_of, wanted, words_in

REACH = 60  # characters before a figure or name that are read

_USERS = listed(
    "team firm company clinic hospital shop store agency newsroom charity school university "
    "college court library lab laboratory startup studio bank office department ministry council "
    "museum practice bureau broadcaster cooperative co-op hotel restaurant bakery farm factory "
    "warehouse insurer brokerage consultancy organisation organization business enterprise "
    "household family parish municipality city town village utility airline retailer wholesaler "
    "supermarket pharmacy foundation publisher group crew squad analyst accountant lawyer nurse "
    "doctor clerk engineer developer manager director officer teacher student researcher "
    "journalist reporter librarian translator designer paralegal bookkeeper founder freelancer "
    "consultant administrator operator dispatcher planner buyer clinician physician therapist "
    "pharmacist scientist archivist curator auditor actuary underwriter broker adviser advisor "
    "technician programmer maintainer tester recruiter secretary registrar solicitor barrister "
    "judge photographer musician podcaster producer novelist farmer baker owner tutor professor "
    "linguist interpreter mechanic plumber electrician architect surveyor desk committee institute"
)
# What a user brings to a tool, and what the tool does not consist of.
_BROUGHT = listed(
    "report contract book manual filing codebase repository monorepo thesis archive spreadsheet "
    "backlog interview recording lecture meeting hearing podcast catalogue inbox ledger dossier "
    "brochure tender deposition transcript novel portfolio correspondence invoice statement job "
    "project site schema warehouse queue budget mailbox collection workload migration refactoring "
    "refactor changeset commit ruling judgment memo letter article dataset notebook"
)


def _plurals(words: list[str]) -> list[str]:
    return [word[:-1] + "ies" if word[-1] == "y" else word + "s" for word in words]


_USERS += _plurals(_USERS)
_BROUGHT += _plurals(_BROUGHT)
_NOUNS = frozenset(_USERS + _BROUGHT)
_USER, _BRINGS = one_of(_USERS), one_of(_BROUGHT)
_OPENED = wanted(
    "a an one any some every each another imagine suppose supposing picture assume assuming say "
    "take consider think give feed hand someone anyone whoever somebody wanting",
    rf"""
    \b(?: (?: an?|one|any|some|every|each|another )\s+ (?: [\w'’-]+\s+ ){{0,4}}? (?: {_USER} )\b
      | imagine|suppose|supposing|picture|assume|assuming|whoever|wanting
      | (?: say|take|consider|think\sof|give\sit|feed\sit|hand\sit ),?\s+ an?\b
      | (?: someone|anyone|somebody )\s+ (?: who|with|whose|running|at|in ) )\b
    """,
)
_PEOPLE = frozenset(_USERS) | frozenset(
    listed(
        "imagine suppose supposing picture assume assuming whoever someone anyone somebody say "
        "take consider think give feed hand wanting"
    )
)
_ANYBODY = wanted(
    " ".join(re.split(r"\W", word)[0] for word in _PEOPLE),  # "co" of "co-op"
    rf"\b(?:{one_of(sorted(_PEOPLE))})\b",
)
_GOES_ON = re.compile(r"\W*(?:he|she|they|their|his|her|there)\b", re.I)
_ABOUT = frozenset(
    listed("about some roughly over nearly around almost another only just say perhaps")
)
_ABOUT_TWO = (["more", "than"], ["at", "least"], ["fewer", "than"], ["less", "than"])
_HAVE = frozenset(  # right before a figure that belongs to somebody
    listed(
        "with of has have having had holding holds owns owning keeps keeping brings uploads sends "
        "feeds feeding drops hands records handles handling processes receives receiving "
        "processing files runs running employs employing serves serving on"
    )
)
_LINKS = frozenset(listed("of with holding containing"))  # "firms of forty"
_ARTICLES = frozenset(listed("a an one any some every each another"))
_COMPOUND = re.compile(rf"-\w+ (?: \s[\w-]+ ){{0,2}} \s (?: {_USER}|{_BRINGS} )\b", re.I | re.X)
# Up to two words before a figure, or up to four: it says something of the tool.
_STATED = frozenset(
    listed(
        "the its this that these those stated claimed published advertised promised quoted listed "
        "documented measured reported same"
    )
)
_TOOLS = frozenset(
    listed(
        "it itself software service engine plan model version vendor maker page copy description "
        "limit cap ceiling maximum price rate benchmark accuracy"
    )
)
_WORD = re.compile(r"[\w'’-]+|[^\w\s]")
_AHEAD = wanted(
    "by before within until", r"\b(?:by|before|within|until)\s[^.,;]{0,30}?(?:20\d\d|years)\b"
)
_PRONOUNS = frozenset(listed("he she his her him hers"))
_WILL = wanted(
    "will shall would could may might until expect expects next",
    r"\b(?:will|shall|would|could|(?-i:may)|might|until|expects?|next)\b",
)
_PLACE = re.compile(
    r"\b(?:in|at|from|near|outside|around|across|of|to|writing|writes|maintaining)\s+"
    r"(?:the\s+|old\s+|legacy\s+|central\s+|rural\s+|northern\s+|southern\s+|eastern\s+|western\s+)?$",
    re.I,
)
_MODIFIES = re.compile(rf"(?: \s[\w-]+ )? \s (?: (?P<user> {_USER} ) | {_BRINGS} )\b", re.I | re.X)
_ROLES = frozenset(_USERS)  # "a junior designer, Tamsin"
_MEET = re.compile(r"\b(?:take|say|imagine|picture|suppose|consider|meet)\s(?:\w+\s){0,2}$", re.I)
_WHO = re.compile(
    r",\s(?:who|whose|an?|the|in|at|from|head|lead)\b|\s(?:who|in|at|from)\b|,\s\w+s\b"
)
_DOES = re.compile(r"(?:['’]s)?\s(?!is\b|has\b|was\b)[a-z]+s\b")
_AGED = re.compile(r"\b[A-Z][a-z]+,\s$")  # "Wilhelmina, 81, sits"
_PRONOUN = re.compile(r"\b(?:he|she|his|her|him|hers)\b")
_WITHIN = re.compile(r"\b(?:an?|one|any|some|every|each|another)\s+(?:[\w-]+\s+){0,2}$", re.I)


class Scenario:
    """What of a take's sentences is a scene with an imagined user, or a bet on the future."""

    def __init__(self, sentences: Sentences) -> None:
        self._peopled = bool(words_in(sentences.text).starts(_ANYBODY))
        self.sentences = sentences
        self._opened: dict[Span, int | None] = {}

    def assumes(self, quantity: Quantity, rival: bool) -> bool:
        """Whether a figure describes the imagined user or future, and not the tool.

        rival: whether the source has another number of the same things.
        """
        if quantity.kind in ("year", "date", "version", "times"):
            return False
        text, (start, end) = self.sentences.text, quantity.span
        if (
            quantity.bare
            and text[end : end + 1] == ","
            and _AGED.search(text, max(0, start - REACH), start)
        ):
            return True
        first, _last = self.sentences.around(start)
        words = _WORD.findall(text[max(first, start - REACH) : start].lower())
        while words and (words[-1] in _ABOUT or words[-2:] in _ABOUT_TWO):
            del words[-1 if words[-1] in _ABOUT else -2 :]
        if words[-2:] == ["up", "to"]:
            return False  # a limit
        if quantity.kind != "percent" and self._attached(words, end):
            return True
        if not _STATED.isdisjoint(words[-3:]) or not _TOOLS.isdisjoint(words[-5:]):
            return False
        if self.opened(start):
            if quantity.kind == "plain" and not quantity.unit and not rival:
                return True
            if _COMPOUND.match(text, _number_end(text, end)):
                return True
            has = words[-2:-1] if words[-1:] and words[-1] in ("a", "an", "in") else words[-1:]
            return quantity.kind != "percent" and not _HAVE.isdisjoint(has)
        return self._bet(start) and not quantity.unit and not rival

    def _attached(self, words: list[str], end: int) -> bool:
        """Whether the words before a figure make it one of firms, reports and the like."""
        if words[-1:] == ["and"]:  # "firms of five and five thousand"
            words = words[:-2]
        if words[-1:] and words[-1] in _LINKS and not _NOUNS.isdisjoint(words[-2:-1]):
            return True
        text = self.sentences.text
        return not _ARTICLES.isdisjoint(words[-2:]) and bool(
            _COMPOUND.match(text, _number_end(text, end))
        )

    def place(self, span: Span) -> bool:
        """Whether a name says where an imagined user is, or what kind of one it is."""
        text = self.sentences.text
        around = first, _last = self.sentences.around(span[0])
        if self._opening_of(around) is None:
            return False
        before = text[max(first, span[0] - REACH) : span[0]]
        if (noun := _MODIFIES.match(text, span[1])) and _WITHIN.search(before):
            return noun["user"] is not None or self.opened(span[0])
        return bool(_PLACE.search(before)) and self.opened(span[0])

    def person(self, span: Span) -> bool:
        """Whether a name is that of somebody made up: "Take Marit, who", "a nurse called Ines".

        A name alone is somebody where "he", "she" and the like go on from it.
        """
        text, (start, end) = self.sentences.text, span
        if not text[start:end].isalpha():
            return False
        first, last = self.sentences.around(start)
        before = text[max(first, start - REACH) : start].lower().replace(",", "").split()
        if before and (before[-1] in ("named", "called") or before[-1] in _ROLES):
            return True
        if _WHO.match(text, end) and (_MEET.search(text, first, start) or self.opened(start)):
            return True
        if not words_in(text).any_of(_PRONOUNS) or not _DOES.match(text, end):
            return False
        pronoun = _PRONOUN.search(text, end)  # a whole one: no "he" of "help"
        return pronoun is not None and pronoun.end() <= last + REACH

    def opened(self, position: int) -> bool:
        """Whether the sentence, up to a position, brings in a user who is made up."""
        opening = self._opening_of(self.sentences.around(position))
        return opening is not None and opening <= position

    def _opening_of(self, around: Span) -> int | None:
        if not self._peopled:
            return None
        if around not in self._opened:
            self._opened[around] = self._opening(around)
        return self._opened[around]

    def _opening(self, around: Span) -> int | None:
        text = self.sentences.text
        found = self._user(around)
        if found is None and around[0] and _GOES_ON.match(text, *around):
            before = self.sentences.around(around[0] - 2)
            if before != around and self._user(before) is not None:
                return around[0]
        return found

    def _user(self, around: Span) -> int | None:
        """Return where the words end that bring in a user in a sentence; None if none do."""
        if self.sentences.first(_ANYBODY, around) is None:
            return None
        return self.sentences.first(_OPENED, around)

    def looks_ahead(self, position: int) -> bool:
        """Whether the sentence speaks of what will or would be."""
        return self.sentences.first(_WILL, self.sentences.around(position)) is not None

    def _bet(self, position: int) -> bool:
        around = self.sentences.around(position)
        ahead = self.sentences.first(_AHEAD, (around[0], position))
        return ahead is not None and self.looks_ahead(position)


def _number_end(text: str, end: int) -> int:
    """Return where the number itself ends, if its unit is joined to it: "2,000-page"."""
    hyphen = text.rfind("-", max(0, end - 12), end)
    return hyphen if hyphen > 0 else end
