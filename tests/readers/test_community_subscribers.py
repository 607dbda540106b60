"""Subscribers: which addresses are taken, double opt-in, and what stays of who leaves."""

from __future__ import annotations

import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from panel.errors import JournalError, UsageError
from panel.readers.community.addresses import mail_domain, mailbox_of, parse_address
from panel.readers.community.ledger import Ledger
from panel.readers.community.links import confirm_link, leave_link, parse_base_url
from panel.readers.community.secret import Secret
from panel.readers.community.subscribers import Subscribers

SECRET = Secret(b"k" * 64)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = "ann@example.org"


def store(root: Path) -> Subscribers:
    return Subscribers(root, SECRET)


def content(root: Path) -> bytes:
    return (root / "community" / "subscribers.jsonl").read_bytes()


def subscribe(root: Path, address: str = ANN, now: datetime = NOW) -> None:
    subscribers = store(root)
    assert subscribers.ask(address, now) == "ask"
    assert subscribers.confirm(subscribers.confirm_token(address, now), now)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ann@example.org", "ann@example.org"),
        (" Ann.O'Neil+news@Example.ORG ", "Ann.O'Neil+news@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_addresses_have_one_written_form(written: str, address: str) -> None:
    assert parse_address(written) == address == parse_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@example",
        "ann@localhost",
        "ann@127.0.0.1",
        "ann@[127.0.0.1]",
        "ann@@example.org",
        "ann@b@example.org",
        "ann@example.org.",
        "ann@-x.example",
        "ann@ex ample.org",
        "an n@example.org",
        ".ann@example.org",
        "ann.@example.org",
        "an..n@example.org",
        '"ann"@example.org',
        "=?utf-8?q?ann?=@example.org",
        "ann@example.org\r\nBcc: eve@example.org",
        "ann\r\nRCPT TO:<eve@example.org>@example.org",
        "ann\0@example.org",
        "ann@example.org\n",
        "ann@exa\u202emple.org",
        "änn@example.org",
        "Ann <ann@example.org>",
        "<ann@example.org>",
        "ann@example.org, eve@example.org",
        "ann@example.org;eve@example.org",
        "=cmd()@",
        "a" * 65 + "@example.org",
        "ann@" + "a" * 64 + ".org",
        "ann@" + "a." * 130 + "org",
        "ann@example.org" + "x" * 10000,
    ],
)
def test_what_is_not_plainly_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


def test_an_address_longer_than_any_is_refused_before_its_characters_are_looked_at() -> None:
    with pytest.raises(UsageError, match="longer than 254 characters"):
        parse_address("\u0315\u0300" * 2000 + "<ann@example.org>")


@pytest.mark.parametrize(
    ("address", "mailbox", "domain"),
    [
        ("Ann@example.org", "ann@example.org", "example.org"),
        ("ann+1@mail.example.org", "ann@mail.example.org", "example.org"),
        ("a.nn+x+y@example.org", "a.nn@example.org", "example.org"),
        ("+ann@example.org", "+ann@example.org", "example.org"),
        ("a.n.n+x@gmail.com", "ann@gmail.com", "gmail.com"),
        ("Ann@GoogleMail.com", "ann@gmail.com", "googlemail.com"),
        ("ann@a.b.co.uk", "ann@a.b.co.uk", "co.uk"),
        ("A.nn_L-ee+x@pm.me", "annlee@proton.me", "pm.me"),
        ("ann-lee@protonmail.com", "annlee@proton.me", "protonmail.com"),
        ("x+y@Ann.fastmail.com", "ann@fastmail.com", "fastmail.com"),
        ("ann+x@fastmail.com", "ann@fastmail.com", "fastmail.com"),
        ("x@mail.ann.fastmail.com", "x@mail.ann.fastmail.com", "fastmail.com"),
        ("ann-shop+x@yahoo.co.uk", "ann@yahoo.co.uk", "co.uk"),
        ("-ann@yahoo.com", "-ann@yahoo.com", "yahoo.com"),
        ("ann.lee+x@outlook.com", "ann.lee@outlook.com", "outlook.com"),
        ("ann+x@me.com", "ann@icloud.com", "me.com"),
        ("ann.lee@ya.ru", "ann-lee@yandex.ru", "ya.ru"),
        ("ann-x@example.org", "ann-x@example.org", "example.org"),
    ],
)
def test_the_spellings_of_one_mailbox_are_counted_as_one(
    address: str, mailbox: str, domain: str
) -> None:
    parsed = parse_address(address)
    assert (mailbox_of(parsed), mail_domain(parsed)) == (mailbox, domain)


