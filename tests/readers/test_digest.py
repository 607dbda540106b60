"""The digest: what is in an issue, how it reads, and that foreign text stays text."""

from __future__ import annotations

import email
import json
import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from panel.errors import UsageError
from panel.readers.digest.content import DigestContent
from panel.readers.digest.gathering import Days, digest_content
from panel.readers.digest.issue import write_issue
from panel.readers.digest.render import render_digest
from panel.readers.mail.settings import Sender
from panel.scorecard import VerdictChange
from panel.site.publication import Publication
from panel.stats import Tally
from panel.workspace.editorial import Correction, Editorial, EditorialFiles
from tests.support.editors import do
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_publication import (
    MODEL,
    a_line,
    a_take,
    an_edition,
    demo_publication,
    seed_publication,
)
from tests.support.space import Panel, Space

GOLDEN = Path(__file__).parents[1] / "golden"
SINCE, UNTIL = date(2026, 11, 17), date(2026, 11, 24)
HOME = "https://verdicts.example"


def change(
    tool: str, before: str | None, after: str, at: str, persona: str = "builder"
) -> VerdictChange:
    return VerdictChange(tool, persona, before, after, at, "description changed", str(MODEL))  # type: ignore[arg-type]


def content_of(
    publication: Publication, since: date = SINCE, until: date = UNTIL, first: bool = False
) -> DigestContent:
    return digest_content(publication, Days(since, until, first), HOME)


def divided_publication(**tool: Any) -> Publication:
    """Return the seed page with a tool the panel splits on two to two, and two changes."""
    seed = seed_publication()
    first = seed.tools[0]
    lines = []
    for number, (persona, line) in enumerate(zip(seed.personas, first.card.lines, strict=True)):
        assert line.take is not None
        fields = {"confidence": 60, "beats": dict(line.take.beats), "evidence": line.take.evidence}
        verdict = "ship" if number < 2 else "skip"
        made = a_line(persona, a_take(persona, fields | {"verdict": verdict}))
        votes = Tally(ships=4) if verdict == "ship" else Tally(skips=4)
        lines.append(replace(made, tally=votes))
    edition = an_edition(first.tool.model_copy(update=tool), lines)
    history = (
        change(MISTRAL, "skip", "ship", "2026-11-20T10:00:00Z", "skeptic"),
        change(MISTRAL, "ship", "skip", "2026-11-02T10:00:00Z", "skeptic"),
    )
    return replace(seed, tools=(edition, seed.tools[1]), changes=history + seed.changes)


def test_tools_are_new_in_the_days_of_their_first_verdict() -> None:
    content = content_of(seed_publication())
    assert content.lead is not None and content.lead.tool.name == "Codestral 2.0"
    assert [tool.name for tool in content.new_tools] == ["Mistral 8x22B Instruct v2"]
    assert (content.new, content.lead.tool.words) == (2, "All four ship")
    assert [pair.name for pair in content.comparisons] == [
        "Mistral 8x22B Instruct v2 vs Codestral 2.0"
    ]
    assert content.comparisons[0].link == f"{HOME}/compare/{MISTRAL}-vs-{CODESTRAL}.html"
    assert content.lead.tool.link == f"{HOME}/tools/{CODESTRAL}.html"
    for since, until in ((SINCE, date(2026, 11, 23)), (UNTIL, UNTIL + timedelta(7))):
        assert content_of(seed_publication(), since, until).empty


def test_a_verdict_that_changed_is_told_with_its_reason_and_a_first_one_is_not() -> None:
    content = content_of(divided_publication())
    [changed] = content.changes
    assert (changed.who, changed.before, changed.after) == ("Skeptic turned", "skip", "ship")
    assert (changed.changed_on, changed.reason) == ("2026-11-20", "description changed")
    assert content.new == 1 and content.lead is not None  # the other's first verdict is older
    assert content.lead.tool.name == "Codestral 2.0"


