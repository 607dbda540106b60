"""Text for people: what is left of a web page in a message."""

from __future__ import annotations

import pytest

from panel.text import PAGE_WORDS, counted, in_quotes, sentence, unwrapped, without_pages


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
