"""The way to an endpoint: proxies, certificates, heads of answers; on real sockets."""

from __future__ import annotations

import asyncio
import base64
import errno
import gc
import gzip
import json
import socket
import socketserver
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from panel.cells.packed import zstd_module
from panel.endpoint.bodies import BODY_BYTES, LONG_BYTES, BodyTooLong, aside, unpacked
from panel.endpoint.client import ERROR_BYTES, Client
from panel.endpoint.faults import Fault, classify_fault
from panel.endpoint.proxies import Proxy, proxy_for
from panel.endpoint.responses import RawResponse
from panel.endpoint.transfers import TransferClient
from panel.endpoint.transport import HEADER_BYTES, QUIET_SECONDS, Route
from panel.endpoint.way_faults import transport_fault
from panel.errors import EndpointError
from panel.workspace.endpoints import Endpoint
from tests.support.certificates import make_certificate, server_context
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.proxy import proxy_server
from tests.support.space import Panel, Space

KEY = "sk-0123456789abcdef"
ELSEWHERE = "llm.example"  # led to by a proxy, and never looked up


def ask(url: str, key: str | None = None, times: int = 1) -> list[RawResponse]:
    async def asking() -> list[RawResponse]:
        endpoint = Endpoint("lab", None, url, "m", api_key_env="LAB_API_KEY", timeout_seconds=20)
        async with Client(url, key, endpoint) as client:
            body = {"model": "m", "messages": []}
            return [await client.complete(body) for _ in range(times)]

    return asyncio.run(asking())


def fault_of(url: str, key: str | None = None) -> Fault:
    [answer] = ask(url, key)
    fault = classify_fault(answer, constrained=False)
    assert fault is not None
    return fault