def test_the_lead_is_what_divides_the_panel_with_a_quote_of_each_side() -> None:
    """A story has two sides, and both are heard in their own words."""
    lead = content_of(divided_publication()).lead
    assert lead is not None and lead.headline.startswith("Codestral 2.0 divides the panel: Builder")
    assert [quote.says for quote in lead.quotes] == ["ships", "skips"]
    assert content_of(divided_publication()).divided == (), "the lead is not told twice"
    later = content_of(divided_publication(), UNTIL, UNTIL + timedelta(7))
    assert later.empty and [tool.name for tool in later.divided] == ["Codestral 2.0"]


def test_the_first_issue_of_all_tells_of_every_tool() -> None:
    """On the day of a launch everything is new, whenever it was asked and approved."""
    launch = content_of(divided_publication(), UNTIL, UNTIL + timedelta(1), first=True)
    assert not launch.empty and launch.new == 2 and launch.lead is not None


def test_a_tool_that_was_held_back_is_new_on_the_day_it_appears() -> None:
    """Its verdicts are older, but nobody could read them."""
    held = divided_publication(publish_after=UNTIL)
    assert content_of(held).new == 0
    assert content_of(held, UNTIL, UNTIL + timedelta(7)).new == 1


def test_the_editors_introduce_an_issue_and_choose_its_lead() -> None:
    """Their words stand first, with the name of who wrote them, in the mail and in its subject."""
    text = "We *read* it.\n\nAll of it."
    said = Editorial(headline="A loud week", text=text, by="Ada", lead=MISTRAL)
    about = Editorial(corrections=(Correction(date=date(2026, 11, 18), note="It is 19, not 17."),))
    files = EditorialFiles(None, {CODESTRAL: about}, {}, {SINCE.isoformat(): said})
    edited = replace(divided_publication(), editorial=files)
    content = content_of(edited)
    assert content.subject == "Ship or Skip Weekly: A loud week"
    assert content.lead is not None and content.lead.tool.name.startswith("Mistral")
    assert [each.note for each in content.corrections] == ["It is 19, not 17."]
    rendered = render_digest(content, None)
    for words in (rendered.text, re.sub("<[^>]+>", "", rendered.html.partition("<body")[2])):
        assert words.index("Written by Ada, editor") < words.index("Mistral 8x22B")
        assert "It is 19, not 17." in words and "a person wrote" in " ".join(words.split())
    assert "<em>read</em>" in rendered.html and "All of it." in rendered.text
    assert content_of(edited, UNTIL, UNTIL + timedelta(7)).empty


def test_long_lists_are_cut_and_say_how_much_was_left_out() -> None:
    seed = seed_publication()
    editions = tuple(
        an_edition(
            edition.tool.model_copy(update={"slug": f"{edition.tool.slug}-{number:02}"}),
            list(edition.card.lines),
        )
        for number in range(15)
        for edition in seed.tools[:1]
    )
    history = tuple(
        change(edition.tool.slug, before, "ship", "2026-11-20T10:00:00Z")
        for edition in editions
        for before in (None, "skip", "skip")
    )
    content = content_of(replace(seed, tools=editions, changes=history, pairs=()))
    assert (len(content.new_tools), len(content.also_new), content.new) == (4, 10, 15)
    assert (len(content.changes), content.changed) == (5, 30)
    assert len(content.comparisons) == 6 and content.compared > 50
    assert content.subject == "Ship or Skip Weekly: 15 new tools and 30 changed verdicts"
    html = render_digest(content, None).html
    assert "And 25 more on" in html and "Also: " in html


def test_an_issue_is_known_by_its_first_day_alone() -> None:
    assert content_of(seed_publication()).id == "digest-2026-11-17"
    assert content_of(divided_publication(), SINCE, UNTIL + timedelta(3)).id == "digest-2026-11-17"


def golden(name: str, found: str) -> None:
    if os.environ.get("UPDATE_GOLDEN") == "1":
        (GOLDEN / name).write_text(found, encoding="utf-8", newline="\n")
    assert found == (GOLDEN / name).read_text(encoding="utf-8")


