"""The licences that a text names: which family, which version, where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

from panel.checks.findings import Span, Spans
from panel.checks.words import Wanted, words_in

_TAIL = r"(?: [\s-](?: licen[sc]ed? | licen[sc]es ))?"  # "Apache-licensed", "MIT licence"
# Family → how it is written. A version, where there is one, is the first group.
_FAMILIES = {
    "Apache": rf"""
        Apache (?:
          [\s-]? (?: Licen[sc]e,?\s? )? (?: v(?:ersion)?\s? )? ( 2(?:\.0)? )\b {_TAIL}
          | [\s-] (?: licen[sc]ed?\b )   # without a version only beside the word itself
        )
    """,
    "MIT": rf"""
        MIT\b
        (?! \s(?: researchers?|stud(?:y|ies|ents?)|professors?|labs?|spin|press|CSAIL|Technology
          |paper ))   # the university
        {_TAIL}
    """,
    "BSD": rf"BSD (?: [\s-]?[0-4][\s-]clause )? \b {_TAIL} | [23][\s-]clause\sBSD",
    "AGPL": rf"""
        (?: GNU\s )? (?: AGPL | Affero\s(?: GPL | General\sPublic\sLicen[sc]e ))
        (?: [\s-]?v?(\d)(?:\.0)? )? (?: -only | -or-later )? \b {_TAIL}
    """,
    "LGPL": rf"(?: GNU\s )? LGPL (?: [\s-]?v?(\d(?:\.\d)?) )? \b {_TAIL}",
    "GPL": rf"""
        (?: GNU\s )? (?<![AL]) (?: GPL | General\sPublic\sLicen[sc]e )
        (?: [\s-]?v?(\d)(?:\.0)? )? (?: -only | -or-later )? \b {_TAIL}
    """,
    "MPL": rf"(?: MPL | Mozilla\sPublic\sLicen[sc]e ) (?: [\s-]?v?(\d)(?:\.0)? )? \b {_TAIL}",
    "CC BY-NC-SA": rf"CC[\s-]BY[\s-]NC[\s-]SA (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "CC BY-NC-ND": rf"CC[\s-]BY[\s-]NC[\s-]ND (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "CC BY-NC": rf"CC[\s-]BY[\s-]NC (?! [\s-](?: SA|ND )) (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "CC BY-ND": rf"CC[\s-]BY[\s-]ND (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "CC BY-SA": rf"CC[\s-]BY[\s-]SA (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "CC BY": rf"CC[\s-]BY (?! [\s-](?: NC|SA|ND )) (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "CC0": rf"CC0 (?: [\s-](\d\.\d) )? \b {_TAIL}",
    "BUSL": r"(?: BUSL | BSL | Business\sSource\sLicen[sc]e ) (?: [\s-](\d\.\d) )? \b",
    "SSPL": rf"SSPL\b {_TAIL}",
    "Elastic": r"Elastic\sLicen[sc]e (?: \s(?: v | version\s )?(\d)(?:\.0)? )? | ELv2\b",
    "OpenRAIL": rf"(?: Open | BigScience\s | Creative\sML\sOpen )? RAIL (?: -?[+M]+ )? \b {_TAIL}",
    "EPL": rf"EPL (?: [\s-]?(\d)(?:\.0)? )? \b {_TAIL} | Eclipse\sPublic\sLicen[sc]e",
    "ISC": rf"ISC {_TAIL.removesuffix('?')}",  # the letters alone are too common
    "Unlicense": r"(?: The\s )? Unlicen[sc]e\b",
    # Any other by its full name, which stands for its version: "CERN Open Hardware Licence".
    "Named": r"( (?: [A-Z][\w-]{1,20}\s ){2,4} )Licen[sc]e\b",
    "Community": r"""
        (?: (?<!\.)[A-Z][\w.]*+\s )? (?: \d(?:\.\d)?\s )?   # "Llama 3.1 Community License"
        Community\sLicen[sc]e (?: \sAgreement )?
    """,
}
FAMILIES = frozenset(_FAMILIES)
_CAPITALS_MATTER = ("MIT", "ISC", "Community", "Named")


def _spelt(*letters: str) -> list[str]:
    """Return the words that letters and a version written as one make: gpl, gpl3, gplv3."""
    ends = ["", *(v + digit for v in ("", "v") for digit in "0123456789")]
    return [each + end for each in letters for end in ends]


# Words in small letters of which one is in every text that names the family.
_WORDS: dict[str, list[str]] = {
    **{family: _spelt(family.split()[0].lower()) for family in _FAMILIES},
    "Apache": [
        f"apache{licence}{version}{number}"
        for licence in ("", "license", "licence")
        for version in ("", "v", "version")
        for number in ("", "2")
    ],
    "AGPL": [*_spelt("agpl"), "affero"],
    "GPL": [*_spelt("gpl"), "general"],
    "MPL": [*_spelt("mpl"), "mozilla"],
    "BUSL": ["busl", "bsl", "business"],
    "Elastic": ["elastic", "elv2"],
    "OpenRAIL": ["rail", "openrail", "railm", "openrailm"],
    "EPL": [*_spelt("epl"), "eclipse"],
    "Unlicense": ["unlicense", "unlicence"],
    "Named": ["license", "licence"],
}
_ALL_WORDS = frozenset(chain.from_iterable(_WORDS.values()))
# How a mention begins, where it need not begin with such a word.
_BEGINS = {family: ["gnu"] for family in ("AGPL", "LGPL", "GPL")}
_BEGINS |= {"BSD": ["2", "3"], "Unlicense": ["the"]}


def _named(family: str) -> Wanted | re.Pattern[str]:
    flags = re.X if family in _CAPITALS_MATTER else re.I | re.X
    pattern = re.compile(rf"(?<![\w-])(?:{_FAMILIES[family]})", flags)
    if family in ("Named", "Community", "OpenRAIL"):  # which begin with any word
        return pattern
    words = _WORDS[family]
    return Wanted(pattern, frozenset([*words, *_BEGINS.get(family, ())]), frozenset(words))


_NAMED = {family: _named(family) for family in _FAMILIES}


@dataclass(frozen=True, slots=True)
class Mention:
    """A licence named in a text: family ("Apache"), version ("2"; "" when none is given), place."""

    family: str
    version: str
    span: Span

    def agrees(self, other: Mention) -> bool:
        """Whether both name the same licence; a version that is not given agrees with any."""
        if self.family != other.family:
            return False
        mine, theirs = self.version.removesuffix(".0"), other.version.removesuffix(".0")
        return not mine or not theirs or mine == theirs


def licence_mentions(text: str) -> list[Mention]:
    """Return the licences named in a text, in order."""
    found: list[Mention] = []
    told = Spans()
    words = words_in(text)
    if not words.any_of(_ALL_WORDS):
        return []
    for family, pattern in _NAMED.items():
        if not isinstance(pattern, Wanted) and words.small.isdisjoint(_WORDS[family]):
            continue
        for match in pattern.finditer(text):
            version = next(filter(None, match.groups()), "")
            if not told.touch(match.span()):
                told.add(match.span())
                found.append(Mention(family, version, match.span()))
    return sorted(found, key=lambda mention: mention.span)
