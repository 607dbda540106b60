"""Figures are read in every dress they have: words, digits, separators, units, languages."""

from __future__ import annotations

import pytest

from panel.checks.quantities import quantities


@pytest.mark.parametrize(
    "dresses",
    [
        (
            "forty times",
            "40 times",
            "40x",
            "40 ×",
            "×40",
            "40-fold",
            "fortyfold",
            "40 fois",
            "40倍",
        ),
        ("twenty-three languages", "23 langues", "23言語", "二十三种语言", "23 Sprachen", "٢٣ لغة"),
        ("a dozen seats", "twelve seats", "12 Plätze", "１２席", "十二席"),
        ("half a million", "500,000", "500k", "500 000", "50万", "0.5 million", "５０万", "50만"),
        ("two and a half hours", "2.5 h", "2½ hours", "150 minutes", "2,5 Stunden", "2,5時間"),
        (
            *("1.2 million", "1,200,000", "1 200 000", "1.200.000", "1'200'000", "1’200’000"),
            *(
                "1\u202f200\u202f000",
                "1\u2009200\u2009000",
                "1\u00a0200\u00a0000",
                "1,2 Mio",
                "120万",
            ),
            *("1,2 millions", "12,00,000", "12 lakh", "one point two million", "1,2 млн"),
        ),
        ("€0.40", "0,40 €", "EUR 0.40", "0.40 euros", "40 cents", "０．４０ €", "0,40 евро"),
        (
            "94.1%",
            "94,1 %",
            "94.1 per cent",
            "94,1 pour cent",
            "94,1 Prozent",
            "٩٤٫١٪",
            "９４．１％",
        ),
        (
            "thirty days",
            "30 días",
            "30 Tage",
            "30 jours",
            "30日間",
            "30일",
            "30 天",
            "٣٠ يومًا",
            "30 дней",
        ),
        ("3 minutes", "3分", "3分钟", "3분", "three min", "3 Minuten", "3 دقائق"),
        ("24 hours", "24時間", "24 heures", "24시간", "24小时", "24 Std", "24 horas", "1 day"),
        ("12 months", "12 Monate", "12か月", "12 mois", "12개월", "one year"),
        ("5 GB", "5 Go", "5GB", "5,000 MB", "5 ГБ", "5 ギガバイト"),
        ("3,000 yen", "¥3,000", "3,000円", "JPY 3,000", "三千円", "3千円", "￥３，０００"),
        ("30,000 won", "₩30,000", "3만원", "3만 원"),
        ("CHF 20", "20 francs", "20 Franken"),
        ("1,000 words", "1 000 mots", "1.000 palabras", "千語", "one thousand words", "1k words"),
        ("31 May 2026", "2026年5月31日", "31.05.2026", "2026-05-31", "5/31/2026", "May 31, 2026"),
        ("a hundred and fifty rows", "150 rows", "百五十行"),
        ("half an hour", "30 minutes", "a half an hour"),
        ("60 calendar days", "60 days"),
    ],
)
def test_one_figure_is_the_same_in_all_its_dresses(dresses: tuple[str, ...]) -> None:
    (first,) = quantities(dresses[0])
    for dress in dresses[1:]:
        (other,) = quantities(dress)
        assert first.same(other) or other.same(first), (dresses[0], dress, other)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("€20", "$20"),
        ("三千", "三万"),
        ("1,200", "12,000"),
        ("0,40 €", "40 €"),
        ("3分", "3 seconds"),
        ("30 days", "30 months"),
        ("half a million", "half a billion"),
        ("2.5 hours", "25 hours"),
        ("1.2 million", "1.2 billion"),
        ("50 seconds", "50 tables"),
        ("94,1 %", "91,4 %"),
        ("31.05.2026", "30 May 2026"),
    ],
)
def test_figures_that_only_look_alike_are_not_the_same(one: str, two: str) -> None:
    (first,), (second,) = quantities(one), quantities(two)
    assert not first.same(second) and not second.same(first)


def test_the_numbers_of_a_range_share_its_unit() -> None:
    assert [one.kind for one in quantities("20 to 30%")] == ["percent", "percent"]
    assert [one.unit for one in quantities("between 5 and 10 minutes")] == ["time", "time"]
    assert [(one.value, one.kind) for one in quantities("$5–10")] == [(5, "money"), (10, "money")]


def test_a_year_is_a_year_and_a_number_that_looks_like_one_is_not_lost() -> None:
    (year,), (pages,) = quantities("in 2000"), quantities("2,000 pages")
    assert year.kind == "year" and year.same(pages)
    (dated,) = quantities("May 2026")
    (bare,) = quantities("2026年")
    assert bare.kind == "year" and not dated.same(bare)


@pytest.mark.parametrize("text", ["per thousand pages", "a day", "half of it", "two thirds"])
def test_figures_said_by_the_way_are_marked_as_such(text: str) -> None:
    assert all(one.implied for one in quantities(text))
