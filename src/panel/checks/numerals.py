"""Reads bare numbers: in the digits of any script, in English words, in Chinese numerals.

Separators are those of any country: 1,200.5 = 1.200,5 = 1 200,5 = 1'200.5.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from panel.checks.findings import Span
from panel.checks.measures import MULTIPLIERS, SCALES
from panel.checks.words import listed, wanted, words_in

Kind = Literal["plain", "percent", "money", "year", "date", "version", "times"]

MOST = 1e300  # a number that is larger is this one
_ONES = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
NUMBER_WORDS = {word: float(value) for value, word in enumerate(_ONES)}
NUMBER_WORDS |= {word: 10.0 * value for value, word in enumerate(_TENS, 2)}
PARTS = {"half": 0.5, "third": 1 / 3, "quarter": 0.25, "fifth": 0.2, "tenth": 0.1}
_SPOKEN_SCALES = listed("dozen hundred thousand million billion trillion")
_MORE = re.compile(r"(\d+)|\s(\d+)(?=[천백])")
_GAP = "[ \u00a0\u2009\u202f'’]"
_NUMBER = re.compile(
    rf"""
    (?P<gapped> \d{{1,3}} (?P<gap>{_GAP}) \d{{3}} (?: (?P=gap)\d{{3}} ){{0,5}}
        (?: [.,]\d{{1,9}} )? (?! \d | -[a-z] ) )                         # 1 200 000, 1'200
    | (?P<english> (?!0,) \d{{1,3}} (?: ,\d{{2,3}} ){{0,5}} ,\d{{3}} (?!\d) (?: \.\d{{1,9}} )? )
    | (?P<dotted> \d{{1,3}} (?: (?: \.\d{{3}} ){{1,5}} ,\d{{1,9}}       # 1.200,50
        | (?: \.\d{{3}} ){{2,5}} (?! \.?\d ) ) )                          # 1.200.000
    | (?P<version> \d+ (?: \.\d+ ){{2,}} )                                # 1.2.3
    | (?P<comma> (?<! \d, ) \d{{1,12}} ,\d{{1,9}} (?! ,?\d ) )            # 94,1
    | (?P<point> \d+ (?: \.\d+ )? )
    """,
    re.X,
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_NUMBER_WORD = "|".join([*NUMBER_WORDS, *_SPOKEN_SCALES])
_AND = r"(?:(?<=hundred)|(?<=thousand)|(?<=million))\sand\s"  # not "nine and fifteen"
_DIGIT = "|".join(_ONES[:10])
_SCALE = "|".join(_SPOKEN_SCALES)
_UNIT = "second|minute|hour|day|week|month|quarter|year"
_COUNTED = [*NUMBER_WORDS, *_SPOKEN_SCALES]
_SPOKEN = wanted(
    " ".join([*_COUNTED, *(word + "fold" for word in _COUNTED), "a an half"]),
    rf"""
    \b (?: (?P<part> (?:a\s)? half | a\squarter\sof | three[\s-]quarters\sof )
           [\s-] an? (?= [\s-] (?: {_SCALE}|{_UNIT} )\b )                 # half a million
      | (?: an?[\s-] (?= (?:{_SCALE})\b ) )?
        (?P<words> (?:{_NUMBER_WORD}) (?: (?: [-\s] | {_AND} ) (?:{_NUMBER_WORD})\b )*
                   (?: \spoint (?: \s (?:{_DIGIT})\b )+ )? )
        (?: \b | (?=fold\b) )                                             # fortyfold
      | (?P<article> an? ) (?= \s (?:{_UNIT})\b ) )
    """,
)
_NO_ARTICLE = re.compile(rf"(?!an?\b)|an?[\s-](?:{_SCALE}|{_UNIT}|half|quarter)", re.I)
_HAN = re.compile(r"(?:百分之)?[〇零一二两兩三四五六七八九十百千万萬億亿兆]+")

_FRACTIONS = frozenset([*PARTS, *(part + "s" for part in PARTS)])
_FRACTION = wanted(
    "a half one two three",
    r"""
    (?<! \band\s ) (?<! \band\sa\s ) \b (?: half (?! [\s-]an?\b )
      | (?P<many> a|one|two|three ) [\s-]
        (?: (?P<part> third|quarter|fifth|tenth )s? (?! \sof\san?\b ) | half (?! [\s-]an?\b ) ) ) \b
    """,
)

_ORDINALS = {
    word: float(value)
    for value, word in enumerate(
        listed(
            "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
            "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        3,
    )
}
_ORDINAL = wanted(
    " ".join(_ORDINALS),
    # not "a third of", not "third-party"
    rf"\b (?: {'|'.join(_ORDINALS)} ) \b (?! \s+of\b | [\s-]part )",
)


@dataclass(slots=True)
class Numeral:
    """A number as it is written, without what stands around it.

    other: what else its digits may mean, or None: 1.200 is 1200 in German. worded: written in
    letters. implied: said by the way, as in "per thousand" and "a day". key: of a version.
    """

    start: int
    end: int
    value: float
    kind: Kind = "plain"
    other: float | None = None
    worded: bool = False
    implied: bool = False
    key: str = ""


Reader = tuple[re.Pattern[str], Callable[[re.Match[str]], Numeral | None]]


_ODD = re.compile("[^\x00-\u065f\u2000-\u206f]")  # what comes before has ASCII digits alone


class _Plain(dict[int, int]):
    """Code points → those of ASCII for digits and signs of other scripts, one for one."""

    def __missing__(self, code: int) -> int:
        digit = unicodedata.decimal(chr(code), None)
        plain = code if digit is None else ord("0") + digit
        if 0xFF01 <= code <= 0xFF5E:  # full-width forms
            plain = code - 0xFEE0
        self[code] = plain
        return plain


_PLAIN = _Plain({ord("٫"): ord("."), ord("٬"): ord(","), ord("٪"): ord("%"), ord("￥"): ord("¥")})


def plain_digits(text: str) -> str:
    """Return a text with the digits and signs of other scripts in ASCII, each at its place."""
    return text.translate(_PLAIN) if _ODD.search(text) else text


def numeral_places(text: str) -> dict[int, Reader]:
    """Return where numbers may begin in a plain text, in order, each with what reads them."""
    digits, words = (_NUMBER, _in_digits), (_SPOKEN.pattern, _in_words)
    here = words_in(text)
    found: dict[int, Reader] = dict.fromkeys(here.numbers, digits)
    spoken: dict[int, Reader] = {
        place: words for place in here.starts(_SPOKEN) if _NO_ARTICLE.match(text, place)
    }
    if not text.isascii():
        spoken |= {match.start(): (_HAN, _in_han) for match in _HAN.finditer(text)}
    found = spoken | found
    return {place: found[place] for place in sorted(found)}


def numeral_at(text: str, place: int, reader: Reader) -> Numeral | None:
    """Read the number that begins at a place; None if there is none."""
    pattern, read = reader
    match = pattern.match(text, place)
    return read(match) if match else None


def _in_words(match: re.Match[str]) -> Numeral:
    words = match["words"]
    if match["part"]:
        value = {"h": 0.5, "q": 0.25, "t": 0.75}[match["part"].lower().removeprefix("a ")[0]]
    else:
        value = _spoken(words) if words else 1.0
    implied = not (words or match["part"]) or match[0].lower() in _SPOKEN_SCALES
    return Numeral(*match.span(), value, worded=True, implied=implied)


def _in_digits(match: re.Match[str]) -> Numeral | None:
    digits, (start, end), how = match[0], match.span(), match.lastgroup
    if how == "version":
        return Numeral(start, end, 0.0, "version", key=digits)
    other = None
    if how == "gapped":
        digits = re.sub(_GAP, "", digits).replace(",", ".")
    elif how == "english":
        digits = digits.replace(",", "")
    elif how == "dotted":
        digits = digits.replace(".", "").replace(",", ".")
    elif how == "comma":
        digits = digits.replace(",", ".")
    elif digits[-4:-3] == "." and _THOUSANDS.fullmatch(digits):
        other = float(digits.replace(".", ""))
    value = float(digits[:300])
    if match.string[end : end + 1] in MULTIPLIERS:
        value, end = _with_multipliers(match.string, end, value)
    return Numeral(start, end, value, other=other)


def _with_multipliers(text: str, end: int, number: float) -> tuple[float, int]:
    """Read what follows digits as in 3万5千 and 1億2000万: the value, and where it ends."""
    total = 0.0
    while text[end : end + 1] in MULTIPLIERS:
        number *= MULTIPLIERS[text[end]]
        end += 1
        more = _MORE.match(text, end)
        if more is None or number > MOST:
            break
        total, number, end = total + number, float(more[1] or more[2]), more.end()
    return min(total + number, MOST), end


def _in_han(match: re.Match[str]) -> Numeral | None:
    """Read 三千五百; 一 alone is mostly a word."""
    signs = match[0].removeprefix("百分之")
    if signs in ("", "一"):
        return None
    values = [unicodedata.numeric(sign) for sign in signs]
    kind: Kind = "plain" if signs == match[0] else "percent"
    if max(values) < 10:  # 二〇二六
        value = float("".join(f"{value:g}" for value in values)[:300])
        year = 1900 <= value <= 2100 and match.string[match.end() : match.end() + 1] == "年"
        return Numeral(*match.span(), value, "year" if year else kind, worded=True)
    total = section = number = 0.0
    for value in values:
        if value < 10:
            number = value
        elif value < 1e4:
            section += (number or 1) * value
            number = 0.0
        else:
            total += (section + number or 1) * value
            section = number = 0.0
    return Numeral(*match.span(), total + section + number, kind, worded=True)


def _spoken(words: str) -> float:
    """Read number words: "two hundred and fifty thousand" → 250000, "two point five" → 2.5."""
    whole, _point, rest = words.lower().partition(" point ")
    total, group = 0.0, 0.0
    for word in re.findall(r"[a-z]+", whole):
        if word in NUMBER_WORDS:
            group += NUMBER_WORDS[word]
        elif word in ("hundred", "dozen"):
            group = min((group or 1) * SCALES[word], MOST)
        elif word in SCALES:
            total += (group or 1) * SCALES[word]
            group = 0.0
    decimals = "".join(f"{NUMBER_WORDS[word]:g}" for word in rest.split())
    return min(total + group + float(f"0.{decimals}"), MOST)


def fractions(text: str) -> Iterator[tuple[Span, float]]:
    """Yield the fractions in words, each with its span, as percentages: "two thirds" is 66.7."""
    if words_in(text).any_of(_FRACTIONS):
        for match in _FRACTION.finditer(text):
            many = NUMBER_WORDS.get((match["many"] or "").lower(), 1.0)
            yield match.span(), 100 * many * PARTS[(match["part"] or "half").lower()]


def ordinals(text: str) -> Iterator[tuple[Span, float]]:
    """Yield the ordinal numbers in words, from "third" on, each with its span."""
    for match in _ORDINAL.finditer(text):
        yield match.span(), _ORDINALS[match[0].lower()]