# --- proxies ---


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[MockEndpoint, Path]]:
    """Serve https for two names, and give the certificate."""
    made = make_certificate(tmp_path / "tls", f"DNS:{ELSEWHERE},IP:127.0.0.1,DNS:localhost")
    with MockEndpoint(tls=server_context(made)) as mock:
        yield mock, made / "cert.pem"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_https_goes_through_the_proxy_that_is_named_and_hides_the_key_from_it(
    secure: tuple[MockEndpoint, Path], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    mock, certificate = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with proxy_server(leads_to=mock.port) as proxy:
        monkeypatch.setenv(variable, f"http://me:p%40ss@{proxy.address}")
        [answer] = ask(f"https://{ELSEWHERE}/v1", KEY)
    assert answer.status == 200
    assert mock.requests[-1]["headers"]["authorization"] == f"Bearer {KEY}"
    assert "proxy-authorization" not in mock.requests[-1]["headers"]
    [head] = proxy.heads
    assert head.startswith(f"CONNECT {ELSEWHERE}:443 ") and KEY not in head
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:p@ss').decode()}\r\n" in head


def test_plain_http_goes_through_a_proxy_only_without_a_key(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_server(leads_to=mock.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"me:pass@{proxy.address}")
        [answer] = ask(f"http://{ELSEWHERE}/v1")
        assert answer.status == 200
        assert "Proxy-Authorization: Basic bWU6cGFzcw==\r\n" in proxy.heads[0]
        with pytest.raises(EndpointError, match=r"HTTP_PROXY.*could read what is in LAB_API_KEY"):
            ask(f"http://{ELSEWHERE}/v1", KEY)
    assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("address", "no_proxy", "used"),
    [
        ("http://llm.example/v1", "", True),
        ("http://llm.example/v1", "*", False),
        ("http://llm.example/v1", "other.example, llm.example", False),
        ("http://llm.example/v1", "other.example llm.example", False),
        ("http://LLM.example./v1", "llm.EXAMPLE", False),
        ("http://llm.example/v1", ".example", False),
        ("http://llm.example/v1", "*.example", False),
        ("http://llm.example/v1", "example", False),
        ("http://notllm.example/v1", "llm.example", True),
        ("http://llm.example/v1", "llm.example:80", False),
        ("http://llm.example:8000/v1", "llm.example:80", True),
        ("http://192.0.2.7/v1", "192.0.2.7", False),
        ("http://192.0.2.7/v1", "192.0.2.0/24", False),
        ("http://192.0.3.7/v1", "192.0.2.0/24", True),
        ("http://192.0.2.7:8000/v1", "192.0.2.7:8000", False),
        ("http://[2001:db8::7]:8000/v1", "2001:db8::7", False),
        ("http://[2001:db8::7]:8000/v1", "[2001:db8::7]:8000", False),
        ("http://[2001:db8::7]:8000/v1", "[2001:db8::7]:80", True),
        ("http://[2001:db8::7]/v1", "2001:db8::/32", False),
        ("http://llm.example/v1", ",. ,*., /, :80, [", True),
        ("http://127.0.0.1/v1", "", False),
        ("http://localhost/v1", "", False),
        ("http://[::1]/v1", "", False),
    ],
)
def test_no_proxy_is_read_as_other_programs_read_it(
    monkeypatch: pytest.MonkeyPatch, address: str, no_proxy: str, used: bool
) -> None:
    """Even a proxy that cannot be used is no fault where it is not needed."""
    monkeypatch.setenv("NO_PROXY", no_proxy)
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    assert (proxy_for(urlsplit(address)) is not None) == used
    monkeypatch.setenv("ALL_PROXY", "socks5h://proxy.example:1080")
    if used:
        with pytest.raises(EndpointError, match="ALL_PROXY names a socks5h proxy"):
            proxy_for(urlsplit(address))
    else:
        assert proxy_for(urlsplit(address)) is None


def test_a_blank_variable_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", " ")
    assert proxy_for(urlsplit("https://llm.example/v1")) is None


def test_the_proxy_of_the_scheme_comes_before_the_one_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://all.example:1080")
    monkeypatch.setenv("HTTPS_PROXY", "https.example:3128")
    proxy = proxy_for(urlsplit("https://llm.example/v1"))
    assert proxy is not None and str(proxy) == "the proxy http://https.example:3128 (HTTPS_PROXY)"


@pytest.mark.sample(8)
@pytest.mark.parametrize(
    "written",
    [
        *("socks://me:hunter2@p:1", "socks4://p", "socks5://p:1", "SOCKS5H://p:1"),
        *("http://", "://p", "http://me:hunter2@", "http://p:hunter2", "http://p:99999"),
        *("ftp://me:hunter2@p:1", "http://[me:hunter2", "http://a b:1", "me:hunter2@p:x"),
        *("http://me:hunter2@proxy..corp:1", "http://\u2603:1", f"http://{64 * 'a'}:1"),
    ],
)
@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_proxy_that_cannot_be_used_is_one_line_that_names_its_variable(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch, command: str, written: str
) -> None:
    monkeypatch.setenv("https_proxy", written)
    space.settings(
        f'[panel]\nendpoint = "lab"\n[endpoints.lab]\nmodel = "m"\n'
        f'base_url = "https://{ELSEWHERE}/v1"\n'
    )
    ran = panel(command, cwd=space.root)
    said = [line for line in ran.err.splitlines() if not line.startswith("Asking ")]
    assert ran.code == 3 and len(said) == 1
    assert "https_proxy" in said[0] and f"put {ELSEWHERE} into NO_PROXY" in said[0]
    assert "hunter2" not in ran.err + ran.out


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("scheme", "status"), [("http", 403), ("http", 407), ("https", 403), ("https", 407)]
)
def test_a_proxy_that_refuses_stops_a_run_after_one_request(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch, scheme: str, status: int
) -> None:
    variable = f"{scheme.upper()}_PROXY"
    with proxy_server(status) as proxy:
        monkeypatch.setenv(variable, f"http://me:hunter2@{proxy.address}")
        space.settings(
            f'[panel]\nendpoint = "lab"\n[endpoints.lab]\nmodel = "m"\n'
            f'base_url = "{scheme}://{ELSEWHERE}/v1"\n'
        )
        ran = panel("run", cwd=space.root)
    assert ran.code == 3 and len(proxy.heads) == 2, "the model list, and one question"
    assert f"proxy refused: the proxy http://{proxy.address} ({variable}) answered {status}" in (
        ran.err
    )
    assert "into NO_PROXY" in ran.err and "hunter2" not in ran.err