def test_the_issue_reads_as_it_was_agreed() -> None:
    rendered = render_digest(content_of(divided_publication()), f"{HOME}/unsubscribe?token=a.b")
    golden("digest.html", rendered.html)
    golden("digest.txt", rendered.text)


def test_the_text_is_wrapped_at_72_and_links_stay_whole() -> None:
    link = f"{HOME}/unsubscribe?token=" + "x" * 90
    text = render_digest(content_of(divided_publication(tagline="word " * 80)), link).text
    assert all(len(line) <= 72 or "https://" in line for line in text.splitlines())
    assert f"Unsubscribe: {link}\n" in text


def test_a_name_without_an_address_does_not_look_like_a_link() -> None:
    """The site's address may be unknown; then a name is text in the colour of the text."""
    name = r'<{} class="name"[^>]* style="([^"]*)"[^>]*>Mistral'
    days = Days(SINCE, UNTIL, True)
    for home, tag in ((HOME, "a"), (None, "span")):
        html = render_digest(digest_content(divided_publication(), days, home), None).html
        style = re.search(name.format(tag), html)
        assert style and ("color:" in style[1]) == (home is not None)
        assert ("<a " in html) == (home is not None)


def test_styles_stand_in_the_elements_and_dark_mode_in_the_head() -> None:
    html = render_digest(content_of(divided_publication()), None).html
    assert 'class="sheet"' in html and re.search(
        r'<table class="sheet"[^>]* style="[^"]+600px', html
    )
    head = html.partition("</head>")[0]
    assert "prefers-color-scheme: dark" in head and "max-width: 620px" in head
    assert "line-height: 34px" not in head
    assert "<script" not in html and "<img" not in html and "url(" not in html


def test_drafts_and_the_demonstration_model_are_named_as_such() -> None:
    plain = render_digest(content_of(divided_publication()), None)
    drafts = demo_publication(replace(divided_publication(), drafts=True))
    marked = render_digest(content_of(drafts), None)
    for part in ("html", "text"):
        words = " ".join(getattr(marked, part).split())
        assert "no editor has approved them" in words and "are no judgement" in words
        words = " ".join(getattr(plain, part).split())
        assert "approved by an editor" in words and "demo model" not in words


ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></td></table><h1>gone</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "a\r\nBcc: eve@example.org\r\n\r\nbody",
    "x\u202etxt.exe",
    "\x1b[31mred",
    "=HYPERLINK(1)",
    "[link](javascript:alert(1))",
]


