"""Text for people: what is left of a web page in a message, and of a letter with many marks."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest

from panel.site.search import words_of
from panel.text import (
    MOST_MARKS,
    PAGE_WORDS,
    composed,
    counted,
    few_marks,
    in_quotes,
    letters,
    normal,
    sentence,
    unwrapped,
    without_pages,
)
from panel.workspace.reading import page_reading


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain words, 3 < 4 > 2", "plain words, 3 < 4 > 2"),
        ("a <b>bold</b> word", "a <b>bold</b> word"),
        ("<html><title>Sign in</title>", 'the web page "Sign in"'),
        ("<!DOCTYPE html>\n<TITLE lang=en>\n A &amp; B\n</TITLE>x", 'the web page "A & B"'),
        ("502: <html>\r\n<h1>Bad <i>Gateway</i></h1></html> end", '502: the web page "Bad"'),
        ("<html><head><style>p {}</style></head><body><p>&nbsp;</p>No</body>", 'the web page "No"'),
        ("<html><!-- nothing --><script>x()</script>", "a web page"),
        ("<html><head><title></title></head><body>Denied", 'the web page "Denied"'),
        ("<html><title>cut in the mid", 'the web page "cut in the mid"'),
        ("<html><p>cut in a t<a hre", 'the web page "cut in a t"'),
        ("<center>413</center>", 'the web page "413"'),
        ("<heading>no page</heading>", "<heading>no page</heading>"),
    ],
)
def test_a_web_page_is_its_title_or_its_first_line(text: str, left: str) -> None:
    assert without_pages(text) == left


@pytest.mark.parametrize("inside", ["<title>{}", "<p>{}"])
def test_a_title_without_end_is_cut(inside: str) -> None:
    shown = without_pages("<html>" + inside.format("word " * 10_000))
    assert len(shown) < PAGE_WORDS + 20


def test_pages_made_to_be_slow_are_read_all_the_same() -> None:
    for part in ("<!--", "<script ", "<title ", "<head>", "<a ", "<html"):
        assert without_pages("<html>" + part * 2_000).startswith(("the web page", "a web page"))


def test_a_count_and_its_words_agree() -> None:
    """One thing is said in the singular, none and several in the plural."""
    assert [counted(n, "tool") for n in (0, 1, 2000)] == ["0 tools", "1 tool", "2,000 tools"]
    assert counted(1, "reply is", "replies are") == "1 reply is"
    assert counted(2, "reply is", "replies are") == "2 replies are"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Plain.", "“Plain.”"),
        ("“Pull requests” are read.", "“‘Pull requests’ are read.”"),
        ('It says "free" and "open".', "“It says ‘free’ and ‘open’.”"),
        ('A 12" screen.', '“A 12" screen.”'),
        ("« Gratuit » et »frei«", "“‘Gratuit’ et ‘frei’”"),
        ("„Frei“ heißt es.", "“‘Frei’ heißt es.”"),
        ("“Begun and cut…", "“‘Begun and cut…”"),
    ],
)
def test_quotation_marks_inside_quotation_marks_are_single_ones(text: str, quoted: str) -> None:
    assert in_quotes(text) == quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It reads “lines of\n  a file”. So it\nfits.", "It reads “lines of a file”. So it fits."),
        ("It fits.\nIt does not.", "It fits.\nIt does not."),
        ("One\n\ntwo", "One\n\ntwo"),
        ("Both:\n- one\n- two\n1. three", "Both:\n- one\n- two\n1. three"),
    ],
)
def test_a_break_inside_a_sentence_is_a_blank(text: str, shown: str) -> None:
    assert unwrapped(text) == shown


@pytest.mark.parametrize("text", ["No price.", "Really?", "He said “no.”", "Ende。", ""])
def test_a_sentence_that_is_ended_gets_no_second_full_stop(text: str) -> None:
    assert sentence(text) == text
    assert sentence("No price ") == "No price."


OUT_OF_ORDER = ("\u0315\u0300", "\u0f73", "\uff9e\u0300", "\u0f81")


@pytest.mark.parametrize("marks", OUT_OF_ORDER)
def test_a_letter_keeps_thirty_marks_in_every_form(marks: str) -> None:
    """To put 100,000 of them in order takes seven seconds."""
    text = "na" + marks * 50_000 + "me"
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert len(normal(form, text)) <= 4 + 2 * MOST_MARKS
    assert normal("NFC", text) == composed(text) and letters(text).endswith("me")


@pytest.mark.parametrize("marks", OUT_OF_ORDER)
def test_a_text_with_very_many_marks_is_searched_and_compared_at_once(marks: str) -> None:
    text = "a" + marks * 50_000 + "b c"
    before = time.process_time()
    assert list(words_of(text))[-1] == "c"
    assert page_reading(text).words[-1] == "c"
    assert time.process_time() - before < 3


@pytest.mark.parametrize(
    "text",
    [
        "Việt Nam, nghiêng, Tiếng Việt",
        unicodedata.normalize("NFD", "Việt Nam, Zürich, Ångström"),
        "\u05d1\u05b0\u05bc\u05e8\u05b5\u05d0\u05e9\u05b4\u05c1\u0596\u05d9\u05ea",  # Hebrew
        "\u0f66\u0f92\u0fb2\u0f74\u0f56\u0f0b\u0f67\u0f71\u0f74\u0f83",  # Tibetan
        "ﾊﾞﾝｸﾞ ﾎﾟｯﾌﾟ",
        "a" + "\u0301" * MOST_MARKS + "b",
        "é — " + "─" * 200 + " — |" + "-" * 200 + "|",
        "👩🏽‍💻" * 40 + "❤️" * 40,
    ],
)
def test_the_marks_of_a_text_that_people_write_stay(text: str) -> None:
    assert few_marks(text) == text
    assert composed(text) == unicodedata.normalize("NFC", text)


def test_no_mark_of_unicode_is_taken_for_a_letter() -> None:
    marks = filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1)))
    assert not [mark for mark in marks if len(few_marks("a" + mark * 40)) != 1 + MOST_MARKS]