def test_a_proxy_that_cannot_reach_the_endpoint_may_reach_it_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with proxy_server(503) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        fault = fault_of(f"https://{ELSEWHERE}/v1")
    assert fault.action == "retry" and "(HTTPS_PROXY) answered 503" in fault.detail


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_server() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    fault = fault_of(f"https://{ELSEWHERE}/v1")
    assert (fault.action, fault.label) == ("stop", "proxy_unreachable")
    assert f"{proxy.address} (HTTPS_PROXY) cannot be reached" in fault.detail


def test_a_name_that_is_not_known_is_the_proxys_where_one_is_used() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    address, proxy = (
        urlsplit(f"https://{ELSEWHERE}/v1"),
        Proxy("http://gone.example:1", "ALL_PROXY"),
    )
    label, detail = transport_fault(unknown, 1.0, Route(address, proxy, None))
    assert label == "proxy_unreachable" and "gone.example:1 (ALL_PROXY) cannot be" in detail
    assert transport_fault(unknown, 1.0, Route(address, None, None))[0] == "refused"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "nothing listens at"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "could not be found (DNS",
        ),
        (socket.gaierror(socket.EAI_AGAIN, "Try again"), "no name server answers just now (DNS)"),
        (ConnectionResetError(errno.ECONNRESET, "reset by peer"), "the connection was closed"),
        (OSError(errno.ENETUNREACH, "Connect call failed ('::1', 1)"), "network is unreachable"),
        (OSError("Multiple exceptions: [Errno 101] a, [Errno 111] b"), "Multiple exceptions: a, b"),
        (TimeoutError(), "no whole answer within 2 s"),
    ],
)
@pytest.mark.parametrize("proxied", [False, True])
def test_why_a_connection_failed_is_said_in_plain_words(
    error: OSError, says: str, proxied: bool
) -> None:
    """Neither the name of an exception nor a number of the system is in the sentence."""
    address = urlsplit(f"https://{ELSEWHERE}/v1")
    proxy = Proxy("http://gone.example:1", "ALL_PROXY") if proxied else None
    _label, detail = transport_fault(error, 2.0, Route(address, proxy, None))
    assert says in detail or (proxied and "gone.example:1 (ALL_PROXY)" in detail)
    assert "Error" not in detail and "Errno" not in detail


def test_a_connection_that_is_dropped_on_the_way_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering_bytes(b"") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        fault = fault_of(f"https://{ELSEWHERE}/v1")
    assert fault.action == "retry" and f"127.0.0.1:{port} (HTTPS_PROXY)" in fault.detail


# --- certificates ---


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_ones_own_is_trusted_on_this_machine_too(
    secure: tuple[MockEndpoint, Path],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    host: str,
) -> None:
    mock, certificate = secure
    monkeypatch.setenv(variable, str(certificate))
    assert ask(f"https://{host}:{mock.port}/v1")[0].status == 200


@pytest.mark.parametrize(
    ("names", "expired", "trusted", "label", "says"),
    [
        ("IP:127.0.0.1", False, False, "tls_untrusted", "self-signed"),
        ("IP:127.0.0.1", True, True, "tls_expired", "expired"),
        ("DNS:other.example", False, True, "tls_wrong_name", "127.0.0.1"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: str,
    expired: bool,
    trusted: bool,
    label: str,
    says: str,
) -> None:
    made = make_certificate(tmp_path / "tls", names, expired)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(made / "cert.pem"))
    with MockEndpoint(tls=server_context(made)) as mock:
        fault = fault_of(mock.base_url)
        assert mock.requests == []
    assert (fault.action, fault.label) == ("stop", label)
    assert says in fault.detail and f"127.0.0.1:{mock.port}" in fault.detail
    assert "Start the server" not in fault.sentence()


def test_plain_http_behind_https_and_the_reverse_are_told_apart(
    secure: tuple[MockEndpoint, Path],
) -> None:
    with answering_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert fault_of(f"https://127.0.0.1:{port}/v1").label == "tls_not_spoken"
    for port, what in ((secure[0].port, "closes"), (None, "alerts")):
        with answering_bytes(b"\x15\x03\x01\x00\x02\x02\x16") as alerting:
            fault = fault_of(f"http://127.0.0.1:{port or alerting}/v1")
        assert (fault.action, fault.label) == ("stop", "tls_wanted"), what
        assert "https://" in fault.sentence()


def test_the_question_for_tls_leaves_no_connection_open(tmp_path: Path) -> None:
    """Not even to a server that never says goodbye: pytest fails a test for what is left open."""
    speaks = server_context(make_certificate(tmp_path / "tls", "IP:127.0.0.1"))
    asked, looked = threading.Event(), threading.Event()

    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(1, socket.MSG_PEEK) == b"\x16":  # the hello of TLS
                with speaks.wrap_socket(self.request.dup(), server_side=True):
                    asked.set()
                    looked.wait(20)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever).start()
        fault = fault_of(f"http://127.0.0.1:{server.server_address[1]}/v1")
        gc.collect()
        looked.set()
        server.shutdown()
    assert fault.label == "tls_wanted" and asked.is_set()


