"""Mails over a real SMTP server with faults: what is tried again, what never is."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import JournalError, UsageError
from panel.readers.mail.message import WIRE, Letter, build_message, one_line
from panel.readers.mail.outbox import Flushed, Outbox, Waiting
from panel.readers.mail.settings import MailSettings, Sender, mail_settings
from panel.readers.mail.smtp import ATTEMPTS, MailError, SmtpSender
from tests.support.certificates import make_certificate, server_context
from tests.support.smtp_server import DROP_AT_DATA, DROP_BEFORE_REPLY, Mailbox

FROM = Sender("The Panel", "panel@verdicts.example")
TO = "ann@example.org"
MESSAGE = build_message(Letter("Hello", "A line\n.\n..two\n.three\nçirilic Ж\n"), FROM, TO)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


def settings_of(box: Mailbox, **more: str) -> MailSettings:
    settings = mail_settings(box.environment | more)
    assert settings is not None
    return settings


def postman(box: Mailbox, waits: list[float] | None = None, **more: str) -> SmtpSender:
    slept = waits if waits is not None else []
    return SmtpSender(settings_of(box, **more), sleep=slept.append)


def test_a_mail_arrives_as_it_was_written(box: Mailbox) -> None:
    with postman(box) as carrier:
        assert carrier.hand_over(TO, MESSAGE).state == "sent"
    [(address, message)] = box.taken
    assert address == TO and message["From"] == "The Panel <panel@verdicts.example>"
    assert message.get_content().splitlines() == ["A line", ".", "..two", ".three", "çirilic Ж"]
    assert all(byte < 128 for byte in box.raw[0])


def test_one_connection_serves_many(box: Mailbox) -> None:
    with postman(box) as carrier:
        for number in range(3):
            assert carrier.hand_over(f"n{number}@example.org", MESSAGE).state == "sent"
    assert box.addresses == ["n0@example.org", "n1@example.org", "n2@example.org"]


@pytest.mark.parametrize(
    "faults", [["450"], ["421"], ["451 after the text"], [DROP_AT_DATA], ["450", DROP_AT_DATA]]
)
def test_faults_that_may_pass_are_tried_again_with_longer_waits(
    box: Mailbox, faults: list[str]
) -> None:
    box.faults[TO] = list(faults)
    waits: list[float] = []
    with postman(box, waits) as carrier:
        assert carrier.hand_over(TO, MESSAGE).state == "sent"
    assert box.addresses == [TO] and waits == [1.0, 2.0][: len(faults)]


def test_a_fault_that_does_not_pass_is_given_up_as_failed(box: Mailbox) -> None:
    box.faults[TO] = ["450"] * 9
    with postman(box) as carrier:
        handed = carrier.hand_over(TO, MESSAGE)
        assert handed.state == "failed" and handed.detail.startswith("450")
        assert carrier.hand_over("bob@example.org", MESSAGE).state == "sent"
    assert box.attempts.count(TO) == ATTEMPTS and box.addresses == ["bob@example.org"]


def test_where_one_refusal_for_now_is_enough_only_a_connection_that_had_ended_is_no_refusal(
    box: Mailbox,
) -> None:
    box.faults[TO], box.faults["bob@example.org"] = ["450"] * 9, ["421"]
    waits: list[float] = []
    with postman(box, waits) as carrier:
        assert carrier.hand_over(TO, MESSAGE, attempts=1).state == "failed"
        assert box.attempts == [TO] and waits == []
        assert carrier.hand_over("bob@example.org", MESSAGE, attempts=1).state == "sent"
        carrier.close()
        box.faults["bob@example.org"] = ["421"]
        assert carrier.hand_over("bob@example.org", MESSAGE, attempts=1).state == "failed"
    assert box.attempts.count("bob@example.org") == 3 and waits == [1.0]


@pytest.mark.parametrize("fault", ["550", "553", "554 after the text"])
def test_a_refusal_for_good_is_a_bounce_and_not_tried_again(box: Mailbox, fault: str) -> None:
    box.faults[TO] = [fault]
    with postman(box) as carrier:
        handed = carrier.hand_over(TO, MESSAGE)
        assert handed.state == "bounced" and handed.detail.startswith(fault[:3])
        assert carrier.hand_over("bob@example.org", MESSAGE).state == "sent"
    assert box.attempts == [TO, "bob@example.org"] and box.addresses == ["bob@example.org"]


def test_a_connection_lost_before_the_reply_leaves_the_fate_unknown(box: Mailbox) -> None:
    box.faults[TO] = [DROP_BEFORE_REPLY]
    with postman(box) as carrier:
        assert carrier.hand_over(TO, MESSAGE).state == "unknown"
        assert carrier.hand_over("bob@example.org", MESSAGE).state == "sent"
    assert box.attempts.count(TO) == 1 and box.addresses == [TO, "bob@example.org"]


def test_the_beginning_is_told_only_when_the_text_is_about_to_go(box: Mailbox) -> None:
    told: list[int] = []
    box.faults[TO] = ["450", DROP_AT_DATA, "451 after the text"]
    with postman(box) as carrier:
        carrier.hand_over(TO, MESSAGE, lambda: told.append(len(box.attempts)))
        box.faults["bob@example.org"] = ["550"]
        carrier.hand_over("bob@example.org", MESSAGE, lambda: told.append(-1))
    assert told == [3, 4]


def test_a_server_that_is_not_there_is_an_error_after_a_few_tries() -> None:
    with Mailbox() as box:
        settings = settings_of(box)
    waits: list[float] = []
    with pytest.raises(MailError, match=r"accepts no mail: .*refused.* Check PANEL_SMTP_HOST"):
        SmtpSender(settings, sleep=waits.append).hand_over(TO, MESSAGE)
    assert len(waits) == ATTEMPTS - 1


def test_a_refused_sender_is_no_subscribers_fault() -> None:
    words = r"refuses the sender \(550.*Check PANEL_MAIL_FROM"
    with Mailbox(refuse_senders=True) as box, postman(box) as carrier:  # noqa: SIM117
        with pytest.raises(MailError, match=words):
            carrier.hand_over(TO, MESSAGE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that only those trust who are told to."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
def test_a_certificate_is_checked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str, implicit: bool
) -> None:
    with Mailbox(tls=server_context(certificate), implicit_tls=implicit) as box:
        carrier = postman(box, PANEL_SMTP_SECURITY=security)
        with pytest.raises(MailError, match="its certificate is not valid"):
            carrier.hand_over(TO, MESSAGE)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
        with postman(box, PANEL_SMTP_SECURITY=security) as carrier:
            assert carrier.hand_over(TO, MESSAGE).state == "sent"


def test_a_login_is_used_and_a_wrong_one_is_an_error(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    login = {"PANEL_SMTP_SECURITY": "starttls", "PANEL_SMTP_USER": "panel"}
    with Mailbox(tls=server_context(certificate), password="right") as box:
        with postman(box, **login, PANEL_SMTP_PASSWORD="right") as carrier:
            assert carrier.hand_over(TO, MESSAGE).state == "sent"
        carrier = postman(box, **login, PANEL_SMTP_PASSWORD="wrong")
        with pytest.raises(MailError, match="refuses the login"):
            carrier.hand_over(TO, MESSAGE)
        assert "right" not in repr(settings_of(box, **login, PANEL_SMTP_PASSWORD="right"))


def test_a_server_without_starttls_gets_nothing_in_clear(box: Mailbox) -> None:
    carrier = postman(box, PANEL_SMTP_SECURITY="starttls")
    with pytest.raises(MailError, match=r"STARTTLS.*Check PANEL_SMTP_SECURITY"):
        carrier.hand_over(TO, MESSAGE)
    assert box.attempts == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"PANEL_SMTP_SECURITY": "ssl"}, "PANEL_SMTP_SECURITY is 'ssl'"),
        ({"PANEL_SMTP_PORT": "0"}, "PANEL_SMTP_PORT is '0'"),
        ({"PANEL_SMTP_PORT": "twenty"}, "PANEL_SMTP_PORT is 'twenty'"),
        ({"PANEL_SMTP_USER": "a"}, "both PANEL_SMTP_USER and PANEL_SMTP_PASSWORD"),
        ({"PANEL_MAIL_FROM": ""}, "PANEL_MAIL_FROM is not set"),
        ({"PANEL_MAIL_FROM": "nobody"}, "PANEL_MAIL_FROM: 'nobody' is not an e-mail address"),
        ({"PANEL_MAIL_FROM": "A <a@b.org>\nBcc: x@y.org"}, "PANEL_MAIL_FROM"),
        (
            {"PANEL_SMTP_SECURITY": "none", "PANEL_SMTP_USER": "a", "PANEL_SMTP_PASSWORD": "b"},
            "in clear",
        ),
    ],
)
def test_settings_that_cannot_be_are_named(changed: dict[str, str], message: str) -> None:
    good = {"PANEL_SMTP_HOST": "mail.example", "PANEL_MAIL_FROM": "a@b.org"}
    assert mail_settings(good) == MailSettings(
        "mail.example", 587, "starttls", Sender("", "a@b.org")
    )
    with pytest.raises(UsageError, match=message):
        mail_settings(good | changed)
    assert mail_settings({}) is None


@given(st.text(max_size=120))
def test_no_subject_or_name_breaks_out_of_its_header(text: str) -> None:
    message = build_message(Letter(text, "body"), Sender(text, "a@b.org"), TO)
    head = message.as_bytes(policy=WIRE).partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert names == [
        b"Subject",
        b"From",
        b"To",
        b"Date",
        b"Content-Type",
        b"Content-Transfer-Encoding",
        b"MIME-Version",
    ]


def test_a_header_with_a_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="would hold a line end"):
        build_message(Letter("s", "t", headers={"List-Id": "<a>\r\nBcc: b@c.org"}), FROM, TO)
    assert one_line("a\r\nBcc: x\u2028y\u202e") == "a Bcc: x y"


def test_a_long_link_stays_whole_in_its_header(box: Mailbox) -> None:
    link = "<https://verdicts.example/unsubscribe?token=" + "x" * 300 + ">"
    message = build_message(Letter("s", "t", headers={"List-Unsubscribe": link}), FROM, TO)
    outbox = Outbox(Path(os.environ["PANEL_TEST_GUARD_LOG"]).parent / "outbox")
    outbox.put(message)
    with postman(box) as carrier:
        outbox.flush(carrier)
    assert f"List-Unsubscribe: {link}\r\n".encode() in box.raw[0]


# The outbox


def test_mails_wait_in_private_files_and_go_out_once(tmp_path: Path, box: Mailbox) -> None:
    outbox = Outbox(tmp_path / "outbox")
    for address in (TO, "bob@example.org"):
        outbox.put(build_message(Letter("s", "t"), None, address))
    assert [stat.S_IMODE(file.stat().st_mode) for file in outbox.waiting()] == [0o600] * 2
    with postman(box) as carrier:
        assert outbox.flush(carrier) == Flushed(sent=2)
        assert outbox.flush(carrier) == Flushed()
    assert sorted(box.addresses) == [TO, "bob@example.org"] and outbox.waiting() == []
    assert box.taken[0][1]["From"] == "The Panel <panel@verdicts.example>"


@pytest.mark.skipif(os.name == "nt", reason="no pipes with names")
@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_mail_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    os.mkfifo(tmp_path / "x.eml")
    with pytest.raises(JournalError, match="not a plain file"):
        outbox.flush(None)


def test_what_cannot_go_out_waits_and_what_bounced_or_is_too_old_is_deleted(
    tmp_path: Path, box: Mailbox
) -> None:
    outbox = Outbox(tmp_path / "outbox")
    for address in (TO, "bob@example.org", "eve@example.org"):
        file = outbox.put(build_message(Letter("s", "t"), FROM, address))
    old = time.time() - 8 * 86400
    os.utime(file, (old, old))
    box.faults[TO], box.faults["bob@example.org"] = ["450"], ["550"]
    with postman(box) as carrier:
        assert outbox.flush(carrier) == Flushed(bounced=1, waiting=1, expired=1)
        assert outbox.flush(carrier) == Flushed(sent=1)
    assert box.addresses == [TO]


def test_an_unreachable_server_loses_no_waiting_mail(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.put(MESSAGE)
    with Mailbox() as box:
        carrier = postman(box)
    with pytest.raises(MailError):
        outbox.flush(carrier)
    assert len(outbox.waiting()) == 1


def test_a_mail_that_cannot_go_out_now_is_tried_again_later_and_delays_no_other(
    tmp_path: Path, box: Mailbox
) -> None:
    outbox = Outbox(tmp_path / "outbox", retry_seconds=3600)
    box.faults[TO] = ["450"] * 100
    outbox.put(build_message(Letter("s", "t"), FROM, TO))
    with postman(box) as carrier:
        assert outbox.flush(carrier) == Flushed(waiting=1)
        outbox.put(build_message(Letter("s", "t"), FROM, "bob@example.org"))
        assert outbox.flush(carrier) == Flushed(sent=1, waiting=1)
        assert box.attempts == [TO, "bob@example.org"]
        Outbox(tmp_path / "outbox").flush(carrier)  # as after a restart
    assert box.attempts.count(TO) == 2


def test_a_new_mail_only_waits_for_the_one_that_is_being_handed_over(
    tmp_path: Path, box: Mailbox
) -> None:
    asked: list[str] = []

    def wanted(mail: Waiting) -> bool:
        asked.append(mail.to)
        if len(asked) == 2:
            outbox.put(build_message(Letter("s", "t"), FROM, "bob@example.org"))
        return True

    outbox = Outbox(tmp_path / "outbox", wanted)
    for n in range(5):
        box.faults[f"x{n}@slow.example"] = ["450"] * 100
        outbox.put(build_message(Letter("s", "t"), FROM, f"x{n}@slow.example"))
    waits: list[float] = []
    with postman(box, waits) as carrier:
        assert outbox.flush(carrier) == Flushed(sent=1, waiting=5)
        assert box.attempts.index("bob@example.org") == 2
        outbox.put(build_message(Letter("s", "t"), FROM, "eve@example.org"))
        assert outbox.flush(carrier) == Flushed(sent=1, waiting=5)
        assert box.attempts.index("eve@example.org") == 6
        assert outbox.flush(carrier, seconds=0) == Flushed(waiting=5, more=True)
    assert len(box.attempts) == 12 and waits == []


def test_a_mail_that_is_not_wanted_takes_as_long_as_one_that_is_sent(
    tmp_path: Path, box: Mailbox
) -> None:
    """Else the next one, to whoever asks, tells by its time whether an address is subscribed."""
    paused: list[float] = []
    outbox = Outbox(tmp_path / "outbox", lambda mail: mail.to == TO, pause=paused.append)
    for to in ("bob@example.org", TO):
        outbox.put(build_message(Letter("Hello", "Hello"), FROM, to))
        time.sleep(0.01)
    with postman(box) as carrier:
        assert outbox.flush(carrier) == Flushed(sent=1)
    assert box.addresses == [TO]
    assert len(paused) == 1 and paused[0] > 0


def test_a_mail_that_breaks_the_sending_is_tried_after_all_others(
    tmp_path: Path, box: Mailbox
) -> None:
    outbox = Outbox(tmp_path / "outbox", retry_seconds=3600)
    outbox.put(MESSAGE)
    broken = outbox.put(build_message(Letter("s", "t"), FROM, "bob@example.org"))
    broken.write_bytes(b"To: bob@example.org\nContent-Type: text/plain; charset=x\n\n\xff")
    with postman(box) as carrier, pytest.raises(LookupError):
        outbox.flush(carrier)
    with postman(box) as carrier:
        assert outbox.flush(carrier) == Flushed(sent=1, waiting=1)


@pytest.mark.parametrize("ruin", ["", "To: \n\nx", "To: a@example.org, b@example.org\n\nx", "\0"])
def test_a_file_that_is_no_mail_is_deleted_and_stops_no_other(
    tmp_path: Path, box: Mailbox, ruin: str
) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.put(MESSAGE)
    (tmp_path / "outbox" / "20200101T000000000000-00000000.eml").write_text(ruin)
    with postman(box) as carrier:
        assert outbox.flush(carrier) == Flushed(sent=1, damaged=1)
    assert box.addresses == [TO] and outbox.waiting() == []


def test_a_mail_that_is_sent_once_more_has_the_same_id(tmp_path: Path, box: Mailbox) -> None:
    outbox = Outbox(tmp_path / "outbox")
    file = outbox.put(MESSAGE)
    written = file.read_bytes()
    with postman(box) as carrier:
        outbox.flush(carrier)
        file.write_bytes(written)  # as if the process had been killed before it deleted the file
        outbox.flush(carrier)
    first, second = (message["Message-ID"] for _to, message in box.taken)
    assert first == second == f"<{file.stem}@verdicts.example>"


def test_a_mail_that_cannot_be_written_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    outbox = Outbox(tmp_path / "outbox")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JournalError, match=r"cannot write .*outbox: No space left"):
        outbox.put(MESSAGE)
    assert list((tmp_path / "outbox").iterdir()) == []


def test_what_a_kill_left_half_written_is_deleted_after_an_hour(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    file = outbox.put(MESSAGE)
    for name, age in ((".old.eml", 4000), (".new.eml", 0)):
        half = file.with_name(name)
        half.write_text("To: ann")
        os.utime(half, (time.time() - age,) * 2)
    assert outbox.expire() == 1
    assert sorted(each.name for each in outbox.folder.iterdir()) == [".new.eml", file.name]


def test_a_half_that_becomes_a_mail_meanwhile_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.put(MESSAGE).with_name(".gone.eml").symlink_to("renamed meanwhile")
    assert outbox.expire() == 0
