"""What every test stands on: a guard around the network, small workspaces, the command line."""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from panel.cli.main import main
from panel.site.formats import environment
from tests.support.browser import browser, new_page, page  # noqa: F401 - fixtures
from tests.support.fork_server import forked_programs
from tests.support.mock_endpoint import MockEndpoint
from tests.support.network_guard import GUARD, guard
from tests.support.processes import Child, child_of
from tests.support.programs import promised, write_programs
from tests.support.sizes import LONG
from tests.support.space import ROOT, Panel, Result, Space, new_space
from tests.support.templates import Make, Templates, everything_asked

# A shell without job control starts what runs in the background with SIGINT ignored, nohup with
# SIGHUP, and every process started from it would ignore it, too.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Enough examples to find a fault in a suite of minutes; HYPOTHESIS_PROFILE=thorough looks longer.
settings.register_profile("suite", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


class _Compiled(BytecodeCache):
    """Keeps the site's compiled templates for the tests that build one site after another."""

    def __init__(self) -> None:
        self.code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give back what was compiled before."""
        if bucket.key in self.code:
            bucket.bytecode_from_string(self.code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self.code[bucket.key] = bucket.bytecode_to_string()


environment().bytecode_cache = _Compiled()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is marked long, and all but a sample of what is sampled, to `make test-long`."""
    if LONG:
        return
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        cases[item.nodeid.split("[", 1)[0]].append(item)
    kept = {item.nodeid for group in cases.values() for item in _sample(group)}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in kept])
    items[:] = [item for item in items if item.nodeid in kept]


def pytest_collection_finish() -> None:
    """Keep what was collected out of each later collection of garbage: it lives to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let it go: DuckDB names whatever is left of it when the process ends."""
    gc.unfreeze()


def _sample(cases: list[pytest.Item]) -> list[pytest.Item]:
    """Return the cases of a sampled test that are run: evenly spaced, from first to last."""
    if cases[0].get_closest_marker("long"):
        return []
    sampled = cases[0].get_closest_marker("sample")
    if sampled is None or len(cases) <= sampled.args[0]:
        return cases
    many, last = sampled.args[0], len(cases) - 1
    return [cases[round(place * last / max(1, many - 1))] for place in range(many)]


@pytest.fixture(scope="session")
def _network_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network") / "log"


@pytest.fixture(autouse=True)
def _no_network(_network_log: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail any test that reaches beyond loopback, itself or through a process it starts."""
    monkeypatch.setenv(guard.LOG, str(_network_log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(GUARD), str(ROOT / "src"), str(ROOT)]))
    yield
    if _network_log.exists():
        reached = _network_log.read_text()
        _network_log.unlink()  # the next test has not
        pytest.fail(f"reached beyond loopback: {reached}")


@pytest.fixture(scope="session")
def _state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def _no_state(_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing in the home of whoever runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(_state))


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's keys, proxies, certificates, servers and terminal out of the tests."""
    ways = ("_API_KEY", "_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "_CA_BUNDLE", "OLLAMA_HOST")
    for name in list(os.environ):
        if name.upper().endswith(ways):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("CI", "true")  # no server is looked for, unless a test is about that
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Panel:
    """Run the command line in this process: ``panel("run", "--json", cwd=folder)``."""

    def run(*words: str | Path, cwd: Path) -> Result:
        capfd.readouterr()
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["panel", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with the programs that pyproject.toml promises.

    In `make test-long` they are as pip would make them: each call is a start of Python.
    """
    folder = tmp_path_factory.mktemp("bin")
    if not LONG:
        with forked_programs(folder, promised()):
            yield folder
        return
    write_programs(folder)
    yield folder


@pytest.fixture
def child(programs: Path) -> Child:
    """Run the command line in a process of its own: ``child("run", "--json", cwd=folder)``.

    What a start of Python itself decides (encodings, closed streams, the words at exit) needs one:
    `python -m panel`.
    """
    return functools.partial(child_of, programs)


@pytest.fixture
def space(tmp_path: Path) -> Space:
    """Make a workspace with two tools: ``anvil`` and ``bellows``."""
    return new_space(tmp_path / "space")


@pytest.fixture
def mock() -> Iterator[MockEndpoint]:
    """Start an endpoint on loopback that answers every question well."""
    with MockEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def mocked(space: Space, mock: MockEndpoint) -> Space:
    """Make a workspace whose endpoint is the mock."""
    space.point_at(mock)
    return space


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Keep the workspaces that are made once in this process and copied by many tests."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def copied(templates: Templates, tmp_path: Path, mock: MockEndpoint) -> Callable[[Make], Space]:
    """Copy a template, its endpoint the mock: ``copied(all_ship)``."""

    def copy(make: Make) -> Space:
        made = templates.copy(make, tmp_path / "space")
        made.point_at(mock)
        return made

    return copy


@pytest.fixture
def asked(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace whose endpoint is the mock and whose eight cells have a verdict each."""
    return copied(everything_asked)
