"""A quote stands only where readers of the page can read it: the page's words are the truth."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.checks import check_take, find_quote, published_quotes, shown_source
from panel.site.markdown import render_markdown
from panel.workspace.passages import passages
from panel.workspace.reading import page_reading
from tests.support.check_subjects import a_take, a_tool

FDA = "Certified by the FDA since 2020"
DELETED = "Files are deleted after thirty days"
SELL = "We sell your data to advertisers"
REFERENCE = f'See [it][a].\n\n[a]: https://a.example "{FDA}"'
TABLE = "| Plan | Price |\n|---|---|\n| Team | $5 | {} |"

NOT_SHOWN = [
    ("Files are <not> deleted after thirty days.", DELETED),
    ("Files are \\<never\\> deleted after thirty days.", DELETED),
    ("Files are <not/> deleted after thirty days.", DELETED),
    ("Files are <not a> deleted after thirty days.", DELETED),
    ("Files are <del>not</del> deleted after thirty days.", DELETED),
    ("Files are <s>not</s> deleted after thirty days.", DELETED),
    ("Files are ~~not~~ deleted after thirty days.", "Files are not deleted after thirty days"),
    ("We <!-- never --> sell your data to advertisers.", SELL),
    ("We <?never?> sell your data to advertisers.", SELL),
    ("We <![CDATA[never]]> sell your data to advertisers.", SELL),
    ('We <b title="will never"> sell your data to advertisers.', SELL),
    ('We <a href="never"> sell your data to advertisers.', SELL),
    ("We `[x](never)` sell your data to advertisers.", "We x sell your data to advertisers"),
    ("We `&#110;ever` sell your data to advertisers.", "We never sell your data to advertisers"),
    ("We n&#101;ver sell your data to advertisers.", "sell your data to advertisers"),
    ('We do [not](https://a.example "a. b") sell your data daily.', "sell your data daily"),
    ("Works if n <s and never loses a file, m> 0 in our tests.", "Works if n 0 in our tests"),
    ("It costs $1*00 a month for each seat.", "It costs $100 a month for each seat"),
    (f'A tool, see [site](https://a.example "{FDA}").', FDA),
    (f"A tool, see [site](<https://a.example/{FDA}>).", FDA),
    (f"A tool. ![x](x.png '{FDA}')", FDA),
    (REFERENCE, FDA),
    (f"[a]: https://a.example\n'{FDA}'\n\nA tool.", FDA),
    (f"See [it][{FDA}].\n\n[{FDA}]: https://a.example", FDA),
    (f"A tool.\n\n```{FDA}\ncode\n```", FDA),
    (f"A tool.\n\n~~~ {FDA}\ncode\n~~~", FDA),
    (f"Now ~~{FDA}~~.", FDA),
    (TABLE.format(FDA), FDA),
    (f"Plan | Price |\n|---|---|\nTeam | $5 | {FDA}", FDA),
    (f"| A \\| B | C |\n|---|---|\n| $5 | $9 | {FDA} |", FDA),
    (f"{'- ' * 12}a\n\n{FDA}.", FDA),
    (f"{'>' * 22} {FDA}.", FDA),
    (f"A tool. <https://a.example/%43ertified> by {FDA[13:]}", "%43ertified by the FDA since 2020"),
    (
        "See [it](https://a.example), which does not\n\nsell your data daily.",
        "sell your data daily",
    ),
    ("We charge\n\n1. one\n5000. dollars a month for each", "5000. dollars a month for each"),
    ('Files are <a href="#not"> deleted after thirty days.', DELETED),
    ('Files are <img src="/not-ever"> deleted after thirty days.', DELETED),
]


@pytest.mark.parametrize(("description", "quote"), NOT_SHOWN)
def test_what_the_page_does_not_show_is_no_quote(description: str, quote: str) -> None:
    tool = a_tool(description=description)
    assert published_quotes((quote,), tool) == ()
    found = check_take(a_take("A ship.", tool, evidence=(quote,)), [])
    assert [one.severity for one in found if one.check.startswith("evidence")] == ["error"]
    assert quote not in {each.rstrip(".") for each in passages(description)}


HOURS = "5 hours for small teams"
FRANCS = "500 francs for small teams"
FREE = "free for small teams"
STORE = "store your data abroad"
CUT_OUT = [
    *((f"Takes {sign}{HOURS}.", HOURS) for sign in (".", ",", "<", ">", "< ", "≥ ", "±", "+", "$")),
    *((f"Takes {sign}{HOURS}.", HOURS) for sign in ("-", "–", "‐", "−", "—", "(–", "$-", "–**")),
    *((f"Takes 10{sign}{HOURS}.", HOURS) for sign in ("⁄", "/", ":", "-", "–", "\\*", ".\u200b")),
    ("It costs $.99 a month for a team.", "99 a month for a team"),
    *((f"Costs 1{sign}{FRANCS}.", FRANCS) for sign in (" ", "\u202f", "\u00a0", "·", ",\n", "_")),
    *(
        (f"Costs 1{blank}{FRANCS}.", FRANCS)
        for blank in "\u2002\u2003\u2008\u200a\u205f\u3000\u066c"
    ),
    *((f"Costs 1{blank}{FRANCS}.", FRANCS) for blank in ("&hairsp;", "  ", "\n  ")),
    *((f"Costs {sign}{FRANCS}.", FRANCS) for sign in ("-$ ", "₿", "¢ ", "10^", "3×", "7'")),
    ("It costs 500 € a month.", "It costs 500"),
    ("Costs 1 500 000 francs for a team.", "000 francs for a team"),
    *(
        (f"- SOC 2 certified{no}\n- Linux", "SOC 2 certified")
        for no in (" ❌", "? No.", " (no)", ": not yet", ": no, in 2027", ": n/a", " | 👎")
    ),
    *((f"- {no} SOC 2 certified", "SOC 2 certified") for no in ("No:", "(✗)", "🔴")),
    ("We keep logs a day. We never sell your code.", "We keep logs … sell your code"),
    ("We are in Bern. We do not train on your data.", "We … train on your data"),
    ("- We run in Bern.\n- ❌ SOC 2 certified", "We run in Bern … SOC 2 certified"),
    ("SOC 2 certified: no. Hosted in Bern.", "SOC 2 certified … Hosted in Bern"),
    ("We reply in a day. It lost data once. It reads your files.", "We … lost … your files"),
    *((f"- {sign} SOC 2 certified", "SOC 2 certified") for sign in ("❌", "**✗**", "☒", "[ ]")),
    *((f"It is: {sign} SOC 2 certified", "SOC 2 certified") for sign in ("✘", "[ ]")),
    *(
        (f"SOC 2 certified{no}", "SOC 2 certified")
        for no in (": no", " – **No**.", " = false", ": ❌")
    ),
    *((f"| | Tee |\n|---|---|\n| SSO login | {no} |", "SSO login") for no in ("❌", "no", "✗ ")),
    *((f"It costs us 1{sign}500 francs.", "It costs us 1") for sign in (" ", ", ", "\u202f", "·")),
    *((f"It grew by 5{sign} in a year.", "It grew by 5") for sign in ("%", " %", "+", "–10", "⁄8")),
    *((f"It {no} {STORE}.", STORE) for no in ("don′t", "doesn‛t", "don`t", "don´t", "doesnt")),
    *((f"It is {no} {FREE}.", FREE) for no in ("nøt", "nоt", "neither", "nor", "not a", "never")),
    *(
        (f"It is {no} {FREE}.", FREE)
        for no in ("no longer", "not yet", "no **longer**", "not (yet)")
    ),
    *((f"It is {no}{FREE}.", FREE) for no in ("not—yet—", "not, in our view, ", "not – so far – ")),
    ("It is no longer free for small teams.", "longer free for small teams"),
    ("There is no free plan for teams of students.", "free plan for teams of students"),
    ("There is no free plan for teams.", "free plan for teams\nCategory: Data"),
    ("There is no <b>free plan</b> for teams.", "free plan for teams"),
    ("It works without a server of your own.", "a server of your own"),
    ("It works without a server of your own.", "server of your own"),
]


@pytest.mark.parametrize(("description", "quote"), CUT_OUT)
def test_a_quote_cut_out_of_a_number_or_behind_a_denial_is_altered(
    description: str, quote: str
) -> None:
    tool = a_tool(description=description, category="Data")
    assert published_quotes((quote,), tool) == ()
    found = check_take(a_take("A ship.", tool, evidence=(quote,)), [])
    assert [one.severity for one in found if one.check.startswith("evidence")] == ["error"]


SHOWN = [
    ("Free tier: no card is needed.", "Free tier"),
    ("✅ API ❌ SSO", "✅ API"),
    ("It is fast - not a toy. It runs offline.", "It is fast … It runs offline"),
    ("It never sleeps. It runs on a laptop.", "It never sleeps … runs on a laptop"),
    ("It runs, for a fee, on a laptop.", "It runs … on a laptop"),
    ("SOC 2 certified: no.", "SOC 2 certified: no"),
    ("- [x] SOC 2 certified", "SOC 2 certified"),
    ("- ❌ SSO\n- SOC 2 certified", "SOC 2 certified"),
    ("| SSO login | ✅ |\n|---|---|", "SSO login"),
    ("Seats (10) 100 dollars a month.", "100 dollars a month"),
    ("It costs $.99 a month for a team.", "$.99 a month for a team"),
    ("Takes .5 seconds on a laptop.", ".5 seconds on a laptop"),
    ("Takes <5 seconds on a laptop.", "<5 seconds on a laptop"),
    ("Loss of –5 percent in a year.", "Loss of -5 percent in a year"),
    ("Costs 1\u202f500 francs for a team.", "1 500 francs for a team"),
    ("Loss of –5 percent in a year.", "–5 percent in a year"),
    ("It scored 95. 100 teams use it.", "100 teams use it"),
    ("In 2024 500 teams joined it.", "500 teams joined it"),
    ("Since v2.5 100 teams use it.", "100 teams use it"),
    ("It needs 4 GB - 8 GB is better.", "8 GB is better"),
    ("| Seats | 5 | 100 dollars a month |\n|---|---|---|", "100 dollars a month"),
    ("- 5\n- 100 teams use it", "100 teams use it"),
    ("It needs <b>5 GB</b> of memory.", "5 GB of memory"),
    ("Takes <not> 5 seconds on a laptop", "5 seconds on a laptop"),
    ("Limits => 5 seconds on a laptop", "5 seconds on a laptop"),
    ("> 5 seconds on a laptop", "5 seconds on a laptop"),
    ("It costs $1. It has no limit.", "It costs $1."),
    ("There is no lock-in: you can export everything", "you can export everything"),
    ("Does it need a server? No, it runs offline.", "it runs offline"),
    ("Does it phone home? It does not, yet it counts its users.", "it counts its users"),
    ("It does not, and if you ask, it will be deleted.", "it will be deleted"),
    ("It is not only free for small teams.", "free for small teams"),
    ("| Offline | no |\n|---|---|\n| Free plan for teams | yes |", "Free plan for teams"),
    ("- SSO: no\n- Free plan for teams", "Free plan for teams"),
    ("It has no limits – free for small teams.", "free for small teams"),
    ("We <!-- never --> sell data to advertisers.", "We <!-- never --> sell data to advertisers"),
    ("We n&#101;ver sell your data.", "We never sell your data"),
    ("It costs $10&#48; a month for each seat.", "It costs $100 a month for each seat"),
    ("Files are ~~not~~ deleted after thirty days.", DELETED),
    (f"![{FDA}](x.png) A tool.", FDA),
    (f'<img alt="{FDA}"> A tool.', FDA),
    (f"<!--\n{FDA}\n-->", FDA),
    (f"<script>{FDA}</script>", FDA),
    (f"```\n{FDA}\n```", FDA),
    (f"    {FDA}", FDA),
    (f"`{FDA}`", FDA),
    (f"{FDA} [^1]\n\n[^1]: A footnote of many words.", "A footnote of many words"),
    (f"# {FDA} #", FDA),
    (f"{FDA}\n===", FDA),
    (TABLE.format(""), "Team | $5"),
    ("| Plan | Price |\n|---|---|\n| Team | $5 |", "Team $5"),
    ("Certified by\\\nthe FDA since 2020", FDA),
    ("Certi\u00adfied by the\u200b FDA since 2020", FDA),
    ("Certi&shy;fied by the&ZeroWidthSpace; FDA since 2020", FDA),
    ("Certi\u202efied by the FDA since 2020", FDA),
    ("Certi&#8238;fied by the FDA since 2020", FDA),
    ("Certi\x01fied by the FDA since 2020", FDA),
    (f"{'word ' * 10_000}{FDA}", FDA),
    ("> Certified by the\n> FDA since 2020", FDA),
    ("1. Certified by\n1. the FDA", "1. Certified by 1. the FDA"),
    ("Fast &amp; cheap for each of us", "Fast & cheap for each of us"),
    ("Fast&nbsp;and cheap for us", "Fast and cheap for us"),
    ("Fast and<br>cheap<br />for <B>us</B>", "Fast and cheap for us"),
    ('Read <a href="https://a.example/x">the guide</a> now', "Read the guide now"),
    ('<p align="center"><b>Fast</b></p>\n\nand cheap for us', "Fast and cheap for us"),
    ("Un**usual**ly cheap for all of us", "Unusually cheap for all of us"),
    (REFERENCE, "See [it][a]"),
    ("See [the guide](https://a.example) now", "See [the guide](https://a.example) now"),
    ("See <https://a.example/x> for more", "See https://a.example/x for more"),
    ("It is [](https://a.example/x) for all", "It is https://a.example/x for all"),
]


@pytest.mark.parametrize(("description", "quote"), SHOWN)
def test_what_the_page_shows_may_be_quoted(description: str, quote: str) -> None:
    tool = a_tool(description=description)
    found = find_quote(quote, tool)
    assert found is not None and found.exact and not found.altered
    assert check_take(a_take("A ship.", tool, evidence=(quote,)), []) == check_take(
        a_take("A ship.", tool, evidence=("Rows out of lines",)), []
    )


@pytest.mark.parametrize(
    ("description", "quote", "words"),
    [
        (f'See [site](https://a.example "{FDA}") now.', None, "See site now."),
        ("Files are ~~not~~ deleted after thirty days.", None, f"{DELETED}."),
        (f"![Our logo](x.png '{FDA}') of old", None, "Our logo of old"),
        ("Fast &amp; <b>cheap</b>, 2 \\* 3 for us", None, "Fast & cheap, 2 * 3 for us"),
        (TABLE.format(FDA), "Team | $5", "Team $5"),
        ("There is no API, no server of it.", "API, no server of it", "no API, no server of it"),
    ],
)
def test_a_quote_with_markup_or_behind_a_no_that_it_repeats_is_published_in_the_pages_words(
    description: str, quote: str | None, words: str
) -> None:
    (published,) = published_quotes((quote or description,), a_tool(description=description))
    assert published.rstrip(".") == words.rstrip(".")


def test_what_is_no_markdown_on_the_page_is_none_for_quotes() -> None:
    """The tagline is shown as it is written."""
    tool = a_tool(tagline=f'Fast [site](https://a.example "{FDA}") &amp; <b>cheap</b> for all')
    assert published_quotes((FDA, "cheap</b> for all", "& cheap for all"), tool) == (
        FDA,
        "cheap</b> for all",
        "cheap for all",
    )


@pytest.mark.parametrize(
    ("description", "quote", "stands"),
    [
        ('A [b](https://a.example "c d") of c d, now.', "of c d", "of c d"),
        ("A &amp; **B** of\u202e C~~x~~.", "B of C", "B** of\u202e C"),
        ("> - One `two` three\n>   four \\| five|", "two three four", "two` three\n>   four"),
        ("| a\\|b | c |\n|---|---|\n| d\\|e | *f g* |", "b c d", "b | c |\n|---|---|\n| d"),
        ("```sh\nrun it\n\n  all now\n```", "it all now", "it\n\n  all now"),
        ("It is &lt;&#102;ast&gt; here|", "is fast here", "is &lt;&#102;ast&gt; here"),
    ],
)
def test_a_quote_is_marked_where_it_stands_in_the_description(
    description: str, quote: str, stands: str
) -> None:
    tool = a_tool(description=description)
    found = find_quote(quote, tool)
    assert found is not None
    assert shown_source(tool).text[slice(*found.span)] == stands


PIECES = ["word ", "a*b* ", " _c_ ", "**", "`", "[x](https://a.example 'y z')", "\n\n", "\n", "- "]
PIECES += ["> ", "| a | b |\n|---|---|\n| c | d | e |\n", "# ", "&amp;", "<b>", "![alt](b.png)"]
PIECES += ["```\n", "1. ", "•  ", "\\", "é", "字", "~~", "    ", "\t", "[x]: y 'z'\n", "<not>", "]"]
PIECES += ["\u202e", "&#8238;", "&shy;", "<https://a.example>", "[](https://a.example)", "|", "~~~"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_the_words_that_are_read_are_those_of_the_page(description: str) -> None:
    """Struck words and the numbers of lists apart: the page strikes them, and counts itself."""
    made = re.sub(r"<s>.*?</s>", " ", str(render_markdown(description)), flags=re.S)
    made = html.unescape(re.sub(r"</?(?:em|strong|a|code|s)\b[^>]*>", "", made, flags=re.I))
    page = re.sub(r"<(?!b>|not>|/?https)[^<>]*>", " ", made)
    # Before a number of a list, a ">" is read as "more than".
    listed = ("1", ">") if "1. " in description else ()
    read = [word for word in page_reading(description + "\n").words if word not in listed]
    page = page.replace("\n", " ")
    assert read == [word for word in page_reading(page, 0, 0).words if word not in listed]


def _seconds(text: str) -> float:
    start = time.thread_time()
    page_reading(text)
    return time.thread_time() - start


LONG = ["[", "![", '[x](u "', "<a href='#", "&#", "\\|", "a\n\n", "|a|\n|-|\n", "~~a", "`", "- "]


@pytest.mark.slow
@pytest.mark.parametrize("piece", LONG)
def test_the_time_of_reading_a_description_grows_in_line_with_its_length(piece: str) -> None:
    short, long = ((piece * size)[:size] + "|" for size in (12_500, 50_000))
    assert any(_seconds(f"{long}{n}") < 8 * _seconds(f"{short}{n}") + 0.1 for n in range(3))