@given(st.text(max_size=80) | st.emails())
def test_an_address_that_is_taken_is_harmless_wherever_it_stands(text: str) -> None:
    try:
        address = parse_address(text)
    except UsageError:
        return
    assert address.isascii() and address.isprintable() and address.count("@") == 1
    assert not set(address) & set(' <>",;:\\()[]\r\n')
    assert parse_address(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://a.b",
        "https://",
        "https://a.b?x",
        "https://a b",
        "https://a:x",
        'https://a.b/"><script>',
        "https://u:p@a.b",
        "https://a.b/#x",
        "https://a.b\n",
    ],
)
def test_a_site_has_a_plain_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse_base_url(text)
    assert parse_base_url("https://a.example:8443/panel/") == "https://a.example:8443/panel"
    assert confirm_link("https://a.b", "x.y") == "https://a.b/confirm?token=x.y"
    assert leave_link("https://a.b", "x.y") == "https://a.b/unsubscribe?token=x.y"


def test_nobody_is_subscribed_before_they_confirm_and_no_address_is_kept(tmp_path: Path) -> None:
    subscribers = store(tmp_path)
    assert subscribers.ask(ANN, NOW) == "ask"
    assert subscribers.all() == [] and b"ann" not in content(tmp_path)
    token = subscribers.confirm_token(ANN, NOW)
    assert subscribers.pending(token, NOW) == ANN
    assert subscribers.all() == []
    assert subscribers.confirm(token, NOW) and subscribers.confirm(token, NOW)
    assert [each.address for each in store(tmp_path).all()] == [ANN]
    file = tmp_path / "community" / "subscribers.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_confirmation_link_is_good_for_seven_days(tmp_path: Path) -> None:
    subscribers = store(tmp_path)
    token = subscribers.confirm_token(ANN, NOW)
    late = NOW + timedelta(days=7, minutes=1)
    assert subscribers.pending(token, NOW + timedelta(days=6, hours=23)) == ANN
    assert subscribers.pending(token, late) is None and not subscribers.confirm(token, late)
    assert subscribers.pending(token, NOW - timedelta(days=1)) is None


def test_a_link_to_leave_is_no_link_to_confirm(tmp_path: Path) -> None:
    subscribe(tmp_path)
    subscribers = store(tmp_path)
    leave = subscribers.leave_token(subscribers.all()[0])
    assert not subscribers.confirm(leave, NOW)
    assert subscribers.leaver(subscribers.confirm_token(ANN, NOW)) is None
    assert subscribers.leaver(leave) == subscribers.all()[0].address_hash
    assert subscribers.leaver("x" + leave) is None


def test_an_address_is_asked_once_a_day_whoever_asks(tmp_path: Path) -> None:
    assert store(tmp_path).ask(ANN, NOW) == "ask"
    for minutes in (0, 1, 60 * 23):
        later = NOW + timedelta(minutes=minutes)
        assert store(tmp_path).ask(ANN.upper(), later) == "recently asked"
    assert store(tmp_path).ask(ANN, NOW + timedelta(days=1, minutes=1)) == "ask"


def test_a_mailbox_is_asked_once_a_day_under_any_spelling(tmp_path: Path) -> None:
    assert store(tmp_path).ask("ann+1@example.org", NOW) == "ask"
    for other in ("ann@example.org", "ann+2@example.org", "ANN+3@EXAMPLE.org"):
        assert store(tmp_path).ask(other, NOW) == "recently asked"
    assert store(tmp_path).ask("bob@example.org", NOW) == "ask"
    assert store(tmp_path).ask("a.nn@example.org", NOW) == "ask"  # dots count, but at Gmail
    assert store(tmp_path).ask("a.nn@gmail.com", NOW) == "ask"
    assert store(tmp_path).ask("an.n@googlemail.com", NOW) == "recently asked"


def test_who_leaves_may_subscribe_again_at_once_under_any_spelling(tmp_path: Path) -> None:
    subscribe(tmp_path, "ann+1@example.org")
    subscribers = store(tmp_path)
    subscribers.unsubscribe(subscribers.hash("ann+1@example.org"), NOW)
    assert store(tmp_path).ask("ann@example.org", NOW) == "ask"