@pytest.mark.parametrize(
    "page",
    [
        "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
    ],
)
def test_a_server_that_says_it_wants_tls_is_understood(mock: MockEndpoint, page: str) -> None:
    mock.face = lambda _index, _body: Answer(400, page)
    assert fault_of(mock.base_url).label == "tls_wanted"


def test_a_connection_that_is_dropped_for_another_reason_may_come_back(mock: MockEndpoint) -> None:
    mock.face = lambda index, _body: Answer(drop=True) if index == 0 else None
    first, second = ask(mock.base_url, times=2)
    assert first.transport_fault and first.transport_fault[0] == "dropped"
    assert second.status == 200


STALE = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.mark.sample(2)
@pytest.mark.parametrize("variable", STALE)
def test_certificates_that_are_gone_are_named_for_https_and_not_looked_at_for_http(
    mocked: Space,
    panel: Panel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
) -> None:
    gone = tmp_path / "gone" / "ca.pem"
    monkeypatch.setenv(variable, str(gone))
    assert panel("run", cwd=mocked.root).code == 0
    text = (mocked.root / "panel.toml").read_text()
    (mocked.root / "panel.toml").write_text(text.replace("http://", "https://"))
    ran = panel("run", "--again", cwd=mocked.root)
    said = [line for line in ran.err.splitlines() if not line.startswith("Asking ")]
    assert ran.code == 3 and len(said) == 1
    assert variable in said[0] and str(gone) in said[0] and "No such file" in said[0]


def test_a_file_without_certificates_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(EndpointError, match=r"ca\.pem \(SSL_CERT_FILE\).*it holds none"):
        ask("https://127.0.0.1:9/v1")


def test_for_plain_http_no_certificates_are_loaded(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: object, **__: object) -> None:
        raise AssertionError("nobody needs it")

    monkeypatch.setattr(ssl, "SSLContext", made)
    assert ask(mock.base_url)[0].status == 200


# --- the head of an answer ---


@contextmanager
def answering_bytes(answer: bytes, held: bool = False) -> Iterator[int]:
    """Answer whatever comes with these bytes; yields the port. held: the connection stays open."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)
            if not held:
                self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(65536):
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(("lines", "length"), [(1, 9_000), (1, HEADER_BYTES - 10), (1_900, 50)])
def test_a_long_head_is_read(mock: MockEndpoint, lines: int, length: int) -> None:
    headers = {f"x-{number}": "y" * length for number in range(lines)}
    mock.face = lambda _index, _body: Answer(headers=headers)
    [answer] = ask(mock.base_url)
    assert answer.status == 200 and answer.completion() is not None


@pytest.mark.parametrize(("lines", "length"), [(1, HEADER_BYTES + 1), (2_100, 5)])
def test_a_head_without_end_is_said_to_be_one(mock: MockEndpoint, lines: int, length: int) -> None:
    headers = {f"x-{number}": "y" * length for number in range(lines)}
    mock.face = lambda _index, _body: Answer(headers=headers)
    fault = fault_of(mock.base_url)
    assert (fault.action, fault.label) == ("suspect", "head_too_long")
    assert "256 KiB" in fault.detail and "2,000 lines" in fault.detail


# --- the body of an answer ---


zstd = zstd_module()
PLAIN = json.dumps(completion("Ship it.")).encode()


def deflated(text: bytes) -> bytes:
    """Return deflate without a head, as some servers understand the name."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(PLAIN)),
    "an older name of it": ("x-gzip", gzip.compress(PLAIN)),
    "no name": ("", gzip.compress(PLAIN)),
    "a name only": ("gzip", PLAIN),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(PLAIN))),
    "two members": ("gzip", gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:])),
    "no trailer": ("gzip", gzip.compress(PLAIN)[:-8]),
    "zlib": ("deflate", zlib.compress(PLAIN)),
    "deflate": ("deflate", deflated(PLAIN)),
    "deflate in name only": ("deflate", PLAIN),
    "zstd": ("zstd", zstd.compress(PLAIN)),
    "two frames of zstd": ("", zstd.compress(PLAIN[:50]) + zstd.compress(PLAIN[50:])),
    "gzip in zstd": ("gzip, zstd", zstd.compress(gzip.compress(PLAIN))),
    "zstd in name only": ("zstd", PLAIN),
    "an unknown name": ("utf-8", PLAIN),
}


