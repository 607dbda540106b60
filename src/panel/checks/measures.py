"""Words and signs that follow or precede a number: scales, units, currencies, in many languages.

Each table maps a word as ``str.casefold`` leaves it. Words of scripts that write no blanks are
matched by their beginning, so that 時間 is read in 24時間以内.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from itertools import chain
from typing import NamedTuple

from panel.checks.words import listed

_NEXT = re.compile(r"[\s‐‑-]?([^\W\d_]+)")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LONGEST = 6  # letters of a word in a script that writes no blanks


def _table(values: Mapping[float, str]) -> dict[str, float]:
    return {word: value for value, words in values.items() for word in words.split()}


# What multiplies a number. One letter is read after digits only: 128K, 1.5 B.
SCALES = _table(
    {
        12: "dozen dozens",
        1e2: "hundred cientos hundert сто",
        1e3: "thousand k tsd tausend mille mil mila тыс тысяча тысячи тысяч ألف آلاف الف",
        1e5: "lakh lakhs",
        1e6: (
            "million millions m mn mio mln millionen millón millones milhão milhões milione "
            "milioni miljoen млн миллион миллиона миллионов مليون ملايين"
        ),
        1e7: "crore crores",
        1e9: (
            "billion billions b bn mrd milliarde milliarden milliard milliards miliardi miliardo "
            "miljard bilhões млрд миллиард миллиардов مليار مليارات"
        ),
        1e12: "trillion trillions t tn",
    }
)
# Signs that multiply what stands before them; the Chinese and Japanese ones count alone as well.
MULTIPLIERS = {"百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "億": 1e8, "亿": 1e8, "兆": 1e12}
MULTIPLIERS |= {"백": 1e2, "천": 1e3, "만": 1e4, "억": 1e8, "조": 1e12}

_MINUTE, _HOUR, _DAY, _MONTH = 60.0, 3600.0, 86400.0, 2629800.0
PERIODS = _table(
    {
        1e-3: "ms millisecond milliseconds ミリ秒 毫秒 밀리초",
        1: (
            "s second seconds sec secs seconde secondes sek sekunde sekunden segundo segundos "
            "secondo secondi секунда секунды секунд сек ثانية ثوان ثواني 秒 秒間 秒钟 초"
        ),
        _MINUTE: (
            "min mins minute minutes minuten minuto minutos minuti минута минуты минут мин دقيقة "
            "دقائق 分 分間 分钟 分鐘 분"
        ),
        _HOUR: (
            "h hr hrs hour hours heure heures std stunde stunden hora horas uur час часа "
            "часов ساعة ساعات 時間 小时 小時 个小时 個小時 시간"
        ),
        _DAY: (
            "d day days jour jours tag tage tagen día días dia dias giorno giorni dagen день дня "
            "дней يوم يوما يومًا أيام 日 日間 天 일"
        ),
        7 * _DAY: (
            "week weeks semaine semaines woche wochen semana semanas settimana settimane неделя "
            "недели недель أسبوع أسابيع 週間 週 周 주"
        ),
        _MONTH: (
            "mo month months mois monat monate monaten mes meses mês mese mesi maand maanden месяц "
            "месяца месяцев شهر شهرا شهرًا أشهر か月 ヶ月 カ月 ヵ月 個月 个月 개월 달"
        ),
        3 * _MONTH: "quarter quarters trimestre trimestres quartal quartale",
        12 * _MONTH: (
            "yr yrs year years ans année années jahr jahre jahren año años ano anos anno anni "
            "jaar год года лет سنة سنوات عام أعوام 年 年間 년"
        ),
    }
)
# Spelt as they are written: "5 Go" are gigabytes in French, "go" is an English word.
BYTES = {
    start + end: 1000.0**power
    for power, start in enumerate("KMGT", 1)
    for end in ("B", "o", "iB", "Б")
}
BYTES |= {"kB": 1e3, "КБ": 1e3, "МБ": 1e6, "ГБ": 1e9, "ТБ": 1e12, "ギガバイト": 1e9}
BYTES |= {"メガバイト": 1e6, "기가바이트": 1e9, "메가바이트": 1e6, "جيجابايت": 1e9, "ميجابايت": 1e6}
BYTES |= {one.lower(): size for one, size in BYTES.items() if one.isascii() and one[-1] == "B"}

# Currencies of one sign are one: what "$" means is seldom said.
SIGNS = "$€£¥₹₩₽₺₫₪₴฿"
_COINS = {
    "$": "dollar dollars usd cad aud dólar dólares dólar доллар доллара долларов دولار دولارا ドル "
    "美元 美金 달러",
    "€": "euro euros eur евро يورو ユーロ 欧元 歐元 유로",
    "£": "pound pounds gbp quid",
    "¥": "yen yuan jpy cny rmb renminbi 円 元 圆 块 日元 人民币 엔 위안",
    "₹": "rupee rupees inr рупий रुपये",
    "₩": "won krw 원",
    "₽": "rouble roubles ruble rubles rub руб рубль рубля рублей",
    "CHF": "chf franken franc francs",
    "kr": "kr sek nok dkk kronor kroner krone krona",
    "zł": "zł pln zloty złotych",
    "R$": "brl reais",
    "SAR": "sar riyal riyals ريال",
    "AED": "aed dirham dirhams درهم",
}
COINS = {word: sign for sign, words in _COINS.items() for word in words.split()}
CENTS = {
    word: sign
    for sign, words in {
        "": "cent cents centimes céntimos centavos centesimi центов セント 美分 센트",
        "£": "pence penny",
        "₽": "копеек",
    }.items()
    for word in words.split()
}
_CODES = "|".join(word.upper() for word in COINS if word.isascii() and len(word) == 3)
CURRENCY_BEFORE = re.compile(
    rf"""
    (?: (?<![A-Za-z]) (?: [A-Z]{{1,2}} | [A-Z]{{3}} )? \s?  [{SIGNS}]   # $, US$, USD $
      | (?<![A-Za-z]) (?: {_CODES} ) )
    \s? $
    """,
    re.X,
)
PERCENT = frozenset(
    listed("percent pct prozent prozentpunkte procent процент процента процентов パーセント 퍼센트")
    + listed("بالمئة بالمائة")
)
PER_CENT = re.compile(
    r"\s?% | \s(?: percentage\spoints? | per\scento? | pour\scent | por\scien?to | por\scento"
    r" | في\sالمئة | في\sالمائة )\b",
    re.I | re.X,
)
PER_CENT_BEGINS = frozenset(listed("percentage per pour por في"))
AS_MANY = frozenset(
    listed("x times fold fois fach fache facher mal veces vezes volte раз раза مرة مرات 倍 배")
)
_LITTLE = frozenset(
    listed(
        "of to and or in a an per from for at on with is are was were has have had as by the than "
        "that which if but so then when while each every out more"
    )
)
BETWEEN = frozenset(
    listed(
        "business working calendar full whole consecutive straight more extra further paid free "
        "short long entire solid additional"
    )
)


OFTEN = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}
OFTEN |= {"annually": "year", "mensuel": "month", "mensuels": "month", "monatlich": "month"}
_TOLD = frozenset(chain(SCALES, PERIODS, BYTES, COINS, CENTS, PERCENT, AS_MANY, OFTEN))


class Following(NamedTuple):
    """The word after a number: as written, in small letters, and where it begins and ends.

    told: whether it may be in one of the tables, or begin with a word of one.
    """

    word: str
    small: str
    start: int
    end: int
    told: bool


def following(text: str, end: int) -> Following | None:
    """Return the word that follows a place, which a blank or a hyphen may part from it."""
    found = _NEXT.match(text, end)
    if found is None:
        return None
    word, small = found[1], found[1].casefold()
    told = small in _TOLD or word in BYTES or not word.isascii()
    return Following(word, small, *found.span(1), told)


def looked_up(table: Container[str], word: Following | None) -> tuple[str, int] | None:
    """Return the key of a table that a word is, or begins with, and where that ends."""
    if word is None or not word.told:
        return None
    if word.word in table:
        return word.word, word.end
    if word.small in table:
        return word.small, word.end
    unspaced = _UNSPACED.search(word.word)
    if unspaced is None:
        return None
    longest = unspaced.start() or min(len(word.word), _LONGEST)  # GB以上, 時間以内
    for length in range(longest, max(0, unspaced.start() - 1), -1):
        if word.word[:length] in table:
            return word.word[:length], word.start + length
    return None


def noun(word: Following | None) -> str:
    """Return a word without a plural's s; "" if it is no noun."""
    return "" if word is None or word.small in _LITTLE else word.small.removesuffix("s")