def test_a_mail_that_was_begun_goes_on_after_a_restart_and_no_other_does(tmp_path: Path) -> None:
    assert store(tmp_path).ask(ANN, NOW, "first") == "ask"
    assert store(tmp_path).ask(ANN, NOW, "second") == "recently asked"
    late = NOW + timedelta(days=2)
    assert store(tmp_path).ask(ANN, late, "first") == "ask"
    assert store(tmp_path).ask(ANN, late, "third") == "ask"
    assert store(tmp_path).ask(ANN, late, "first") == "recently asked"


def test_a_mail_that_was_refused_for_good_blocks_no_new_request(tmp_path: Path) -> None:
    assert store(tmp_path).ask(ANN, NOW, "first") == "ask"
    store(tmp_path).undelivered(ANN, NOW, "another")
    assert store(tmp_path).ask(ANN, NOW, "second") == "recently asked"
    store(tmp_path).undelivered(ANN, NOW, "first")
    assert store(tmp_path).ask(ANN, NOW, "second") == "ask"


def test_who_is_subscribed_is_not_asked(tmp_path: Path) -> None:
    subscribe(tmp_path)
    assert store(tmp_path).ask(ANN, NOW + timedelta(days=9)) == "known"


def test_of_who_leaves_only_a_hash_stays(tmp_path: Path) -> None:
    subscribe(tmp_path)
    subscribe(tmp_path, "bob@example.org")
    subscribers = store(tmp_path)
    watcher = store(tmp_path)
    assert len(watcher.all()) == 2
    address_hash = subscribers.hash(ANN)
    subscribers.unsubscribe(address_hash, NOW)
    subscribers.unsubscribe(address_hash, NOW)
    assert [each.address for each in watcher.all()] == ["bob@example.org"]
    assert not watcher.still(address_hash)
    written = content(tmp_path)
    assert b"ann@" not in written and address_hash.encode() in written and b"bob@" in written
    for file in (tmp_path / "community").iterdir():
        assert b"ann@" not in file.read_bytes()


def test_an_old_link_does_not_bring_back_who_left_and_a_new_one_does(tmp_path: Path) -> None:
    subscribe(tmp_path)
    subscribers = store(tmp_path)
    old = subscribers.confirm_token(ANN, NOW)
    subscribers.unsubscribe(subscribers.hash(ANN), NOW + timedelta(hours=1))
    assert not subscribers.confirm(old, NOW + timedelta(hours=2))
    again = NOW + timedelta(hours=3)
    assert subscribers.ask(ANN, again) == "ask"
    assert subscribers.confirm(subscribers.confirm_token(ANN, again), again)
    assert [each.address for each in store(tmp_path).all()] == [ANN]


def test_an_erasure_that_a_kill_cut_short_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(tmp_path)
    subscribers = store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "rewrite", lambda _ledger, _keep: None)
        subscribers.unsubscribe(subscribers.hash(ANN), NOW)
    assert b"ann@" in content(tmp_path)
    late = store(tmp_path)
    assert late.all() == []
    late.tidy(NOW)
    assert b"ann@" not in content(tmp_path) and late.all() == []


def test_an_erasure_that_failed_is_made_up_for_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(tmp_path)
    subscribe(tmp_path, "bob@example.org")
    subscribers = store(tmp_path)
    with monkeypatch.context() as patch:

        def full(_file: Path, _target: Path) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Path, "replace", full)
        for _ in range(2):
            with pytest.raises(JournalError, match="No space left"):
                subscribers.unsubscribe(subscribers.hash(ANN), NOW)
    assert not subscribers.still(subscribers.hash(ANN)) and b"ann@" in content(tmp_path)
    assert not list((tmp_path / "community").glob("*.new"))
    subscribers.unsubscribe(subscribers.hash(ANN), NOW)
    assert b"ann@" not in content(tmp_path) and b"bob@" in content(tmp_path)


def test_the_hashes_of_who_asked_are_erased_within_a_week(tmp_path: Path) -> None:
    subscribers = store(tmp_path)
    for number, age in enumerate((7.1, 3, 0.5)):
        subscribers.ask(f"n{number}@example.org", NOW - timedelta(days=age))
    subscribe(tmp_path)
    subscribers.tidy(NOW - timedelta(days=1))
    assert content(tmp_path).count(b'"asked"') == 4
    subscribers.tidy(NOW)
    assert content(tmp_path).count(b'"asked"') == 2
    assert [each.address for each in store(tmp_path).all()] == [ANN]
    assert store(tmp_path).ask("n2@example.org", NOW) == "recently asked"
    assert store(tmp_path).ask("n1@example.org", NOW) == "ask"


