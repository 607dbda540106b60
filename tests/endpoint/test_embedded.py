"""The embedded endpoint: a real small model, served by this process on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from panel.cells.cells import Cell
from panel.endpoint.embedded import Served, serve
from panel.endpoint.weights import weights_digest
from panel.errors import EndpointError
from panel.runs.run import ProgressReporter, execute
from panel.runs.selection import Selection, prepare
from panel.workspace.catalogue import CATALOGUE
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import load_workspace
from panel.workspace.presets import EMBEDDED_MODEL
from panel.workspace.verdict import parse
from tests.support.sizes import size
from tests.support.space import Space

HOST = "127.0.0.1"


def endpoint(weights: Path | None = None) -> Endpoint:
    return Endpoint("embedded", "embedded", None, EMBEDDED_MODEL, weights=weights, context=512)


@pytest.fixture(scope="module", autouse=True)
def _weights() -> None:
    file = CATALOGUE[EMBEDDED_MODEL].path
    assert file.is_file(), (
        f"these tests ask a real model, and its weights are not at {file}. Run 'panel fetch demo', "
        "or point PANEL_CACHE at the folder that holds them."
    )


@pytest.fixture(scope="module")
def served(_weights: None) -> Iterator[Served]:
    """Start the model once for the tests that only look at its door."""
    with serve(endpoint()) as found:
        yield found


def status(served: Served, key: str | None) -> int:
    body = {"model": "tiny", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
    request = urllib.request.Request(
        f"{served.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.slow
def test_it_answers_on_loopback_who_has_the_key(served: Served) -> None:
    assert urlsplit(served.base_url).hostname == HOST
    assert len(served.key) >= 24
    assert status(served, served.key) == 200


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, "wrong"])
def test_it_refuses_who_has_not(served: Served, key: str | None) -> None:
    assert status(served, key) == 401


def test_it_listens_on_loopback_only(served: Served) -> None:
    """Another address of this machine meets a closed door."""
    port = urlsplit(served.base_url).port or 0
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert set(listening) <= {f"0100007F:{port:04X}"}


@pytest.mark.slow
def test_the_key_is_another_each_time_and_the_door_closes_after_the_block(served: Served) -> None:
    with serve(endpoint()) as second:
        assert second.key != served.key
        port = urlsplit(second.base_url).port or 0
        socket.create_connection((HOST, port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)


@pytest.mark.slow
def test_it_may_be_stopped_the_moment_it_has_started() -> None:
    """Its loop has begun before it is handed out; stopped earlier, it would never end."""
    script = (
        "from panel.endpoint.embedded import serve\n"
        "from panel.workspace.endpoints import Endpoint\n"
        f"tiny = Endpoint('embedded', 'embedded', None, {EMBEDDED_MODEL!r}, context=512)\n"
        f"for _time in range({size(1, 3)}):\n"
        "    with serve(tiny): pass\n"
    )
    busy = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"
    others = [
        subprocess.Popen([sys.executable, "-c", busy, str(os.getpid())])
        for _core in range(size(1, 3))
    ]
    try:  # in a process of its own, which can be ended where a thread that hangs cannot
        subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_the_default_digest_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path))
    assert weights_digest(endpoint()) == f"sha256:{CATALOGUE[EMBEDDED_MODEL].sha256}"


def test_the_digest_of_other_weights_is_remembered_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "own.gguf"
    assert weights_digest(endpoint(file)) is None
    file.write_bytes(b"GGUF one")
    first = weights_digest(endpoint(file))
    assert (
        first
        == f"sha256:{hashlib.sha256(b'GGUF one').hexdigest()}"
        == weights_digest(endpoint(file))
    )
    file.write_bytes(b"GGUF two")
    os.utime(file, ns=(1, 1))
    assert weights_digest(endpoint(file)) == f"sha256:{hashlib.sha256(b'GGUF two').hexdigest()}"


@pytest.mark.parametrize("content", [b"", b"GGU", b"DB_PIN=4711\n"])
def test_the_digest_of_a_file_that_holds_no_model_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """A stranger's panel.toml may name any file, and who guesses what is in it knows its digest."""
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / ".env").write_bytes(content)
    assert weights_digest(endpoint(tmp_path / ".env")) is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_weights_that_never_end_hold_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert weights_digest(endpoint(tmp_path / "pipe.gguf")) is None
    assert weights_digest(endpoint(Path("/dev/zero"))) is None


def test_missing_weights_are_said_with_the_way_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EndpointError, match=r"none\.gguf.*Check weights in panel\.toml"):
        serve(endpoint(tmp_path / "none.gguf")).__enter__()
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path))
    with pytest.raises(EndpointError, match=r"Run 'panel fetch smollm2-.*' \(98 MB\)"):
        serve(endpoint()).__enter__()


def test_a_file_that_is_no_gguf_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "text.gguf"
    file.write_text("not a model")
    with pytest.raises(EndpointError, match="Is it a GGUF file"):
        serve(endpoint(file)).__enter__()


def test_damaged_default_weights_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path))
    CATALOGUE[EMBEDDED_MODEL].path.write_bytes(b"GGUF and then nothing")
    with pytest.raises(EndpointError, match=r"damaged\. Run 'panel fetch smollm2-"):
        serve(endpoint()).__enter__()


@pytest.mark.long
@pytest.mark.model
def test_a_real_model_settles_real_cells_and_its_cache_serves_the_second(space: Space) -> None:
    """Two tools before one persona: verdicts that hold to the schema, and a warm prefix."""
    workspace = load_workspace(space.root)
    prepared = prepare(workspace, Selection(personas=["builder"]))
    assert prepared.target.endpoint.embedded and len(prepared.plan.pending) == 2
    cells: dict[str, Cell] = {cell.fingerprint: cell for cell, _reason in prepared.plan.pending}
    silent = ProgressReporter(lambda _tallies: None, lambda _notice: None)
    summary, tallies = execute(workspace, prepared, silent)
    assert (summary.verdicts, summary.requests, tallies.output_mode) == (2, 2, "json_schema")
    lines = [json.loads(line) for line in space.journals[0].read_bytes().splitlines()]
    first, second = (line for line in lines if line["kind"] == "attempt")
    for attempt in (first, second):
        cell = cells[attempt["fingerprint"]]
        answer = json.loads(attempt["reply"])
        assert list(answer) == list(cell.schema["properties"])
        assert parse(attempt["reply"], cell.persona).verdict == attempt["verdict"]
        assert all(answer[beat.id] in cell.choices[beat.id] for beat in cell.persona.beats)
        assert set(answer["evidence"]) <= set(cell.choices["evidence"])
    assert second["cached_tokens"] > 500
    assert first["model_identity"].startswith("embedded/smollm2-135m-instruct-q4_1@sha256:")
    assert summary.cost_usd is None
