"""Fetching weights: a right file or none, whatever the hub, the network and the disk do."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from panel.endpoint import elsewhere
from panel.endpoint.download import Told, download
from panel.endpoint.fetching import Fetched, fetch
from panel.endpoint.hub import Hub
from panel.endpoint.weights import remove
from panel.errors import EndpointError, UsageError
from panel.workspace.catalogue import Pin, own_pin, pinned
from tests.support.certificates import make_certificate, server_context
from tests.support.hub import COMMIT, FILE, REPO, FakeHub, fake_hub, model_bytes
from tests.support.proxy import proxy_server
from tests.support.sizes import size


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's caches, models and token out of the tests."""
    for name in list(os.environ):
        if name.startswith(("HF_", "OLLAMA_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.address)
        yield made


class Listener:
    """Hears how a fetch goes, and waits for nothing."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.steps: list[tuple[int, int]] = []
        self.pauses: list[float] = []

    @property
    def told(self) -> Told:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        return Told(self.notices.append, lambda *step: self.steps.append(step), pause)


def pin_of(hub: FakeHub) -> Pin:
    """Return the pin of a hub's file, as the catalogue has them."""
    return replace(own_pin(REPO, FILE, COMMIT, None), bytes=len(hub.body), sha256=hub.sha256)


def fetched(pin: Pin, listener: Listener | None = None) -> Fetched:
    return fetch(pin, (listener or Listener()).told)


def nothing_in_place(pin: Pin) -> bool:
    return not pin.path.exists() and not pin.record.exists()


def leftovers(pin: Pin) -> list[Path]:
    return list(pin.path.parent.glob("*.part"))


# --- a file that is fetched ------------------------------------------------------------------


def test_a_file_is_brought_from_the_host_that_the_hub_sends_on_to(hub: FakeHub) -> None:
    listener = Listener()
    got = fetched(own_pin(REPO, FILE, "main", None), listener)
    assert got.path.read_bytes() == hub.body and got.source == "download"
    assert (got.pin.sha256, got.pin.bytes, got.pin.revision) == (hub.sha256, len(hub.body), COMMIT)
    assert pinned("anvil-q4") == got.pin, "the hash is kept, and counts from now on"
    assert leftovers(got.pin) == [] and listener.steps[-1] == (len(hub.body), len(hub.body))
    assert [(each.where, each.method) for each in hub.asked] == [
        ("hub", "HEAD"),
        ("hub", "GET"),
        ("store", "GET"),
    ]


def test_a_second_fetch_asks_nothing(hub: FakeHub) -> None:
    fetched(pin_of(hub))
    hub.asked.clear()
    assert fetched(pin_of(hub)).source == "" and hub.asked == []


def test_the_token_goes_to_the_hub_and_to_no_other_host(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", " hf_secret-of-mine ")
    hub.cuts = [1000]
    fetched(own_pin(REPO, FILE, "main", None))
    sent = {(each.where, each.headers.get("authorization")) for each in hub.asked}
    assert sent == {("hub", "Bearer hf_secret-of-mine"), ("store", None)}


def test_a_mirror_that_has_the_bytes_itself_and_answers_no_head_will_do(
    hub: FakeHub,
) -> None:
    hub.apart, hub.head = False, False
    assert fetched(pin_of(hub)).path.read_bytes() == hub.body


def test_a_mirror_whose_addresses_are_for_get_alone_will_do(hub: FakeHub) -> None:
    hub.head, hub.linked = False, False
    assert fetched(pin_of(hub)).path.read_bytes() == hub.body
    with pytest.raises(EndpointError, match="does not say how large it is"):
        fetched(own_pin(REPO, "other.gguf", "main", None))


def test_a_proxy_is_used_where_the_environment_names_one(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.apart = False
    with proxy_server(leads_to=int(hub.address.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        monkeypatch.setenv("HF_ENDPOINT", "http://hub.example/mirror")
        with pytest.raises(EndpointError, match="has no file"):
            fetched(pin_of(hub))
    assert proxy.heads[0].startswith("HEAD http://hub.example/mirror/smiths/anvil-gguf/resolve/")


def test_certificates_are_those_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_certificate(tmp_path / "tls", "IP:127.0.0.1")
    with fake_hub(tls=server_context(folder)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(EndpointError, match=r"not accepted: .*SSL_CERT_FILE"):
            fetched(pin_of(hub))
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
        assert fetched(pin_of(hub)).path.read_bytes() == hub.body


def test_a_hub_that_sends_on_without_encryption_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_certificate(tmp_path / "tls", "IP:127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
    with fake_hub(tls=server_context(folder)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        hub.store = hub.store.replace("https:", "http:")
        with pytest.raises(EndpointError, match="without encryption"):
            fetched(pin_of(hub))


# --- cuts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 16_384, 299_999])
def test_a_cut_answer_goes_on_at_the_byte_where_it_was_cut(hub: FakeHub, cut: int) -> None:
    hub.cuts = [cut]
    listener = Listener()
    assert fetched(pin_of(hub), listener).path.read_bytes() == hub.body
    ranges = [each.headers.get("range") for each in hub.gets()]
    assert ranges == [None, f"bytes={cut}-" if cut else None]
    assert len(listener.pauses) == 1 and "Trying again" in " ".join(listener.notices)


def test_many_cuts_do_no_harm_while_something_comes(hub: FakeHub) -> None:
    hub.cuts = [5000] * 40
    listener = Listener()
    assert fetched(pin_of(hub), listener).path.read_bytes() == hub.body
    assert max(listener.pauses) == 0.5


def test_a_server_that_sends_nothing_any_more_counts_as_cut(hub: FakeHub) -> None:
    hub.cuts, hub.stall = [100_000], True
    listener, pin = Listener(), pin_of(hub)
    download(pin, Hub(stall_seconds=0.3), listener.told)
    assert pin.path.read_bytes() == hub.body
    assert any("nothing came from 127.0.0.1" in notice for notice in listener.notices)


def test_it_is_given_up_when_nothing_comes_and_the_next_fetch_goes_on(hub: FakeHub) -> None:
    pin, listener = pin_of(hub), Listener()
    hub.cuts = [200_000] + [0] * 20
    with pytest.raises(EndpointError, match=r"200,000 of 300,000 bytes are kept; .* to go on"):
        fetched(pin, listener)
    assert nothing_in_place(pin) and listener.pauses == sorted(listener.pauses)
    hub.cuts = []
    hub.asked.clear()
    assert fetched(pin).path.read_bytes() == hub.body
    assert [each.headers["range"] for each in hub.gets()] == ["bytes=200000-"]


def test_a_hub_that_is_not_there_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    listener = Listener()
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9.*Look at the network, and at HF_END"):
        fetched(own_pin(REPO, FILE, "main", None), listener)
    assert len(listener.pauses) == 2


@settings(max_examples=size(15, 80))
@given(have=st.integers(0, 300_001), wrong=st.booleans(), cut=st.integers(0, 300_000))
def test_it_goes_on_from_any_first_bytes_and_begins_again_where_they_are_wrong(
    tmp_path_factory: pytest.TempPathFactory, have: int, wrong: bool, cut: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, fake_hub(cuts=[cut]) as hub:
        patch.setenv("PANEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_ENDPOINT", hub.address)
        pin, listener = pin_of(hub), Listener()
        first = bytearray((hub.body + b"!!")[:have])
        spoilt = wrong and 0 < have <= len(hub.body)
        if spoilt:
            first[have // 2] ^= 1
        pin.partial.write_bytes(first)
        assert fetched(pin, listener).path.read_bytes() == hub.body and leftovers(pin) == []
        asked = [each.headers.get("range") for each in hub.gets()]
        assert ("fetched anew" in " ".join(listener.notices)) is spoilt
        if have == len(hub.body) and not spoilt:
            assert asked == []
        elif 0 < have < len(hub.body):
            assert asked[0] == f"bytes={have}-"


def test_wrong_first_bytes_and_a_wrong_rest_are_both_thrown_away(hub: FakeHub) -> None:
    hub.sends, pin = hub.body[:-1] + b"?", pin_of(hub)
    pin.partial.parent.mkdir()
    pin.partial.write_bytes(hub.body[:1000])
    with pytest.raises(EndpointError, match=r"where it must have .* Nothing of it was kept"):
        fetched(pin)
    assert nothing_in_place(pin) and leftovers(pin) == [] and len(hub.gets()) == 2


def test_first_bytes_of_another_file_are_not_gone_on_with(hub: FakeHub) -> None:
    old = replace(pin_of(hub), sha256="0" * 64)
    old.partial.parent.mkdir()
    old.partial.write_bytes(b"GGUF" + bytes(1000))
    assert fetched(pin_of(hub)).path.read_bytes() == hub.body
    assert "range" not in hub.gets()[0].headers and leftovers(old) == []


def test_a_file_of_which_the_hub_tells_its_size_alone_is_begun_again_after_a_cut(
    hub: FakeHub,
) -> None:
    hub.linked, hub.apart, hub.cuts = False, False, [100_000]
    got = fetched(own_pin(REPO, FILE, "main", None))
    assert got.path.read_bytes() == hub.body and got.pin.sha256 == hub.sha256
    assert [each.headers.get("range") for each in hub.gets()] == [None, None]


def test_a_file_whose_hash_the_hub_does_not_tell_goes_on_only_while_it_is_the_same(
    hub: FakeHub,
) -> None:
    hub.lfs, hub.apart, hub.cuts = False, False, [100_000]
    pin = own_pin(REPO, FILE, "main", None)
    assert fetched(pin).path.read_bytes() == hub.body
    assert hub.gets()[-1].headers["if-range"] == f'"{hashlib.sha1(hub.body).hexdigest()}"'


@pytest.mark.parametrize(
    "told",
    [
        {"X-Linked-Etag": '"' + "0" * 63 + 'g"'},  # no SHA-256
        {"X-Linked-Etag": 'W/"' + "0" * 64 + '"'},
        {"X-Linked-Etag": "", "ETag": '"' + "0" * 64 + '"'},  # what a mirror calls it
        {"X-Linked-Etag": "no quotes", "ETag": "caf\xe9"},
        {"X-Repo-Commit": "../../../etc"},
    ],
)
def test_what_a_hub_tells_of_a_file_counts_only_where_it_can_be_so(
    hub: FakeHub, told: dict[str, str]
) -> None:
    hub.told, hub.cuts, hub.apart = told, [100_000], False
    got = fetched(own_pin(REPO, FILE, "main", None))
    assert got.path.read_bytes() == hub.body and got.pin.sha256 == hub.sha256
    assert got.pin.revision in (COMMIT, "main")


# --- files that are not what they must be ----------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body[:-1] + b"?", "has SHA-256 .* where it must have"),
        (lambda body: body + b"more", "has 300,004 bytes where it must have 300,000"),
        (lambda body: body[:-100], "has 299,900 bytes where it must have 300,000"),
        (lambda body: b"<htm" + body[4:], "is not a GGUF file"),
    ],
)
@pytest.mark.parametrize("cut", [[], [150_000]], ids=["whole", "cut"])
def test_wrong_bytes_are_never_put_in_place_and_not_kept(
    hub: FakeHub, spoil: Callable[[bytes], bytes], said: str, cut: list[int]
) -> None:
    hub.sends, hub.cuts = spoil(hub.body), cut
    pin = pin_of(hub)
    with pytest.raises(EndpointError, match=f"{said}.*Nothing of it was kept"):
        fetched(pin)
    assert nothing_in_place(pin) and leftovers(pin) == []


def test_a_hub_that_has_another_file_than_the_pinned_one_is_asked_for_no_byte(
    hub: FakeHub,
) -> None:
    for other in (replace(pin_of(hub), sha256="0" * 64), replace(pin_of(hub), bytes=7)):
        with pytest.raises(EndpointError, match="where it must have"):
            fetched(other)
    assert hub.gets() == []


def test_a_wrong_content_length_is_noticed_before_a_byte_is_written(hub: FakeHub) -> None:
    hub.length, pin = 299_000, pin_of(hub)
    with pytest.raises(EndpointError, match="has 299,000 bytes"):
        fetched(pin)
    assert nothing_in_place(pin) and leftovers(pin) == []


@pytest.mark.parametrize("more", [1, 100_000])
def test_an_answer_that_does_not_say_how_long_it_is_ends_at_the_last_byte_that_is_pinned(
    hub: FakeHub, more: int
) -> None:
    hub.length, pin = -1, pin_of(hub)
    assert fetched(pin).path.read_bytes() == hub.body
    pin.path.unlink()
    hub.sends = hub.body + bytes(more)
    with pytest.raises(EndpointError, match="has more than 300,000 bytes"):
        fetched(pin)
    assert not pin.path.exists() and leftovers(pin) == []


@pytest.mark.parametrize("ranges", ["ignore", "wrong", "416"])
def test_a_server_that_cannot_answer_with_a_part_sends_the_whole_again(
    hub: FakeHub, ranges: str
) -> None:
    hub.ranges, hub.cuts = ranges, [200_000]
    assert fetched(pin_of(hub)).path.read_bytes() == hub.body


def test_a_damaged_file_in_place_is_replaced(hub: FakeHub) -> None:
    pin = pin_of(hub)
    fetched(pin)
    pin.path.write_bytes(hub.body[:-1] + b"?")
    listener = Listener()
    assert fetched(pin, listener).path.read_bytes() == hub.body
    assert "is not what it must be" in listener.notices[0]


def test_a_recorded_file_that_has_changed_on_the_hub_is_refused(hub: FakeHub) -> None:
    pin = fetched(own_pin(REPO, FILE, "main", None)).pin
    pin.path.unlink()
    hub.body = model_bytes(seed=2)
    with pytest.raises(EndpointError, match="where it must have"):
        fetched(pin)
    assert not pin.path.exists()


@pytest.mark.slow
@settings(max_examples=size(25, 300))
@given(
    ranges=st.sampled_from(["heed", "ignore", "wrong", "416"]),
    cuts=st.lists(st.integers(0, 60_000), max_size=12),
    statuses=st.lists(st.sampled_from([206, 302, 403, 404, 416, 429, 500, 503]), max_size=6),
    spoilt=st.sampled_from([None, "changed", "shorter", "longer", "page"]),
    told=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    length=st.sampled_from([None, None, -1, 7]),
    is_pinned=st.booleans(),
)
def test_whatever_a_hub_does_there_is_a_right_file_or_none(
    tmp_path_factory: pytest.TempPathFactory,
    ranges: str,
    cuts: list[int],
    statuses: list[int],
    spoilt: str | None,
    told: tuple[bool, bool, bool, bool],
    length: int | None,
    is_pinned: bool,
) -> None:
    body = model_bytes(50_000)
    sent = {
        "changed": body[:-9] + b"?" + body[-8:],
        "shorter": body[:-9],
        "longer": body + b"more",
        "page": b"<html>" + body[6:],
    }.get(spoilt or "")
    lfs, apart, head, linked = told
    # Of a file that nobody has told the hash of, what comes first is what counts.
    assume(is_pinned or (lfs and head and linked) or spoilt != "changed")
    how = {"lfs": lfs, "apart": apart, "head": head, "linked": linked, "ranges": ranges}
    with pytest.MonkeyPatch.context() as patch, fake_hub(body, **how) as hub:
        patch.setenv("PANEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_ENDPOINT", hub.address)
        hub.cuts, hub.sends, hub.length = cuts, sent, length
        hub.statuses = [(status, {}) for status in statuses]
        pin = pin_of(hub) if is_pinned else own_pin(REPO, FILE, "main", None)
        try:
            assert fetched(pin).path.read_bytes() == body
        except EndpointError as error:
            assert not pin.path.exists() and "\n" not in str(error)
        hub.cuts, hub.sends, hub.length, hub.statuses = [], None, None, []
        hub.ranges, hub.head, hub.linked = "heed", True, True
        assert fetched(pin).path.read_bytes() == body, "the next one, once all is well, goes on"
        assert leftovers(pin) == []


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "GatedRepo", "is gated. Accept its licence at .*/smiths/anvil-gguf, .*set HF_TOKEN"),
        (403, "GatedRepo", "is gated. Accept its licence"),
        (403, "", r"was refused by .* \(403\)"),
        (401, "RepoNotFound", "no repository smiths/anvil-gguf, or it is private"),
        (404, "RepoNotFound", "no repository smiths/anvil-gguf"),
        (404, "RevisionNotFound", f"no revision {COMMIT}"),
        (404, "EntryNotFound", f"no file {FILE} at revision"),
        (404, "", f"has no file {FILE} in smiths/anvil-gguf"),
        (418, "", "answered 418"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(hub: FakeHub, status: int, code: str, said: str) -> None:
    hub.refuses = (status, {"X-Error-Code": code} if code else {})
    pin, listener = pin_of(hub), Listener()
    with pytest.raises(EndpointError, match=said):
        fetched(pin, listener)
    assert nothing_in_place(pin) and listener.pauses == []


def test_a_token_that_does_not_help_is_said_to_be_of_another(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret-of-mine")
    hub.refuses = (403, {"X-Error-Code": "GatedRepo"})
    with pytest.raises(EndpointError, match="HF_TOKEN may be of another") as raised:
        fetched(pin_of(hub))
    assert "hf_secret" not in str(raised.value)


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_the_hub_asks_for_is_announced_and_waited_for(
    hub: FakeHub, status: int
) -> None:
    hub.statuses = [(status, {"Retry-After": "7"})]
    listener = Listener()
    assert fetched(pin_of(hub), listener).path.read_bytes() == hub.body
    assert listener.pauses == [7.0]
    assert f"answered {status} Told. Trying again in 7 s" in " ".join(listener.notices)


def test_too_long_a_wait_ends_the_fetch_and_says_until_when(hub: FakeHub) -> None:
    hub.cuts, hub.statuses = [], [(429, {"Retry-After": "7200"})]
    with pytest.raises(EndpointError, match="asks to wait for 2 h, until"):
        fetched(pin_of(hub))


def test_an_address_that_has_run_out_is_asked_for_again(hub: FakeHub) -> None:
    hub.cuts = [1000, 1000, 1000]
    hub.statuses = [(403, {}), (500, {}), (502, {})]
    assert fetched(pin_of(hub)).path.read_bytes() == hub.body


def test_an_endless_row_of_redirects_ends(hub: FakeHub) -> None:
    hub.refuses = (302, {"Location": "/smiths/anvil-gguf/resolve/main/again"})
    with pytest.raises(EndpointError, match="sends on without end"):
        fetched(pin_of(hub))


@pytest.mark.parametrize(
    "to",
    [
        "file:///etc/passwd",
        "http://[::1",
        "ftp://127.0.0.1/x",
        "http://127.0.0.1:99999/",
        "http://a b/",
        "http://a\x01b/",
        "http://a..b/",
        f"http://{'a' * 70_000}/",
    ],
)
def test_a_redirect_to_what_is_no_web_address_is_not_followed(hub: FakeHub, to: str) -> None:
    hub.refuses = (302, {"Location": to})
    with pytest.raises(EndpointError, match="no web address"):
        fetched(pin_of(hub))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("HF_ENDPOINT", "huggingface", UsageError),
        ("HF_ENDPOINT", "http://me:secret@h", UsageError),
        ("HF_TOKEN", "hf_\n1", UsageError),
        ("HF_HUB_OFFLINE", "1", EndpointError),
    ],
)
def test_what_the_environment_says_wrongly_is_named(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str, value: str, error: type[Exception]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(error, match=name) as raised:
        fetched(pin_of(hub))
    assert "secret" not in str(raised.value) and hub.asked == []


# --- the disk --------------------------------------------------------------------------------


def test_too_small_a_disk_is_said_before_a_byte_is_asked_for(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    full = type(usage)(usage.total, usage.total, 64 * 2**20 + 299_999)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    with pytest.raises(EndpointError, match=r"300,000 more bytes do not fit .* 67,408,863 free"):
        fetched(pin_of(hub))
    assert hub.gets() == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_meanwhile_is_said(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(_handle: int, _data: memoryview) -> int:
        raise OSError(number, os.strerror(number))

    pin = pin_of(hub)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(EndpointError, match=r"is full. Make room for 300,000 bytes"):
        fetched(pin)
    assert nothing_in_place(pin)


@pytest.mark.slow
def test_what_fitted_before_the_disk_was_full_is_gone_on_with(hub: FakeHub, tmp_path: Path) -> None:
    """A bound on the size of files stands in for a disk, in a process of its own."""
    hub.body = model_bytes(2_000_000)

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = fetch_command(tmp_path, preexec_fn=bound)
    out, said = done.communicate(timeout=60)
    assert done.returncode == 3 and out == ""
    assert "is full. Make room for 1,000,000 bytes. 1,000,000 of 2,000,000 bytes are kept" in said
    hub.asked.clear()
    got = fetched(own_pin(REPO, FILE, "main", None))
    assert got.path.read_bytes() == hub.body
    assert [each.headers["range"] for each in hub.gets()] == ["bytes=1000000-"]


def first_bytes(hub: FakeHub, many: int = 200_000) -> Pin:
    """Leave the first bytes of the hub's file, as a fetch does that was ended."""
    pin = pin_of(hub)
    pin.partial.parent.mkdir(parents=True, exist_ok=True)
    pin.partial.write_bytes(hub.body[:many])
    return pin


PAGE = b"<html>Sign in to the guests' network</html>"


@pytest.mark.parametrize(
    "how", [{"head": True}, {"head": False}, {"head": False, "length": -1}, {"apart": True}]
)
def test_a_page_in_place_of_the_file_costs_nothing_that_is_here(
    hub: FakeHub, how: dict[str, object]
) -> None:
    pin, body = first_bytes(hub), hub.body
    changes = {"apart": False, "linked": False, "ranges": "ignore", "sends": PAGE, **how}
    for name, value in changes.items():
        setattr(hub, name, value)
    hub.body = PAGE if hub.head else body
    with pytest.raises(EndpointError, match=r"where it must have|is not a GGUF file"):
        fetched(pin)
    assert pin.partial.stat().st_size == 200_000
    hub.body, hub.sends, hub.ranges = body, None, "heed"
    assert fetched(pin).path.read_bytes() == body
    assert hub.gets()[-1].headers["range"] == "bytes=200000-"


def test_a_link_in_place_of_the_first_bytes_is_not_written_through(
    hub: FakeHub, tmp_path: Path
) -> None:
    pin, other = first_bytes(hub), tmp_path / "precious"
    other.write_bytes(hub.body[:1000])
    pin.partial.unlink()
    pin.partial.symlink_to(other)
    assert fetched(pin).path.read_bytes() == hub.body
    assert other.read_bytes() == hub.body[:1000] and not pin.path.is_symlink()


def test_a_folder_where_the_weights_belong_is_said_before_a_byte_is_asked_for(
    hub: FakeHub,
) -> None:
    pin = pin_of(hub)
    pin.path.mkdir(parents=True)
    with pytest.raises(EndpointError, match=r"is a folder.*Move it away"):
        fetched(pin)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["anvil-q4.0", "anvil-q4.k.m"])
def test_a_name_that_begins_as_another_does_costs_the_other_nothing(
    hub: FakeHub, name: str
) -> None:
    pin, other = pin_of(hub), replace(pin_of(hub), name=name)
    other.partial.parent.mkdir()
    other.partial.write_bytes(hub.body[:1000])
    fetched(pin)
    assert remove(pin) and other.partial.exists()
    assert remove(other) and not other.partial.exists()


def test_bytes_that_another_program_spoils_meanwhile_are_not_put_in_place(hub: FakeHub) -> None:
    pin = pin_of(hub)

    def cut() -> None:
        with suppress(FileNotFoundError):
            os.truncate(pin.partial, 10)

    hub.pace = cut
    try:
        fetched(pin)
    except EndpointError as error:
        assert re.search("was changed while it was fetched|not a GGUF file", str(error))
        assert nothing_in_place(pin)
    else:  # cut only before the bytes were written, so they are there
        assert pin.path.read_bytes() == hub.body


# --- two at once, and kills ------------------------------------------------------------------


def test_two_that_fetch_the_same_model_take_turns(hub: FakeHub) -> None:
    listeners, got = [Listener(), Listener()], []
    began, go = threading.Event(), threading.Event()

    def pace() -> None:
        began.set()
        go.wait(30)

    hub.pace = pace
    first, second = (
        threading.Thread(target=lambda who=each: got.append(fetched(pin_of(hub), who)))
        for each in listeners
    )
    first.start()
    assert began.wait(30)
    second.start()
    while not listeners[1].notices:
        assert second.is_alive()
    go.set()
    first.join(30)
    second.join(30)
    assert "Another 'panel fetch' is fetching anvil-q4" in listeners[1].notices[0]
    assert sorted(each.source for each in got) == ["", "download"] and len(hub.gets()) == 1


def fetch_command(cwd: Path, **how: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "panel", "fetch", "--repo", REPO, "--file", FILE]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=cwd, text=True, stdout=pipe, stderr=pipe, **how)  # type: ignore[call-overload, no-any-return]


def test_what_is_being_fetched_is_not_removed(hub: FakeHub) -> None:
    pin, refused = pin_of(hub), list[str]()

    def remove_now() -> None:
        try:
            remove(pin)
        except UsageError as error:
            refused.append(str(error))

    hub.pace = remove_now
    assert fetched(pin).path.read_bytes() == hub.body
    assert refused and all("is being fetched" in each for each in refused)
    hub.pace = lambda: None
    assert remove(pin) and not remove(pin) and nothing_in_place(pin)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.sample(1)
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_an_interrupt_keeps_what_is_here(
    hub: FakeHub, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    hub.cuts, hub.stall = [100_000], True
    running, pin = fetch_command(tmp_path), pin_of(hub)
    while not (pin.partial.exists() and pin.partial.stat().st_size == 100_000):
        assert running.poll() is None
    running.send_signal(sent)
    _out, said = running.communicate(timeout=60)
    assert running.returncode == code and "Traceback" not in said
    if sent == signal.SIGINT:
        assert "100,000 of 300,000 bytes are kept; run 'the same command' again" in said
    assert fetched(pin).path.read_bytes() == hub.body
    assert hub.gets()[-1].headers["range"] == "bytes=100000-"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.process
def test_it_survives_kills_at_any_byte_with_a_right_file_or_none(
    hub: FakeHub, tmp_path: Path
) -> None:
    """Whole processes, ended by SIGKILL at places drawn by chance, the very end among them."""
    hub.body, hub.chunk, hub.pace = model_bytes(4_000_000), 10_000, lambda: time.sleep(0.001)
    drawn, most, resumed = random.Random(16), 0, 0
    pin = replace(own_pin(REPO, FILE, COMMIT, None), bytes=len(hub.body), sha256=hub.sha256)

    def has() -> int:
        with suppress(FileNotFoundError):
            return pin.partial.stat().st_size
        return 0

    for number in range(size(4, 20)):
        end = number % 4 == 3  # once all is here, before or after the file has its name
        place = len(hub.body) if end else drawn.randint(most, most + (len(hub.body) - most) // 3)
        running = fetch_command(tmp_path)
        while running.poll() is None and has() <= place - end:
            time.sleep(0.0005)
        running.kill()
        running.communicate(timeout=60)
        resumed += 0 < most < len(hub.body)
        assert not pin.path.exists() or pin.path.read_bytes() == hub.body
        assert pin.path.exists() or has() >= most, "what was there is gone on with"
        assert not has() or hub.body.startswith(pin.partial.read_bytes())
        pin.path.unlink(missing_ok=True)
        most = has()
    done = fetch_command(tmp_path)
    out, _said = done.communicate(timeout=60)
    assert done.returncode == 0 and Path(out.strip()).read_bytes() == hub.body
    assert json.loads(pin.record.read_text())["sha256"] == hub.sha256 and leftovers(pin) == []
    ranges = [each.headers["range"] for each in hub.gets() if "range" in each.headers]
    assert 2 <= resumed <= len(ranges)


# --- files that other programs have ----------------------------------------------------------


def stores(tmp_path: Path, pin: Pin) -> dict[str, Path]:
    """Return where other programs would have a pin's file, by their variables."""
    hugging = f"models--{pin.repo.replace('/', '--')}"
    home = tmp_path / "home"
    return {
        "OLLAMA_MODELS": tmp_path / "ollama" / "blobs" / f"sha256-{pin.sha256}",
        "ollama at home": home / ".ollama/models/blobs" / f"sha256-{pin.sha256}",
        "HF_HUB_CACHE": tmp_path / "hf" / hugging / "snapshots" / pin.revision / pin.file,
        "HF_HOME": tmp_path / "hfh" / "hub" / hugging / "blobs" / pin.sha256,
        "hugging face at home": home / ".cache/huggingface/hub" / hugging / "blobs" / pin.sha256,
    }


@pytest.mark.parametrize("place", range(5))
def test_a_file_that_another_program_has_is_linked_and_not_copied(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    pin = pin_of(hub)
    name, file = list(stores(tmp_path, pin).items())[place]
    for variable, folder in (
        ("OLLAMA_MODELS", "ollama"),
        ("HF_HUB_CACHE", "hf"),
        ("HF_HOME", "hfh"),
    ):
        if variable == name:
            monkeypatch.setenv(variable, str(tmp_path / folder))
    file.parent.mkdir(parents=True)
    file.write_bytes(hub.body)
    got = fetched(pin)
    assert got.path.readlink() == file and str(file) in got.source and hub.asked == []
    assert fetched(pin).source == "", "the link is what is there from then on"


def test_what_make_has_fetched_into_the_checkout_is_linked(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "shipped", lambda: tmp_path / "checkout")
    pin = pin_of(hub)
    file = tmp_path / "checkout" / ".cache" / pin.path.name
    file.parent.mkdir(parents=True)
    file.write_bytes(hub.body)
    assert fetched(pin).path.readlink() == file and hub.asked == []


def test_a_file_that_is_not_pinned_is_linked_once_the_hub_has_told_its_hash(
    hub: FakeHub, tmp_path: Path
) -> None:
    file = stores(tmp_path, pin_of(hub))["ollama at home"]
    file.parent.mkdir(parents=True)
    file.write_bytes(hub.body)
    got = fetched(own_pin(REPO, FILE, "main", None))
    assert got.path.readlink() == file and hub.gets() == []
    assert pinned("anvil-q4") == got.pin and got.pin.sha256 == hub.sha256


@pytest.mark.parametrize("wrong", [b"GGUF", None])
def test_a_file_of_another_program_that_is_not_the_right_one_is_left_alone(
    hub: FakeHub, tmp_path: Path, wrong: bytes | None
) -> None:
    file = stores(tmp_path, pin_of(hub))["ollama at home"]
    file.parent.mkdir(parents=True)
    file.write_bytes(hub.body[:-1] + b"?" if wrong is None else wrong)
    got = fetched(pin_of(hub))
    assert not got.path.is_symlink() and got.path.read_bytes() == hub.body


def test_a_link_whose_target_has_gone_is_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    pin = pin_of(hub)
    file = stores(tmp_path, pin)["ollama at home"]
    file.parent.mkdir(parents=True)
    file.write_bytes(hub.body)
    fetched(pin)
    file.unlink()
    listener = Listener()
    got = fetched(pin, listener)
    assert got.source == "download" and not got.path.is_symlink()
    assert got.path.read_bytes() == hub.body and "is gone" in listener.notices[0]


def test_a_link_whose_target_has_changed_is_replaced_and_the_target_left_alone(
    hub: FakeHub, tmp_path: Path
) -> None:
    pin = pin_of(hub)
    file = stores(tmp_path, pin)["ollama at home"]
    file.parent.mkdir(parents=True)
    file.write_bytes(hub.body)
    fetched(pin)
    file.write_bytes(b"GGUF of another")
    assert fetched(pin).path.read_bytes() == hub.body
    assert file.read_bytes() == b"GGUF of another"