@pytest.mark.parametrize("address", ['"no address"', "7", "null", '"ann@example.org\\r\\nX: y"'])
def test_a_damaged_line_takes_nobody_else_off_the_list(tmp_path: Path, address: str) -> None:
    subscribe(tmp_path)
    watcher = store(tmp_path)
    with (tmp_path / "community" / "subscribers.jsonl").open("a") as handle:
        handle.write(f'{{"kind":"confirmed","hash":"x","at":1,"address":{address}}}\n')
    subscribe(tmp_path, "bob@example.org")
    for each in (watcher, store(tmp_path)):
        assert [one.address for one in each.all()] == [ANN, "bob@example.org"]


def test_a_clock_that_was_ahead_blocks_nobody_until_then(tmp_path: Path) -> None:
    assert store(tmp_path).ask(ANN, NOW + timedelta(days=400)) == "ask"
    assert store(tmp_path).ask(ANN, NOW) == "ask"
    assert store(tmp_path).ask(ANN, NOW - timedelta(minutes=5)) == "recently asked"


def test_two_stores_that_erase_and_append_in_turn_lose_nobody(tmp_path: Path) -> None:
    first, second = store(tmp_path), store(tmp_path)
    for number in range(10):
        subscribe(tmp_path, f"n{number}@example.org")
    for number in range(0, 10, 2):
        one, other = (first, second) if number % 4 else (second, first)
        one.unsubscribe(one.hash(f"n{number}@example.org"), NOW)
        other.confirm(other.confirm_token(f"m{number}@example.org", NOW), NOW)
    left = {f"n{n}@example.org" for n in range(1, 10, 2)}
    left |= {f"m{n}@example.org" for n in range(0, 10, 2)}
    for each in (first, second, store(tmp_path)):
        assert {subscriber.address for subscriber in each.all()} == left


def test_a_file_that_was_rewritten_twice_is_never_taken_for_the_first_one(tmp_path: Path) -> None:
    """The system gives the number of a file that is gone to the next one."""
    other = store(tmp_path)
    join = [f"n{number}@example.org" for number in range(50)]
    for address in join[:20]:
        other.confirm(other.confirm_token(address, NOW), NOW)
    file, later = tmp_path / "community" / "subscribers.jsonl", NOW + timedelta(hours=1)
    for address in join[:4]:
        other.unsubscribe(other.hash(address), later)
    watcher = store(tmp_path)
    assert len(watcher.all()) == 16
    number = file.stat().st_ino
    for address in join[4:16]:
        other.unsubscribe(other.hash(address), later)
        if file.stat().st_ino == number:
            break
    for address in join[20:]:
        other.confirm(other.confirm_token(address, later), later)
    assert watcher.all() == other.all() == store(tmp_path).all()


class Comings(RuleBasedStateMachine):
    """Whoever comes and goes in whatever order, the file agrees with a plain dict."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.stores = [store(self.root), store(self.root)]
        self.now = NOW
        self.here: set[str] = set()

    def teardown(self) -> None:
        self.folder.cleanup()

    addresses = st.sampled_from(["a@x.org", "b@x.org", "c@x.org"])

    @rule(address=addresses, which=st.integers(0, 1))
    def confirm(self, address: str, which: int) -> None:
        self.now += timedelta(seconds=2)
        subscribers = self.stores[which]
        assert subscribers.confirm(subscribers.confirm_token(address, self.now), self.now)
        self.here.add(address)

    @rule(address=addresses, which=st.integers(0, 1))
    def leave(self, address: str, which: int) -> None:
        self.now += timedelta(seconds=2)
        subscribers = self.stores[which]
        subscribers.unsubscribe(subscribers.hash(address), self.now)
        self.here.discard(address)

    @invariant()
    def agree(self) -> None:
        for each in (*self.stores, store(self.root)):
            assert {subscriber.address for subscriber in each.all()} == self.here
        file = self.root / "community" / "subscribers.jsonl"
        written = file.read_text() if file.exists() else ""
        for address in ("a@x.org", "b@x.org", "c@x.org"):
            assert (address in written) == (address in self.here)


TestComings = Comings.TestCase
TestComings.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