@pytest.mark.parametrize(("encoding", "body"), PACKED.values(), ids=PACKED)
def test_a_body_is_unpacked_by_its_bytes_whatever_its_head_says(
    mock: MockEndpoint, encoding: str, body: bytes
) -> None:
    mock.face = lambda _index, _body: Answer(body=body, headers={"content-encoding": encoding})
    [answer] = ask(mock.base_url)
    assert answer.body == PLAIN and answer.completion() is not None


CHUNK = {"choices": [{"delta": {"content": "Ship it."}, "finish_reason": None}]}
LAST = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
EVENTS = [f"data: {json.dumps(event)}\n\n".encode() for event in (CHUNK, LAST)]
DONE = b"data: [DONE]\n\n"


def framed(body: bytes, framing: str) -> bytes:
    """Return an answer whose body ends other than its head says, or does not tell its end."""
    lines = {
        "too long": f"content-length: {len(body) + 7}",
        "chunked": "transfer-encoding: chunked",
        "packed": f"content-encoding: gzip\r\ncontent-length: {len(gzip.compress(body)) + 7}",
        "untold": "connection: close",
    }
    body = gzip.compress(body) if framing == "packed" else body
    sent = b"%x\r\n%b\r\n" % (len(body), body) if framing == "chunked" else body
    return f"HTTP/1.1 200 OK\r\n{lines[framing]}\r\n\r\n".encode() + sent


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("framing", ["too long", "chunked", "packed", "untold"])
@pytest.mark.parametrize(
    "body",
    [PLAIN, b"".join(EVENTS), b"".join(EVENTS) + DONE, EVENTS[0] + DONE],
    ids=["json", "finish", "finish and done", "done"],
)
def test_a_reply_that_is_whole_is_kept_though_its_framing_is_not(
    body: bytes, framing: str, held: bool
) -> None:
    with answering_bytes(framed(body, framing), held) as port:
        [answer] = ask(f"http://127.0.0.1:{port}/v1")
    found = answer.completion()
    assert found is not None and found["choices"][0]["message"]["content"] == "Ship it."


@pytest.mark.parametrize("framing", ["too long", "chunked", "packed"])
@pytest.mark.parametrize("body", [PLAIN[:-1], EVENTS[0], EVENTS[0] + b"data: ping\n\n"])
def test_what_broke_off_amid_a_reply_is_no_answer(body: bytes, framing: str) -> None:
    with answering_bytes(framed(body, framing)) as port:
        [answer] = ask(f"http://127.0.0.1:{port}/v1")
    assert answer.transport_fault is not None and answer.transport_fault[0] == "dropped"


@contextmanager
def handled(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve with a function of one connection; yields the base_url."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


@pytest.mark.parametrize(
    ("body", "sign"),
    [(b"".join(EVENTS) + DONE, b": alive\n\n"), (b"".join(EVENTS), b": alive\n\n"), (PLAIN, b"\n")],
)
def test_a_reply_that_is_whole_has_ended_though_signs_of_life_go_on(
    body: bytes, sign: bytes
) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body)
        while True:  # until the other side has gone
            time.sleep(0.1)
            connection.sendall(sign)

    with handled(handle) as url:
        [answer] = ask(url)
    found = answer.completion()
    assert found is not None and found["choices"][0]["message"]["content"] == "Ship it."


def test_what_comes_after_a_finish_amid_signs_of_life_is_waited_for() -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + EVENTS[0])
        for number in range(60):
            time.sleep(0.1)
            late = {9: EVENTS[1], 11: usage}  # about when it is first looked at
            connection.sendall(late.get(number, b": alive\n\n"))

    with handled(handle) as url:
        [answer] = ask(url)
    found = answer.completion()
    assert found is not None and found["usage"]["prompt_tokens"] == 7


