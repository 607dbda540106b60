"""``panel digest``."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from panel.cli.main import ExitCode
from panel.cli.options import EndpointName, Json, StoredModel
from panel.cli.output import note, print_json, say
from panel.cli.workspace import open_workspace
from panel.errors import UsageError
from panel.readers.community.deliveries import FILE as DELIVERED
from panel.readers.community.deliveries import Deliveries
from panel.readers.community.ledger import FOLDER
from panel.readers.community.links import VARIABLE, parse_base_url
from panel.readers.community.secret import community_secret
from panel.readers.community.subscribers import FILE, Subscriber, Subscribers
from panel.readers.digest.content import DigestContent
from panel.readers.digest.gathering import Days, digest_content
from panel.readers.digest.issue import other_issue, write_issue
from panel.readers.digest.sending import Mailing, Sent
from panel.readers.mail.settings import Sender, mail_sender, mail_settings
from panel.readers.mail.smtp import Handed, SmtpSender
from panel.results.publication import publication
from panel.runs.selection import Selection, opened_for
from panel.text import counted
from panel.workspace.plain_files import refuse_link_on_the_way

app = typer.Typer(rich_markup_mode=None)
DAY = ["%Y-%m-%d"]
WEEK = timedelta(days=7)


@app.command()
def digest(
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="DATE",
            formats=DAY,
            help="The first day (UTC); by default a week ago.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", metavar="DATE", formats=DAY, help="The day it ends before; by default today."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where it is written: digests/.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the subscribers.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: that is so unless --send.")
    ] = False,
    resend_unknown: Annotated[
        bool,
        typer.Option("--resend-unknown", help="Also to whom it may have reached before a crash."),
    ] = False,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Also verdicts nobody approved; never with --send.")
    ] = False,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", envvar=VARIABLE, help="The site's address, over panel.toml's."),
    ] = None,
    endpoint: EndpointName = None,
    model: StoredModel = None,
    as_json: Json = False,
) -> None:
    """Write the digest of some days as .eml, .html and .txt; with --send, send it.

    Nobody gets the digest that begins on one day twice, however often this is called. Exit 1
    when an address was refused, or did not get it for sure.
    """
    first, end = _days(since, until)
    _check_flags(send, dry_run, drafts, resend_unknown)
    workspace = open_workspace()
    with opened_for(workspace, Selection(endpoint=endpoint, model=model)) as (target, connection):
        gathered = publication(workspace, target, connection, drafts, base_url)
    home = parse_base_url(gathered.site.base_url) if gathered.site.base_url else None
    folder = out or workspace.root / "digests"
    refuse_link_on_the_way(folder)
    days = _of(first, end, folder, workspace.root)
    content = digest_content(gathered, days, home)
    # On the day of the launch the news is of today; so is some of an issue that tells everything.
    if until is None and (content.empty or content.first):
        content = digest_content(gathered, replace(days, until=end + timedelta(days=1)), home)
    sender = mail_sender(os.environ)
    files = write_issue(content, folder, sender)
    mailing = _mailing(content, sender, workspace.root)
    sent = _send(mailing, content, resend_unknown) if send else None
    waiting = len(mailing.waiting(resend_unknown)[0]) if mailing and not send else 0
    if as_json:
        print_json(_record(content, files, sent, waiting))
    else:
        _tell(content, files, sent, waiting)
    if sent is not None and not sent.complete:
        raise typer.Exit(ExitCode.FAILED)


def _days(since: datetime | None, until: datetime | None) -> tuple[date, date]:
    today = datetime.now(UTC).date()
    end = until.date() if until else today
    first = since.date() if since else end - WEEK
    if since is None:
        note(f"The week from {first}: --since names another first day.")
    if until is None and first == today:
        end = today + timedelta(days=1)
    if first >= end:
        raise UsageError(
            f"no day lies from {first} up to, and not including, {end}. Name an earlier --since or "
            "a later --until."
        )
    return first, end


def _of(first: date, end: date, folder: Path, root: Path) -> Days:
    """Return the days of an issue; it is the first where no other is known."""
    sent = (root / FOLDER / DELIVERED).exists() and Deliveries(root).others(f"digest-{first}")
    return Days(first, end, first=not sent and not other_issue(folder, first))


def _check_flags(send: bool, dry_run: bool, drafts: bool, resend_unknown: bool) -> None:
    if send and dry_run:
        raise UsageError("--send and --dry-run exclude each other. Leave one out.")
    if send and drafts:
        raise UsageError("drafts are not sent: an editor approves verdicts first ('panel desk').")
    if resend_unknown and not send:
        raise UsageError("--resend-unknown does something only with --send.")


def _mailing(content: DigestContent, sender: Sender | None, root: Path) -> Mailing | None:
    """Return the mailing; None while nobody ever asked to subscribe."""
    if not (root / FOLDER / FILE).exists():
        return None
    subscribers = Subscribers(root, community_secret(root, os.environ))
    subscribers.tidy(datetime.now(UTC))
    return Mailing(content, sender or Sender("", ""), subscribers, Deliveries(root))


def _send(mailing: Mailing | None, content: DigestContent, resend_unknown: bool) -> Sent:
    settings = mail_settings(os.environ)
    if settings is None:
        raise UsageError(
            "PANEL_SMTP_HOST is not set, so nothing was sent. Set it and PANEL_MAIL_FROM "
            "(docs/community.md), then call this again."
        )
    if content.base_url is None:
        raise UsageError(
            "nothing was sent: the links to unsubscribe need the site's address. Write base_url "
            "under [site] in panel.toml, or give --base-url."
        )
    if content.empty:
        note("Nothing new in these days, so nothing was sent.")
        return Sent()
    if mailing is None:
        return Sent()

    def progress(subscriber: Subscriber, handed: Handed) -> None:
        if handed.state != "sent":
            note(f"{subscriber.address}: {handed.state} ({handed.detail})")

    with SmtpSender(settings) as smtp:
        return mailing.send(smtp, resend_unknown, progress)


def _record(
    content: DigestContent, files: list[Path], sent: Sent | None, waiting: int
) -> dict[str, object]:
    return {
        "digest": content.id,
        "subject": content.subject,
        "since": content.since,
        "until": content.until,
        "files": [str(file) for file in files],
        "first": content.first,
        "lead": content.lead.tool.name if content.lead else None,
        "new_tools": content.new,
        "comparisons": content.compared,
        "changes": content.changed,
        "divided": len(content.divided),
        "corrections": len(content.corrections),
        "waiting": waiting if sent is None else None,
        "sending": asdict(sent) if sent else None,
    }


def _tell(content: DigestContent, files: list[Path], sent: Sent | None, waiting: int) -> None:
    for file in files:
        say(str(file))
    if content.empty:
        note("Nothing new in these days.")
    elif content.first:
        note("No other issue is known, so every published tool is new to its readers.")
    if content.base_url is None:
        note(
            "No links in it: they need the site's address. Write base_url under [site] in "
            "panel.toml, or give --base-url."
        )
    if sent is None:
        note(f"Nothing was sent; {counted(waiting, 'subscriber')} would get it with --send.")
        return
    say(
        f"{sent.sent} sent, {sent.already} had it before, {len(sent.bounced)} refused for good, "
        f"{len(sent.failed)} refused for now, {len(sent.unknown)} unknown, "
        f"{sent.skipped + sent.left} left out."
    )
    for address in sent.unknown:
        note(f"{address}: it may have arrived. --resend-unknown sends it again.")
    if sent.failed:
        note("Call this again: only who has not got it is sent to.")
