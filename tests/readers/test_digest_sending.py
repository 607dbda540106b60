"""Sending an issue: one mail each, faults, kills, two senders, and never twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panel.errors import UsageError
from panel.readers.community.deliveries import Deliveries
from panel.readers.community.secret import Secret, load_secret
from panel.readers.community.subscribers import Subscribers
from panel.readers.digest.gathering import Days, digest_content
from panel.readers.digest.sending import Mailing, Sent
from panel.readers.mail import smtp
from panel.readers.mail.settings import mail_settings
from panel.readers.mail.smtp import MailError, SmtpSender
from tests.support.site_publication import seed_publication
from tests.support.smtp_server import DROP_AT_DATA, DROP_BEFORE_REPLY, HANG, Mailbox
from tests.support.space import Panel, Space
from tests.support.threads import wait_until

SECRET = Secret(b"k" * 64)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE = date(2026, 11, 17)
ANN, BOB, EVE = "ann@example.org", "bob@example.org", "eve@example.org"
HOME = "https://verdicts.example"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


def subscribe(root: Path, *addresses: str, secret: Secret = SECRET) -> None:
    subscribers = Subscribers(root, secret)
    for address in addresses:
        assert subscribers.confirm(subscribers.confirm_token(address, NOW), NOW)


def mailing(
    root: Path, box_environment: dict[str, str], since: date = date(2026, 11, 17)
) -> Mailing:
    content = digest_content(seed_publication(), Days(since, date(2026, 11, 24)), HOME)
    found = mail_settings(box_environment)
    assert found is not None
    return Mailing(content, found.sender, Subscribers(root, SECRET), Deliveries(root))


def send(root: Path, box: Mailbox, resend_unknown: bool = False, **more: date) -> Sent:
    found = mail_settings(box.environment)
    assert found is not None
    with SmtpSender(found, sleep=lambda _seconds: None) as carrier:
        return mailing(root, box.environment, **more).send(carrier, resend_unknown)


def states(root: Path) -> list[str]:
    file = root / "community" / "deliveries.jsonl"
    return [json.loads(line)["state"] for line in file.read_text().splitlines()]


def test_each_subscriber_gets_one_mail_of_their_own(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN, BOB)
    assert send(tmp_path, box) == Sent(sent=2)
    assert box.addresses == [ANN, BOB]
    (_, first), (_, second) = box.taken
    assert first["To"] == ANN and BOB not in first.as_string()
    assert first["Message-ID"] != second["Message-ID"]
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = first["List-Unsubscribe"].strip("<>")
    assert (
        link.startswith(f"{HOME}/unsubscribe?token=")
        and link in first.get_body(("plain",)).get_content()
    )
    token = link.partition("=")[2]
    subscribers = Subscribers(tmp_path, SECRET)
    assert subscribers.leaver(token) == subscribers.hash(ANN)
    assert "@" not in token and "ann" not in first["Message-ID"]
    assert first["Subject"] == "Ship or Skip Weekly: 2 new tools"


def test_a_second_call_sends_nothing_and_a_new_subscriber_gets_it(
    tmp_path: Path, box: Mailbox
) -> None:
    subscribe(tmp_path, ANN)
    send(tmp_path, box)
    assert send(tmp_path, box) == Sent(already=1)
    subscribe(tmp_path, BOB)
    assert send(tmp_path, box) == Sent(already=1, sent=1)
    assert box.addresses == [ANN, BOB]


def test_the_issue_of_another_week_is_another_issue(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN)
    send(tmp_path, box)
    assert send(tmp_path, box, since=date(2026, 11, 16)) == Sent(sent=1)
    assert box.taken[0][1]["Message-ID"] != box.taken[1][1]["Message-ID"]


def test_a_message_id_is_the_same_each_time(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN)
    [subscriber] = Subscribers(tmp_path, SECRET).all()
    ids = {mailing(tmp_path, box.environment).message(subscriber)["Message-ID"] for _ in range(2)}
    assert len(ids) == 1 and ids.pop().endswith("@verdicts.example>")


def test_a_passing_fault_is_survived_within_one_call(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN, BOB, EVE)
    box.faults[ANN], box.faults[BOB] = ["450"], [DROP_AT_DATA]
    box.faults[EVE] = ["451 after the text"]
    assert send(tmp_path, box) == Sent(sent=3)
    assert sorted(box.addresses) == [ANN, BOB, EVE]


def test_a_bounce_is_recorded_and_the_address_left_alone_from_then_on(
    tmp_path: Path, box: Mailbox
) -> None:
    subscribe(tmp_path, ANN, BOB)
    box.faults[ANN] = ["550"]
    first = send(tmp_path, box)
    assert (first.bounced, first.sent, first.complete) == ([ANN], 1, False)
    assert send(tmp_path, box) == Sent(skipped=1, already=1)
    assert send(tmp_path, box, since=date(2026, 11, 16)) == Sent(skipped=1, sent=1)
    assert box.attempts.count(ANN) == 1


def test_who_bounced_and_subscribed_again_is_sent_to_again(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN)
    box.faults[ANN] = ["550"]
    send(tmp_path, box)
    subscribers = Subscribers(tmp_path, SECRET)
    subscribers.unsubscribe(subscribers.hash(ANN), datetime.now(UTC))
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert subscribers.confirm(subscribers.confirm_token(ANN, later), later)
    assert send(tmp_path, box, since=date(2026, 11, 16)) == Sent(sent=1)


def test_what_failed_for_now_is_sent_by_the_next_call(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN, BOB)
    box.faults[ANN] = ["450"] * smtp.ATTEMPTS
    first = send(tmp_path, box)
    assert (first.failed, first.sent) == ([ANN], 1)
    assert send(tmp_path, box) == Sent(sent=1, already=1)
    assert box.addresses == [BOB, ANN]


def test_a_mail_whose_fate_is_unknown_is_listed_and_not_sent_again(
    tmp_path: Path, box: Mailbox
) -> None:
    subscribe(tmp_path, ANN, BOB)
    box.faults[ANN] = [DROP_BEFORE_REPLY]
    assert send(tmp_path, box).unknown == [ANN]
    again = send(tmp_path, box)
    assert (again.unknown, again.already, again.complete) == ([ANN], 1, False)
    assert box.addresses == [ANN, BOB]
    assert send(tmp_path, box, resend_unknown=True) == Sent(sent=1, already=1)
    assert box.addresses == [ANN, BOB, ANN]


def test_who_leaves_while_it_is_being_sent_is_left_out(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN, BOB)
    found = mail_settings(box.environment)
    assert found is not None
    elsewhere = Subscribers(tmp_path, SECRET)

    def leave(*_about: object) -> None:
        elsewhere.unsubscribe(elsewhere.hash(BOB), datetime.now(UTC))

    with SmtpSender(found) as carrier:
        sent = mailing(tmp_path, box.environment).send(carrier, progress=leave)
    assert sent == Sent(sent=1, left=1) and box.addresses == [ANN]


def test_a_server_that_takes_nothing_stops_it_and_the_next_call_goes_on(tmp_path: Path) -> None:
    subscribe(tmp_path, ANN)
    with Mailbox(refuse_senders=True) as box, pytest.raises(MailError):
        send(tmp_path, box)
    with Mailbox() as box:
        assert send(tmp_path, box) == Sent(sent=1)


def test_a_server_that_dies_after_not_now_leaves_nothing_unknown(tmp_path: Path) -> None:
    subscribe(tmp_path, ANN)
    with Mailbox() as box:
        box.faults[ANN] = ["451 after the text"]
        found = mail_settings(box.environment)
        assert found is not None

        def meanwhile(_seconds: float) -> None:
            box.refuse_senders = True

        with SmtpSender(found, sleep=meanwhile) as carrier, pytest.raises(MailError):
            mailing(tmp_path, box.environment).send(carrier)
        assert states(tmp_path) == ["sending", "failed"]
        box.refuse_senders = False
        assert send(tmp_path, box) == Sent(sent=1)


def test_deliveries_hold_no_address(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN, BOB)
    box.faults[BOB] = ["550"]
    send(tmp_path, box)
    assert states(tmp_path) == ["sending", "sent", "bounced"]
    written = (tmp_path / "community" / "deliveries.jsonl").read_text()
    assert "ann" not in written and "bob" not in written and "@" not in written


def _send_in_a_process(root: Path, environment: dict[str, str]) -> None:
    found = mail_settings(environment)
    assert found is not None
    with SmtpSender(found) as carrier:
        mailing(root, environment).send(carrier)


@pytest.mark.slow
def test_a_kill_between_sending_and_sent_never_sends_twice(tmp_path: Path, box: Mailbox) -> None:
    subscribe(tmp_path, ANN, BOB, EVE)
    box.faults[BOB] = [HANG]
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_send_in_a_process, args=(tmp_path, box.environment))
    process.start()
    wait_until(lambda: box.addresses == [ANN, BOB])
    with pytest.raises(UsageError, match="another 'panel digest --send' is running"):
        send(tmp_path, box)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    after = send(tmp_path, box)
    assert (after.unknown, after.already, after.sent) == ([BOB], 1, 1)
    assert box.addresses == [ANN, BOB, EVE]


FAULTS = st.lists(
    st.sampled_from(
        ["450", "550", "451 after the text", "554 after the text", DROP_AT_DATA, DROP_BEFORE_REPLY]
    ),
    max_size=6,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(FAULTS, min_size=3, max_size=3), st.integers(2, 4))
def test_whatever_goes_wrong_nobody_gets_it_twice(
    tmp_path_factory: pytest.TempPathFactory, box: Mailbox, faults: list[list[str]], calls: int
) -> None:
    root = tmp_path_factory.mktemp("space")
    box.taken.clear()
    subscribe(root, ANN, BOB, EVE)
    for address, planned in zip((ANN, BOB, EVE), faults, strict=True):
        box.faults[address] = list(planned)
    outcomes = [send(root, box) for _ in range(calls)]
    assert all(box.addresses.count(address) <= 1 for address in (ANN, BOB, EVE))
    last = outcomes[-1]
    assert (
        last.sent + last.already + last.skipped + len(last.bounced + last.failed + last.unknown)
        == 3
    )
    for address in (ANN, BOB, EVE):
        if address in box.addresses and address not in last.unknown:
            assert address not in last.failed + last.bounced


def test_the_command_sends_and_says_what_became_of_it(
    asked: Space, panel: Panel, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in box.environment.items():
        monkeypatch.setenv(name, value)
    content = seed_publication()
    monkeypatch.setattr(
        "panel.cli.digest.publication",
        lambda *_about: replace(content, site=content.site.model_copy(update={"base_url": HOME})),
    )
    subscribe(asked.root, ANN, BOB, secret=load_secret(asked.root / "community", {}))
    words = ["digest", "--since", "2026-11-17", "--until", "2026-11-24"]
    dry = panel(*words, cwd=asked.root)
    assert dry.code == 0 and "2 subscribers would get it" in dry.err and box.attempts == []
    box.faults[BOB] = ["550"]
    sent = panel(*words, "--send", "--json", cwd=asked.root)
    record = json.loads(sent.out)["sending"]
    assert sent.code == 1 and (record["sent"], record["bounced"]) == (1, [BOB])
    again = panel(*words, "--send", cwd=asked.root)
    assert again.code == 0 and "0 sent, 1 had it before" in again.out
    quiet = panel(*words[:2], "2026-01-01", "--until", "2026-01-08", "--send", cwd=asked.root)
    assert quiet.code == 0 and "nothing was sent" in quiet.err and box.addresses == [ANN]