def test_an_answer_that_comes_twice_is_not_taken_for_the_next_one() -> None:
    asked = 0

    def twice(connection: socket.socket) -> None:
        nonlocal asked
        while connection.recv(65536):
            asked += 1
            body = json.dumps(completion(f"answer {asked}")).encode()
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            connection.sendall(answer)
            time.sleep(0.05)
            connection.sendall(answer)

    async def slowly(url: str) -> list[str]:
        said = []
        async with Client(url, None, Endpoint("lab", None, url, "m")) as client:
            for _ in range(3):
                found = (await client.complete({"model": "m", "messages": []})).completion()
                assert found is not None
                said.append(found["choices"][0]["message"]["content"])
                await asyncio.sleep(0.3)
        return said

    with handled(twice) as url:
        assert asyncio.run(slowly(url)) == ["answer 1", "answer 2", "answer 3"]


def test_an_answer_that_pauses_is_waited_for() -> None:
    """However long the pause, what came before it is no whole reply."""
    pieces = [PLAIN[:20], PLAIN[20:40], PLAIN[40:]]

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PLAIN))
            for piece in pieces:
                self.request.sendall(piece)
                time.sleep(1.2 * QUIET_SECONDS)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        [answer] = ask(f"http://127.0.0.1:{server.server_address[1]}/v1")
        server.shutdown()
    assert answer.body == PLAIN


def test_no_request_asks_for_a_packing_that_cannot_be_read(mock: MockEndpoint) -> None:
    """What else is installed, such as zstd for the journals, changes nothing."""

    async def everything() -> None:
        asked = Endpoint("lab", None, mock.base_url, "m")
        async with TransferClient(mock.base_url, None, asked) as client:
            for _ in range(2):  # the openai client makes the first one only
                await client.complete({"model": "m", "messages": []})
            await client.decide({})
            await client.models()
            await client.page("/props", 5)
            await client.page("/tokenize", 5, {"content": "a"})
            await client.transfer("GET", "/batches")

    asyncio.run(everything())
    asked_for = {request["headers"]["accept-encoding"] for request in mock.requests}
    assert len(mock.requests) == 7 and asked_for == {"gzip, deflate", "identity"}


@pytest.mark.slow
def test_a_body_has_a_bound_packed_or_not(mock: MockEndpoint) -> None:
    """What never ends takes no more memory than the bound, and is not asked for again."""
    packed = gzip.compress(b" " * (BODY_BYTES + 1))
    with pytest.raises(BodyTooLong):
        unpacked(gzip.compress(packed), "gzip")
    for body in (packed, zstd.compress(b" " * (BODY_BYTES + 1)), b" " * (BODY_BYTES + 1)):
        mock.face = lambda _index, _body, body=body: Answer(body=body)
        fault = fault_of(mock.base_url)
        assert (fault.action, fault.label) == ("suspect", "body_too_long")
        assert "32 MiB" in fault.detail


def test_of_a_long_error_only_the_beginning_is_kept(mock: MockEndpoint) -> None:
    body = b"the key is bad; " * (2 * ERROR_BYTES // 16)
    mock.face = lambda _index, _body: Answer(503, body)
    [answer] = ask(mock.base_url)
    assert answer.body == body[:ERROR_BYTES]


def test_a_long_body_is_read_beside_the_event_loop() -> None:
    here = threading.get_ident()
    assert asyncio.run(aside(LONG_BYTES, threading.get_ident)) == here
    assert asyncio.run(aside(LONG_BYTES + 1, threading.get_ident)) != here


def test_a_cookie_that_is_set_is_sent_to_nobody(mock: MockEndpoint) -> None:
    cookie = {"set-cookie": "session=secret; Path=/"}
    mock.face = lambda _index, _body: Answer(headers=cookie)

    async def everything() -> None:
        async with Client(mock.base_url, KEY, Endpoint("lab", None, mock.base_url, "m")) as client:
            for _ in range(2):
                await client.complete({"model": "m", "messages": []})
                await client.models()
                await client.page("/api/version", 5)

    asyncio.run(everything())
    assert [r["path"] for r in mock.requests if "cookie" in r["headers"]] == []