class Tags(HTMLParser):
    """The tags and attributes of a document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(sorted(name for name, _value in attrs))))


@pytest.mark.parametrize("attack", ATTACKS)
def test_foreign_text_stays_text(attack: str, tmp_path: Path) -> None:
    publication = divided_publication(name=attack, tagline=attack, category=attack)
    publication = replace(
        publication,
        site=publication.site.model_copy(update={"title": attack}),
        personas=tuple(each.model_copy(update={"name": attack}) for each in publication.personas),
        changes=tuple(replace(each, reason=attack) for each in publication.changes),
    )
    content = content_of(publication)
    rendered = render_digest(content, f"{HOME}/unsubscribe?token=a.b")
    calm = render_digest(content_of(divided_publication()), f"{HOME}/unsubscribe?token=a.b")
    assert Tags(rendered.html).seen == Tags(calm.html).seen
    assert not re.search("[\x1b\u202e\r]", rendered.html + rendered.text)
    files = write_issue(content, tmp_path, Sender("", "a@b.org"))
    message = email.message_from_bytes(files[0].read_bytes(), policy=default)
    assert sorted(message.keys()) == [
        "Content-Type", "Date", "From", "MIME-Version", "Subject", "X-Unsent",
    ]  # fmt: skip
    assert not re.search("[\x00-\x1f\u202e]", str(message["Subject"]))


def test_an_issue_is_written_as_mail_page_and_text(tmp_path: Path) -> None:
    files = write_issue(content_of(divided_publication()), tmp_path / "new" / "digests", None)
    assert [file.name for file in files] == [
        f"digest-2026-11-17.{ending}" for ending in ("eml", "html", "txt")
    ]
    message = email.message_from_bytes(files[0].read_bytes(), policy=default)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative", "text/plain", "text/html",
    ]  # fmt: skip
    assert message["From"] is None and message["To"] is None
    assert message.is_multipart()
    texts = [part.get_content() for part in message.iter_parts()]  # type: ignore[attr-defined]
    assert texts[0].split() == files[2].read_text().split()
    assert texts[1].split() == files[1].read_text().split()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_issue(content_of(divided_publication()), tmp_path / "file", None)


# The command


def test_the_command_writes_and_sends_nothing(asked: Space, panel: Panel) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    since = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    words = ["digest", "--since", since, "--until", tomorrow]
    result = panel(*words, "--drafts", "--json", cwd=asked.root)
    assert result.code == 0, result.err
    record = json.loads(result.out)
    assert (record["new_tools"], record["comparisons"], record["waiting"]) == (2, 0, 0)
    assert record["sending"] is None
    for file in record["files"]:
        assert Path(file).parent == asked.root / "digests" and Path(file).is_file()
    assert not (asked.root / "community").exists()
    approved = json.loads(panel(*words, "--json", cwd=asked.root).out)
    assert approved["new_tools"] == 0  # nobody approved anything
    text = panel(*words, "--drafts", "--out", "elsewhere", cwd=asked.root)
    assert "elsewhere/digest-" in text.out and "Nothing was sent" in text.err


def test_an_issue_on_the_day_of_the_launch_is_not_empty(asked: Space, panel: Panel) -> None:
    """What was approved today is in the first issue, and in one that begins today."""
    do(asked, "approve", ("anvil", "builder"))
    today = datetime.now(UTC).date().isoformat()
    week_ago = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    done = panel("digest", "--json", cwd=asked.root)
    assert f"The week from {week_ago}" in done.err
    record = json.loads(done.out)
    assert (record["first"], record["new_tools"], record["lead"]) == (True, 1, "Anvil")
    text = (asked.root / "digests" / f"digest-{week_ago}.txt").read_text()
    assert f"{week_ago} to {today}" in text, "the head names the day of what it tells"
    record = json.loads(panel("digest", "--since", today, "--json", cwd=asked.root).out)
    assert (record["first"], record["new_tools"], record["lead"]) == (False, 1, "Anvil")
    eve = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    record = json.loads(panel("digest", "--since", eve, "--json", cwd=asked.root).out)
    assert record["new_tools"] == 1, "nothing came before today, so today is in it"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--since", "2026-11-24", "--until", "2026-11-24"], "no day lies from"),
        (["--since", "2026-11-01", "--until", "2026-11-08", "--send", "--drafts"], "not sent"),
        (["--since", "2026-11-01", "--until", "2026-11-08", "--send", "--dry-run"], "exclude"),
        (["--since", "2026-11-01", "--until", "2026-11-08", "--resend-unknown"], "only with"),
        (
            ["--since", "2026-11-01", "--until", "2026-11-08", "--send"],
            "SMTP_HOST is not set",
        ),
        (["--since", "yesterday"], "yesterday"),
    ],
)
def test_what_cannot_be_is_refused(
    asked: Space, panel: Panel, words: list[str], message: str
) -> None:
    result = panel("digest", *words, cwd=asked.root)
    assert result.code == 2 and message in result.err


def test_no_digest_is_written_through_a_link_of_the_workspace(
    asked: Space, panel: Panel, tmp_path: Path
) -> None:
    """The folder of digests may come from git; what it leads to stays as it is."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (asked.root / "digests").symlink_to(outside, target_is_directory=True)
    refused = panel("digest", "--since", "2026-11-01", cwd=asked.root)
    assert refused.code == 2 and "digests: is a link" in refused.err
    assert not list(outside.iterdir())
