"""Subscriptions over real sockets and a real SMTP server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from panel.readers.community import work
from panel.readers.community.networks import networks_of
from panel.readers.community.secret import Secret
from panel.readers.community.subscribers import Subscribers
from panel.readers.mail import smtp
from panel.readers.mail.outbox import Outbox
from panel.readers.serve import limits as limiting
from panel.readers.serve import mail_queue, subscribing
from panel.readers.serve.limits import Bound, VisitLimiter
from panel.site.build import build
from panel.site.output import published_address
from panel.workspace.settings import SiteSettings
from tests.support.readers_server import Served, limits, serving, serving_process, write_site
from tests.support.site_publication import seed_publication
from tests.support.smtp_server import HANG, Mailbox
from tests.support.space import Space
from tests.support.subscribing import ANN, addresses, leave_path, link, subscribe, wait_for, work_of
from tests.support.threads import wait_until


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def site(tmp_path: Path, box: Mailbox) -> Iterator[Served]:
    with serving(tmp_path, box.environment) as served:
        yield served


def test_while_an_address_is_looked_at_pages_are_answered(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done, answers = threading.Event(), threading.Event(), list[int]()

    def slowly(_address: str) -> None:
        begun.set()
        done.wait(20)

    def ask() -> None:
        answers.append(site.post("/subscribe", {"email": "x"}).status)

    monkeypatch.setattr(subscribing, "validated", slowly)
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert begun.wait(20) and site.get("/").status == 200 and answers == []
    finally:
        done.set()
        asking.join()
    assert answers == [400]


def test_subscribing_takes_a_mail_and_a_button(site: Served, box: Mailbox) -> None:
    assert 'name="email"' in site.get("/subscribe").text
    assert site.post("/subscribe", {"email": ANN, "website": ""}).status == 202
    wait_for(box, 1)
    [(address, message)] = box.taken
    assert address == ANN and message["To"] == ANN
    assert message["Auto-Submitted"] == "auto-generated"
    page = site.get(link(box, site))  # what a scanner of links does, too
    assert page.status == 200 and ANN in page.text and "<button>Subscribe" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert addresses(site) == []
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token and site.post("/confirm", {"token": token[1]}).status == 200
    assert addresses(site) == [ANN]


def test_the_answer_is_the_same_for_known_unknown_and_trapped(site: Served, box: Mailbox) -> None:
    subscribe(site, box)
    known = site.post("/subscribe", {"email": ANN, "website": ""})
    unknown = site.post("/subscribe", {"email": "bob@example.org", "website": ""})
    robot = site.post("/subscribe", {"email": "eve@example.org", "website": "http://spam.example"})
    assert known.body == unknown.body == robot.body
    assert known.status == unknown.status == robot.status == 202
    wait_for(box, 2)
    site.post("/subscribe", {"email": "last@example.org", "website": ""})
    wait_for(box, 3)
    assert box.addresses == [ANN, "bob@example.org", "last@example.org"]


def test_an_address_is_shown_as_text(site: Served, box: Mailbox) -> None:
    site.post("/subscribe", {"email": "a&b'c`{{7}}@example.org"})
    wait_for(box, 1)
    assert "a&amp;b&#39;c`{{7}}@example.org" in site.get(link(box, site)).text


def test_asking_again_and_again_sends_one_mail(site: Served, box: Mailbox) -> None:
    for written in (ANN, ANN.upper(), " " + ANN):
        assert site.post("/subscribe", {"email": written}).status == 202
    site.post("/subscribe", {"email": "bob@example.org"})
    wait_for(box, 2)
    assert [address.lower() for address in box.addresses] == [ANN, "bob@example.org"]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@example.org\r\nBcc: eve@example.org",
        "ann@example.org\nX: y",
        '"><script>alert(1)</script>@example.org',
        "ann@example.org,eve@example.org",
        "a" * 300 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_and_never_written_to(
    site: Served, box: Mailbox, email: str
) -> None:
    reply = site.post("/subscribe", {"email": email})
    assert reply.status == 400 and "That is not an e-mail address" in reply.text
    assert "<script>" not in reply.text and box.attempts == []


def test_one_mailbox_gets_one_mail_under_all_its_spellings(site: Served, box: Mailbox) -> None:
    for written in ("ann+1@example.org", "ann+2@example.org", "a.b@proton.me", "a-b@pm.me"):
        assert site.post("/subscribe", {"email": written}).status == 202
    site.post("/subscribe", {"email": "last@example.org"})
    wait_until(lambda: "last@example.org" in box.addresses)
    assert len(box.addresses) == 3 and len({each[:2] for each in box.addresses}) == 3


def test_subscribing_is_bounded_by_address(site: Served) -> None:
    replies = [site.post("/subscribe", {"email": f"n{n}@example.org"}) for n in range(7)]
    assert [each.status for each in replies] == [202] * 5 + [429] * 2
    assert "Without it, wait: press the button in 2 minutes" in replies[-1].text
    assert 100 < int(replies[-1].headers["retry-after"]) <= 120


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("198.51.100.{}", 20),
        ("2001:db8:1:1::{}", 5),
        ("2001:db8:1:1{:02x}::1", 10),
        ("2001:db8:1:{:02x}00::1", 20),
        ("198.51.{}.7", 25),
    ],
)
def test_rotating_addresses_of_one_network_have_a_common_bound(
    tmp_path: Path, pattern: str, taken: int
) -> None:
    with serving(tmp_path, trust_proxy=["127.0.0.1"]) as site:
        statuses = [
            site.post(
                "/subscribe",
                {"email": f"a@{n}.n{n}.example"},
                X_Forwarded_For=pattern.format(n),
            ).status
            for n in range(25)
        ]
    assert statuses == [202] * taken + [429] * (25 - taken)


def test_one_domain_has_a_bound_wherever_the_requests_come_from(tmp_path: Path) -> None:
    with serving(tmp_path, trust_proxy=["127.0.0.1"]) as site:
        statuses = [
            site.post(
                "/subscribe",
                {"email": f"x{n}@{n}.victim.example"},
                X_Forwarded_For=f"198.51.{n}.7",
            ).status
            for n in range(23)
        ]
    assert statuses == [202] * 20 + [429] * 3


def test_above_the_bound_a_solved_puzzle_subscribes_and_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BITS", 8)
    few = limits(subscribe=Bound(0, 3600, 100))
    outbox = Outbox(tmp_path / "space" / "community" / "outbox")
    with serving(tmp_path, limits=few) as site:
        fields = work_of(site.post("/subscribe", {"email": ANN}).text)
        assert site.post("/subscribe", {**fields, "email": "bob@example.org"}).status == 429
        assert site.post("/subscribe", {**fields, "solution": "x"}).status == 429
        assert outbox.waiting() == []
        assert site.post("/subscribe", fields).status == 202
        again = site.post("/subscribe", fields)
        assert again.status == 429 and "data-again" in again.text
    with serving(tmp_path, limits=few) as site:  # a restart does not make it new
        assert site.post("/subscribe", fields).status == 429
        assert site.post("/subscribe", work_of(again.text)).status == 202
    assert len(outbox.waiting()) == 1


def test_requests_that_are_refused_use_up_no_bound_that_others_share(tmp_path: Path) -> None:
    few = limits(domains=Bound(7, 3600, 100), everybody=Bound(7, 3600, 100))
    with serving(tmp_path, limits=few, trust_proxy=["127.0.0.1"]) as site:

        def ask(n: int, address: str) -> int:
            fields = {"email": f"x{n}@example.org"}
            return site.post("/subscribe", fields, X_Forwarded_For=address).status

        assert [ask(n, "203.0.113.9") for n in range(20)] == [202] * 5 + [429] * 15
        assert [ask(n, f"198.51.{n}.7") for n in range(20, 24)] == [202] * 2 + [429] * 2


def test_no_work_gets_around_the_bound_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BITS", 1)
    few = limits(subscribe=Bound(0, 3600, 100))
    with serving(tmp_path, limits=few) as site:
        for n in range(20):
            asked = site.post("/subscribe", {"email": f"x@n{n}.example"})
            assert site.post("/subscribe", work_of(asked.text)).status == 202
    with serving(tmp_path, limits=few) as site:
        asked = site.post("/subscribe", {"email": "y@y.example"})
        refused = site.post("/subscribe", work_of(asked.text))
    assert refused.status == 429 and "Try again in 24 hours" in refused.text
    assert "data-puzzle" not in refused.text


@pytest.mark.parametrize(("domain", "taken"), [("unknown.example", 5), ("gmail.com", 8)])
def test_one_address_writes_few_mails_to_a_domain_whose_spellings_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, domain: str, taken: int
) -> None:
    monkeypatch.setattr(work, "BITS", 1)
    few = limits(subscribe=Bound(0, 3600, 100))
    with serving(tmp_path, limits=few, trust_proxy=["127.0.0.1"]) as site:

        def ask(email: str, address: str) -> int:
            asked = site.post("/subscribe", {"email": email}, X_Forwarded_For=address)
            fields = work_of(asked.text)
            return site.post("/subscribe", fields, X_Forwarded_For=address).status

        statuses = [ask(f"an.n.{n}@{domain}", "203.0.113.9") for n in range(8)]
        assert statuses == [202] * taken + [429] * (8 - taken)
        assert ask("ann@other.example", "203.0.113.9") == ask(f"b@{domain}", "198.51.100.9") == 202


def test_a_wide_network_tries_links_no_faster_however_many_addresses_it_uses(
    tmp_path: Path,
) -> None:
    few = limits(links=Bound(1, 3600, 100))
    with serving(tmp_path, limits=few, trust_proxy=["127.0.0.1"]) as site:
        statuses = [
            site.get("/confirm?token=x", X_Forwarded_For=f"2001:db8:1:{n:x}00::1").status
            for n in range(6)
        ]
    assert statuses == [400] * 4 + [429] * 2


def test_a_network_does_not_start_anew_by_more_addresses_than_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiting, "MOST_KNOWN", 20)
    limiter = VisitLimiter(Bound(2, 3600, 100), lambda: 0.0)
    addresses = [IPv6Address(f"2001:db8:1:{n:x}::1") for n in range(0, 0x10000, 64)]
    waits = [limiter.wait_for(networks_of(each)) for each in [*addresses, *addresses]]
    assert waits.count(None) == 8


@pytest.mark.parametrize("token", ["", "x", "a.b", "MTphbm5AZXhhbXBsZS5vcmc.AAAA", "é", "x" * 4000])
def test_a_link_that_was_not_sent_from_here_is_worth_nothing(site: Served, token: str) -> None:
    for reply in (
        site.post("/confirm", {"token": token}),
        site.post(f"/unsubscribe?token={'x' if token == 'é' else token}", ""),
    ):
        assert reply.status == 400
    assert addresses(site) == []


def test_a_button_unsubscribes_and_opening_the_link_does_not(site: Served, box: Mailbox) -> None:
    subscribe(site, box)
    path = leave_path(site)
    page = site.get(path)
    assert "<button>Unsubscribe" in page.text and f'action="{path}"' in page.text
    assert addresses(site) == [ANN]
    assert "erased" in site.post(path, "").text
    assert addresses(site) == []
    assert site.post(path, "").status == 200
    everything = b"".join(file.read_bytes() for file in site.root.rglob("*") if file.is_file())
    assert b"ann@" not in everything


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=x\r\n\r\nOne-Click\r\n--b--",
        ),
    ],
)
def test_a_mail_program_unsubscribes_in_one_click(
    site: Served, box: Mailbox, kind: str, body: str
) -> None:
    subscribe(site, box)
    reply = site.ask("POST", leave_path(site), {"Content-Type": kind}, body)
    assert reply.status == 200 and addresses(site) == []


def test_another_site_cannot_unsubscribe_anybody(site: Served, box: Mailbox) -> None:
    subscribe(site, box)
    reply = site.post(leave_path(site), "", Origin="https://evil.example")
    assert reply.status == 403 and addresses(site) == [ANN]


def test_without_smtp_settings_mails_wait_until_there_are_some(
    tmp_path: Path, box: Mailbox
) -> None:
    outbox = Outbox(tmp_path / "space" / "community" / "outbox")
    with serving(tmp_path) as site:
        assert site.post("/subscribe", {"email": ANN}).status == 202
        wait_until(outbox.waiting)
    with serving(tmp_path, box.environment):
        wait_for(box, 1)
    assert box.addresses == [ANN] and outbox.waiting() == []


def test_a_server_of_mails_that_is_down_is_said_and_the_mail_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "FIRST_WAIT_SECONDS", 0.01)
    with Mailbox() as box:
        environment = box.environment
    outbox = Outbox(tmp_path / "space" / "community" / "outbox")
    with serving(tmp_path, environment) as site:
        assert site.post("/subscribe", {"email": ANN}).status == 202
        wait_until(lambda: any("accepts no mail" in line for line in site.said))
        assert site.get("/").status == 200
        assert all(ANN not in line for line in site.said)
    assert len(outbox.waiting()) == 1


def test_the_mail_names_the_site_and_leads_to_the_address_it_was_published_for(
    tmp_path: Path,
) -> None:
    home = "https://verdicts.example.org"
    with serving(tmp_path, title="Ship or Skip\r\nWeekly") as site:
        site.post("/subscribe", {"email": ANN, "website": ""})
        outbox = site.root / "community" / "outbox"
        wait_until(lambda: any(outbox.glob("*.eml")))
        (file,) = outbox.glob("*.eml")
        mail = message_from_bytes(file.read_bytes(), policy=default)
    assert mail["Subject"] == "Confirm your subscription: Ship or Skip Weekly"
    first = mail.get_content().split("To get it")[0]
    assert "Ship or Skip Weekly" in first and "127.0.0.1" not in first
    site = SiteSettings(base_url=home)
    build(seed_publication(site=site), tmp_path / "published")
    assert published_address(tmp_path / "published") == f"{home}/"
    assert published_address(tmp_path / "nothing") is None


def test_what_is_to_be_erased_is_erased_however_many_requests_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_queue, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(mail_queue, "MOST_WAITING", 10_000)
    done: list[int] = []
    subscribers = Subscribers(tmp_path, Secret(b"k" * 64))
    home = mail_queue.Home("Verdicts", "https://verdicts.example")
    queue = mail_queue.MailQueue(subscribers, tmp_path / "outbox", home, None, print)
    queue.chores.append(lambda: done.append(1))
    queue.start()
    try:
        for n in range(1000):
            queue.ask(f"x{n}@example.org")
            if len(done) >= 3:
                break
    finally:
        queue.stop()
    assert len(done) >= 3


def test_what_is_to_be_erased_is_erased_while_many_mails_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_queue, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(mail_queue, "FLUSH_SECONDS", 0.001)
    subscribers = Subscribers(tmp_path, Secret(b"k" * 64))
    home = mail_queue.Home("Verdicts", "https://verdicts.example")
    queue = mail_queue.MailQueue(subscribers, tmp_path / "outbox", home, None, print)
    for _again in range(40):
        queue.ask(ANN)
    outbox, seen = Outbox(tmp_path / "outbox"), list[int]()
    queue.chores.append(lambda: seen.append(len(outbox.waiting())))
    queue.start()
    try:
        wait_until(lambda: 1 in seen)
    finally:
        queue.stop()
    assert any(1 < each < 40 for each in seen)


# What was promised


@pytest.mark.slow
def test_what_was_acknowledged_is_sent_after_a_kill(
    tmp_path: Path, box: Mailbox, space: Space
) -> None:
    with Mailbox() as gone:
        nowhere = gone.environment
    out = write_site(tmp_path / "out")
    with serving_process(space.root, out, nowhere) as (site, process):
        for address in (ANN, "bob@example.org", ANN):
            assert site.post("/subscribe", {"email": address}).status == 202
        process.kill()
    with serving(tmp_path, box.environment) as site:
        wait_for(box, 2)
        assert site.post("/subscribe", {"email": ANN}).status == 202
        assert site.post("/subscribe", {"email": "last@example.org"}).status == 202
        wait_for(box, 3)
    assert sorted(box.addresses) == [ANN, "bob@example.org", "last@example.org"]


@pytest.mark.slow
def test_a_kill_before_the_mail_servers_answer_repeats_that_mail_alone_with_its_id(
    tmp_path: Path, box: Mailbox, space: Space
) -> None:
    box.faults[ANN] = [HANG]
    out = write_site(tmp_path / "out")
    with serving_process(space.root, out, box.environment) as (site, process):
        assert site.post("/subscribe", {"email": "bob@example.org"}).status == 202
        wait_for(box, 1)
        assert site.post("/subscribe", {"email": ANN}).status == 202
        wait_for(box, 2)
        process.kill()
    for _restart in range(2):
        with serving(tmp_path, box.environment):
            wait_for(box, 3)
    assert box.addresses == ["bob@example.org", ANN, ANN]
    assert len({message["Message-ID"] for _to, message in box.taken}) == 2


def test_a_mail_that_bounced_blocks_no_new_request(site: Served, box: Mailbox) -> None:
    box.faults[ANN] = ["550"]
    site.post("/subscribe", {"email": ANN})
    wait_until(lambda: any("1 refused" in line for line in site.said))
    assert site.post("/subscribe", {"email": ANN}).status == 202
    wait_for(box, 1)
    assert box.attempts == [ANN, ANN] and all(ANN not in line for line in site.said)


def test_without_smtp_settings_one_mail_waits_for_each_address(
    tmp_path: Path, box: Mailbox
) -> None:
    outbox = Outbox(tmp_path / "space" / "community" / "outbox")
    with serving(tmp_path, box.environment) as site:
        subscribe(site, box, "bob@example.org")
    with serving(tmp_path) as site:
        for address in (ANN, ANN.upper(), "bob@example.org", ANN):
            assert site.post("/subscribe", {"email": address}).status == 202
    assert len(outbox.waiting()) == 1


def test_while_the_outbox_is_full_nothing_is_counted_and_no_work_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_queue, "MOST_WAITING", 2)
    with serving(tmp_path) as site:
        for address in (ANN, "bob@example.org"):
            assert site.post("/subscribe", {"email": address}).status == 202
        counts = (site.root / "community" / "counts.jsonl").read_bytes()
        for turn in range(10):  # twice as many as are taken without work
            reply = site.post("/subscribe", {"email": f"reader{turn}@example.org"})
            assert reply.status == 503 and "Try again later" in reply.text
        assert (site.root / "community" / "counts.jsonl").read_bytes() == counts
        for file in (site.root / "community" / "outbox").glob("*.eml"):
            file.unlink()
        assert site.post("/subscribe", {"email": "eve@example.org"}).status == 202


def test_one_mail_that_cannot_be_sent_stops_no_other(tmp_path: Path, box: Mailbox) -> None:
    box.faults[ANN] = ["450"] * 100
    folder = tmp_path / "space" / "community" / "outbox"
    folder.mkdir(parents=True)
    (folder / "20200101T000000000000-00000000.eml").write_text("no mail at all")
    with serving(tmp_path, box.environment) as site:
        for address in (ANN, "bob@example.org", "eve@example.org"):
            site.post("/subscribe", {"email": address})
        wait_for(box, 2)
    assert sorted(box.addresses) == ["bob@example.org", "eve@example.org"]
    assert any("1 unreadable and deleted" in line for line in site.said)
    assert len(Outbox(folder).waiting()) == 1
