"""What is promised when things break: kills, power cuts, full disks, locks, damaged files.

docs/guarantees.md tells it to readers. Nothing here is simulated that can be had for real:
processes are killed, disks are full (a small tmpfs in a mount namespace of its own).

``python -m tests.store.test_guarantees`` is the server of these tests: it has imported the program
and forks a child for every command, so that a command costs no start of Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest

from panel.cells.journal import JournalWriter, read_lines
from panel.cells.packed import open_journal
from panel.cli.main import ExitCode, main
from panel.engines import job_run
from panel.errors import JournalError
from panel.store.ingest import Ingested, ingest
from tests.support.mock_endpoint import Answer, MockEndpoint, reply_for
from tests.support.network_guard import GUARD, guard
from tests.support.sizes import size
from tests.support.space import ROOT, Panel, Space
from tests.support.threads import wait_until

PERSONAS, CONCURRENCY = 4, 4
WORKERS = 2 * CONCURRENCY  # cells under way at once: half of them may wait to be written
CASES, KILLS = size((1, 8), (4, 26))  # docs/guarantees.md tells of the 104 of test-long
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT = 1, 32
MIB = 1 << 20
SERVERS = ("panel.cli.desk", "panel.desk.serving", "panel.cli.serve", "panel.readers.serve.server")


# The server: forks commands, kills them, mounts disks.


class _DiesAtDetach:
    """A DuckDB whose process is killed after the commit, before the database is let go."""

    def __init__(self, real: duckdb.DuckDBPyConnection) -> None:
        self._real, self._written = real, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, sql: str) -> Any:
        if self._written and sql.startswith("DETACH"):
            os.kill(os.getpid(), signal.SIGKILL)
        if sql.startswith("ATTACH"):
            self._written = "/panel.duckdb'" in sql and "READ_ONLY" not in sql
        return self._real.execute(sql)


def _serve() -> None:
    import importlib

    import panel.cli.export
    import panel.cli.run
    import panel.endpoint.client  # noqa: F401

    for name in (
        "httpcore2",
        "truststore",
        "statistics",
        *SERVERS,
    ):  # what a first request would import
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    job_run.CHECKPOINT_SECONDS = 0.1  # so that kills meet writing into the database, too
    for line in sys.stdin:
        order = json.loads(line)
        number = order.pop("number")
        try:
            done = OPERATIONS[order.pop("op")](**order)
        except OSError as error:
            done = {"refused": f"{error.strerror} (errno {error.errno})"}
        print(json.dumps([number, done]), flush=True)


def _die_at(step: int) -> None:
    """Have this process killed at a step: before or after it writes, asks or fetches."""
    from panel.endpoint.transfers import TransferClient

    left = itertools.count(step - 1, -1)
    forced, asked = os.fsync, TransferClient.transfer

    def passed() -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(descriptor: int) -> None:
        passed()
        forced(descriptor)
        passed()

    async def transfer(client: TransferClient, *words: Any) -> Any:
        passed()
        answer = await asked(client, *words)
        passed()
        return answer

    os.fsync = fsync
    TransferClient.transfer = transfer  # type: ignore[method-assign,assignment]


def _do(
    cwd: str,
    words: list[str],
    log: str,
    kill_after: float | None,
    die_at_close: bool,
    die_at: int | None,
) -> dict[str, Any]:
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a fork takes one thread along"
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.environ[guard.LOG] = log
            if die_at is not None:
                _die_at(die_at)
            _be_panel(cwd, words, (out.fileno(), err.fileno()), die_at_close)
        deadline = time.monotonic() + (kill_after or 0)
        ended, status = os.waitpid(child, os.WNOHANG if kill_after is not None else 0)
        while not ended:
            if time.monotonic() >= deadline:
                os.kill(child, signal.SIGKILL)
                ended, status = os.waitpid(child, 0)
            else:
                time.sleep(0.002)
                ended, status = os.waitpid(child, os.WNOHANG)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read())
    return {"code": os.waitstatus_to_exitcode(status), "out": said[0], "err": said[1]}


def _start(cwd: str, words: list[str], log: str, env: dict[str, str]) -> dict[str, Any]:
    """Start a command that goes on; returns its process and the file that it says things in."""
    descriptor, said = tempfile.mkstemp(prefix="panel-")
    child = os.fork()
    if child == 0:
        os.environ.update(env | {guard.LOG: log})
        _be_panel(cwd, words, (descriptor, descriptor), die=False)
    os.close(descriptor)
    return {"process": child, "said": said}


def _kill(process: int) -> dict[str, Any]:
    os.kill(process, signal.SIGKILL)
    return {"code": os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}


def _be_panel(cwd: str, words: list[str], streams: tuple[int, int], die: bool) -> NoReturn:
    code = 99
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(streams[0], 1)
        os.dup2(streams[1], 2)
        os.chdir(cwd)
        sys.argv = ["panel", *words]
        if die:
            real = duckdb.connect
            duckdb.connect = lambda *words, **more: _DiesAtDetach(real(*words, **more))
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # as Python itself shows it
        import traceback

        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _call(name: str, *words: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _unshare() -> dict[str, Any]:
    user, group = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return {}


def _mount(path: str, flags: int, options: str) -> dict[str, Any]:
    _call("mount", b"tmpfs", path.encode(), b"tmpfs", flags, options.encode())
    return {}


OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "do": _do,
    "start": _start,
    "kill": _kill,
    "unshare": _unshare,
    "mount": _mount,
}


# The tests' side of it.


@dataclass
class Done:
    """What a command did; code -9: it was killed."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


_ADDRESS = re.compile(r"^http://\S+:\d+(?=/?$)", re.MULTILINE)


@dataclass
class Server:
    """Runs commands of the program in children of one process."""

    process: subprocess.Popen[str]
    cwd: Path = field(default_factory=Path)
    orders: int = 0

    def order(self, op: str, **words: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.orders += 1
        order = {"op": op, "number": self.orders, **words}
        print(json.dumps(order), file=self.process.stdin, flush=True)
        while answer := self.process.stdout.readline():
            number, done = json.loads(answer)
            if number == self.orders:  # else of a test that did not wait for it
                return dict(done)
        raise AssertionError("the server of the tests has died")

    def __call__(
        self,
        *words: str,
        kill_after: float | None = None,
        die_at_close: bool = False,
        die_at: int | None = None,
    ) -> Done:
        done = self.order(
            "do",
            cwd=str(self.cwd),
            words=words,
            log=os.environ[guard.LOG],
            kill_after=kill_after,
            die_at_close=die_at_close,
            die_at=die_at,
        )
        return Done(**done)

    @contextmanager
    def running(self, *words: str, **env: str) -> Iterator[str]:
        """Start a command that serves, give its address to the block, and kill it then."""
        log = os.environ[guard.LOG]
        begun = self.order("start", cwd=str(self.cwd), words=words, log=log, env=env)
        said = Path(begun["said"])
        try:
            wait_until(lambda: _ADDRESS.search(said.read_text()))
            yield _ADDRESS.findall(said.read_text())[0]
        finally:
            code = self.order("kill", process=begun["process"])["code"]
            text = said.read_text()
            said.unlink()
        assert code == -signal.SIGKILL and "Traceback" not in text, text

    def rows(self, query: str) -> list[dict[str, Any]]:
        done = self("sql", "--format", "json", query)
        assert done.code == 0, done.err
        return list(json.loads(done.out))

    def inside(self, path: Path) -> Path:
        """Return where the mounts of the server's own can be reached from here."""
        return Path(f"/proc/{self.process.pid}/root{path}")

    def mount(self, path: Path, options: str, flags: int = 0) -> None:
        path.mkdir(exist_ok=True)
        done = self.order("mount", path=str(path), flags=flags, options=options)
        assert not done, done


@contextmanager
def serving() -> Iterator[Server]:
    path = os.pathsep.join([str(GUARD), str(ROOT / "src"), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.test_guarantees"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def one_server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def one_disk() -> Iterator[tuple[Server, str | None]]:
    with serving() as running:
        yield running, running.order("unshare").get("refused")


@pytest.fixture
def server(one_server: Server, mocked: Space) -> Server:
    """Return the server, its commands called in the mocked workspace."""
    one_server.cwd = mocked.root
    return one_server


@pytest.fixture
def disk(one_disk: tuple[Server, str | None], mocked: Space) -> Server:
    """Return a server that may mount disks of its own; skips where that is not permitted."""
    running, refused = one_disk
    if refused:
        pytest.skip(f"no mount namespace of one's own on this machine: {refused}")
    running.cwd = mocked.root
    return running


Question = tuple[tuple[str, str], ...]  # the messages of a request: they name its cell


@dataclass
class Journaled:
    """What whole lines of the journals say."""

    attempts: list[str] = field(default_factory=list)
    verdicts: dict[str, Question] = field(default_factory=dict)  # by fingerprint
    twice: list[str] = field(default_factory=list)  # fingerprints with more than one verdict


def journaled(runs: Path) -> Journaled:
    found = Journaled()
    for folder in sorted({file.parent for file in runs.glob("*/attempts.jsonl*")}):
        messages: dict[str, tuple[str, str]] = {}
        with open_journal(folder / "attempts.jsonl") as journal:  # a large one is compressed
            written = journal.read()
        for raw in written.split(b"\n")[:-1]:
            line = json.loads(raw)
            if line["kind"] == "message":
                messages[line["message"]] = (line["role"], line["content"])
            if line["kind"] != "attempt":
                continue
            found.attempts.append(line["attempt_id"])
            if line["outcome"] == "verdict":
                if line["fingerprint"] in found.verdicts:
                    found.twice.append(line["fingerprint"])
                question = tuple(messages[one] for one in line["messages"])
                found.verdicts[line["fingerprint"]] = question
    return found


def asked(mock: MockEndpoint) -> Counter[Question]:
    bodies = (request["body"] for request in mock.requests if request["body"])
    return Counter(tuple((m["role"], m["content"]) for m in body["messages"]) for body in bodies)


STORED = """
SELECT (SELECT coalesce(list(attempt_id), []) FROM attempts) AS attempts,
       (SELECT coalesce(list(fingerprint), []) FROM verdicts WHERE outcome = 'verdict') AS verdicts
"""


def holds(server: Server, runs: Path) -> Journaled:
    """Check what the next command finds: every whole line of a journal, once, and no more."""
    kept = journaled(runs)
    [stored] = server.rows(STORED)
    assert sorted(stored["attempts"]) == sorted(kept.attempts)
    assert sorted(stored["verdicts"]) == sorted(kept.verdicts)
    assert not kept.twice
    return kept


def one_line(done: Done) -> str:
    """Return the error a command ended with, which is one line and no traceback."""
    lines = [line for line in done.err.splitlines() if not line.startswith("Asking ")]
    assert len(lines) == 1 and lines[0].startswith("panel: "), done.err
    return lines[0]


# Kills.


@pytest.mark.slow
@pytest.mark.parametrize("case", range(CASES))
def test_kill_9_at_any_moment_loses_no_reply_that_was_written(
    case: int, mocked: Space, mock: MockEndpoint, server: Server, tmp_path: Path
) -> None:
    """After every kill all whole lines are stored once, and no answered cell is asked again."""
    seed = int(os.environ.get("PANEL_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"case {case}: PANEL_TEST_SEED={seed}")
    chance, delays = random.Random(seed), random.Random(seed + 1)
    mock.face = lambda _index, _body: Answer(delay=delays.uniform(0.001, 0.03))
    for number in range(8):
        mocked.tool(f"tool-{number}")
    cells = PERSONAS * len(mocked.tools)
    kills = in_ingest = amid = spaces = kept_replies = lost = most_lost = 0
    server.cwd, began = shutil.copytree(mocked.root, tmp_path / "unharmed"), time.monotonic()
    assert server("run", "--json").code == 0
    scale = time.monotonic() - began  # of the moments of kills; it follows the machine
    while kills < KILLS:
        spaces += 1
        server.cwd = shutil.copytree(mocked.root, tmp_path / f"space-{spaces}")
        runs = server.cwd / "runs"
        mock.requests.clear()
        settled: dict[Question, int] = {}  # how often it had been asked when its verdict was kept
        before, asked_before = 0, 0
        while len(settled) < cells:
            writing = chance.random() < 0.2
            reading_in = chance.choice((("sql", "SELECT 1"), ("rebuild",)))
            words = reading_in if writing else ("run", "--json")
            delay = chance.uniform(0, 0.1) if writing else scale * chance.uniform(0.4, 1)
            done = server(*words, kill_after=delay if kills < KILLS else None)
            kills, in_ingest = kills + done.killed, in_ingest + (done.killed and writing)
            assert done.killed or done.code == 0, (done, delay)
            wait_until(lambda: not mock.transports)  # what was sent has arrived
            kept = holds(server, runs)
            counts = asked(mock)
            assert all(counts[question] == count for question, count in settled.items())
            for question in kept.verdicts.values():
                settled.setdefault(question, counts[question])
            gone = counts.total() - asked_before - (len(kept.attempts) - before)
            assert 0 <= gone <= (WORKERS if done.killed else 0), (gone, delay)
            lost, most_lost = lost + gone, max(most_lost, gone)
            new, before = len(kept.attempts) - before, len(kept.attempts)
            asked_before = counts.total()
            if not writing:
                amid += done.killed and new + gone > 0
                scale *= 0.5 if not done.killed else 1 if new else 1.15
        kept_replies += before
        assert before == cells == len(counts)
    print(
        f"case {case}: {kills} kills ({amid} of them amid asking, {in_ingest} in sql or rebuild) "
        f"in {spaces} workspaces, {kept_replies} replies written and 0 of them lost, "
        f"0 cells asked after their verdict was written, {lost} requests "
        f"repeated, at most {most_lost} for one kill"
    )


@pytest.mark.slow
def test_a_kill_between_commit_and_close_leaves_a_log_that_the_next_command_takes_up(
    mocked: Space, mock: MockEndpoint, server: Server
) -> None:
    assert server("plan").code == 0  # makes the database
    assert server("run", "--json", die_at_close=True).killed
    runs = mocked.root / "runs"
    assert (runs / "panel.duckdb.wal").stat().st_size > 0
    assert len(holds(server, runs).verdicts) == 2 * PERSONAS
    assert json.loads(server("run", "--json").out)["reused"] == mock.asked == 2 * PERSONAS


# Power cuts.


@pytest.mark.slow
def test_a_last_line_cut_at_any_byte_is_left_alone_and_the_rest_is_there(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """At every byte of an attempt's line: the line counts once it is whole, not before."""
    mock.face = lambda _index, body: Answer(body=reply_for(body))
    assert panel("run", "--tool", "anvil", cwd=mocked.root).code == 0
    [journal] = mocked.journals
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"kind":"attempt"' in line)
    head, line = b"".join(lines[:last]), lines[last]
    journal.write_bytes(head)
    runs = mocked.root / "runs"
    (runs / "panel.duckdb").unlink()
    assert ingest(runs).lines == last
    for cut in range(len(line)):  # what an ingest asks of a journal, at each byte
        journal.write_bytes(head + line[:cut])
        assert list(read_lines(journal, len(head))) == [], cut
    for cut in (*range(0, len(line), len(line) // 20), len(line) - 1):  # the ingest itself
        journal.write_bytes(head + line[:cut])
        assert ingest(runs) == Ingested(0, 0), cut
    for cut in (1, len(line) // 2, len(line) - 1):
        journal.write_bytes(head + line[:cut])
        query = ("sql", "--format", "json", "SELECT count(*) AS n FROM attempts")
        shown = panel(*query, cwd=mocked.root)
        assert (shown.code, json.loads(shown.out)) == (0, [{"n": PERSONAS - 1}]), shown.err
    asked_before = mock.asked
    ran = json.loads(panel("run", "--json", "--tool", "anvil", cwd=mocked.root).out)
    assert (ran["reused"], ran["asked"], mock.asked - asked_before) == (PERSONAS - 1, 1, 1)
    print(f"cut at each of {len(line):,} bytes")


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("tail", [b"\0" * 4096, b'\xff\xfe{"kind":', b"\0\n\n[1]\n{}\n\xc3("])
def test_garbage_after_the_last_line_hides_nothing(
    mocked: Space, mock: MockEndpoint, panel: Panel, tail: bytes
) -> None:
    """As a file system leaves it: zeros, foreign bytes, lines that are no records."""
    assert panel("run", "--tool", "anvil", cwd=mocked.root).code == 0
    [journal] = mocked.journals
    with journal.open("ab") as handle:
        handle.write(tail)
    query = ("sql", "--format", "json", "SELECT count(*) AS n FROM verdicts")
    for words in (query, ("rebuild",), query):
        done = panel(*words, cwd=mocked.root)
        assert done.code == 0, done.err
        assert words[0] == "rebuild" or json.loads(done.out) == [{"n": PERSONAS}]
    ran = json.loads(panel("run", "--json", cwd=mocked.root).out)
    assert (ran["reused"], ran["verdicts"], mock.asked) == (PERSONAS, PERSONAS, 2 * PERSONAS)


@pytest.mark.slow
def test_a_journal_shorter_than_what_was_read_of_it_is_said_and_rebuild_takes_it(
    mocked: Space, panel: Panel
) -> None:
    """Only a disk that lies about fsync does that; the cells that were lost are asked again."""
    assert panel("run", "--tool", "anvil", cwd=mocked.root).code == 0
    [journal] = mocked.journals
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"kind":"attempt"' in line)
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:100])
    done = panel("run", cwd=mocked.root)
    assert done.code == ExitCode.USAGE and "panel rebuild" in one_line(Done(2, "", done.err))
    assert panel("rebuild", cwd=mocked.root).code == 0
    ran = json.loads(panel("run", "--json", cwd=mocked.root).out)
    assert (ran["reused"], ran["verdicts"]) == (PERSONAS - 1, PERSONAS + 1)


# Disks.


@pytest.mark.sample(2)
@pytest.mark.parametrize("room", [16, 200, 900, 2700])
def test_a_full_disk_is_one_line_and_with_room_again_the_run_goes_on(
    mocked: Space, mock: MockEndpoint, disk: Server, room: int
) -> None:
    """With so many KiB free beside an empty database: for no reply, for some, for no ingest."""
    for number in range(4):
        mocked.tool(f"tool-{number}")
    cells = PERSONAS * len(mocked.tools)
    mock.face = lambda _index, body: Answer(body={**reply_for(body), "padding": "x" * 100_000})
    runs = mocked.root / "runs"
    disk.mount(runs, "size=16m")
    assert disk("plan").code == 0
    inside = disk.inside(runs)
    used = sum(file.stat().st_blocks * 512 for file in inside.rglob("*") if file.is_file())
    disk.mount(runs, f"size={used // 1024 + room}k", MS_REMOUNT)
    done = disk("run", "--json")
    wait_until(lambda: not mock.transports)
    said = one_line(done)
    assert done.code == ExitCode.USAGE and "Traceback" not in done.err
    kept = journaled(inside)
    print(f"{room} KiB free: {len(kept.attempts)} of {mock.asked} replies written; {said}")
    assert mock.asked <= len(kept.attempts) + 2 * WORKERS, "it does not go on asking"
    questions = asked(mock)
    disk.mount(runs, "size=64m", MS_REMOUNT)
    assert holds(disk, inside) == kept
    again = disk("run", "--json")
    assert again.code == 0, again.err
    summary = json.loads(again.out)
    assert (summary["reused"], summary["asked"]) == (len(kept.verdicts), cells - len(kept.verdicts))
    assert set(kept.verdicts) <= set(holds(disk, inside).verdicts)
    after = asked(mock)
    assert all(after[question] == questions[question] for question in kept.verdicts.values())
    assert len(journaled(inside).verdicts) == cells


@pytest.mark.slow
@pytest.mark.parametrize("made", [False, True])
def test_a_read_only_folder_is_one_line_and_nothing_is_asked(
    mocked: Space, mock: MockEndpoint, disk: Server, made: bool
) -> None:
    """Whether or not the database has been made before."""
    runs = mocked.root / "runs"
    disk.mount(runs, "size=16m")
    if made:
        assert disk("plan").code == 0
    disk.mount(runs, "size=16m", MS_REMOUNT | MS_RDONLY)
    done = disk("run", "--json")
    print(one_line(done))
    assert done.code == ExitCode.USAGE and os.strerror(errno.EROFS) in one_line(done)
    assert mock.requests == []
    disk.mount(runs, "size=16m", MS_REMOUNT)
    assert disk("run", "--json").code == 0
    assert len(holds(disk, disk.inside(runs)).verdicts) == 2 * PERSONAS


@pytest.mark.slow
def test_after_a_failed_write_every_message_shown_is_still_in_the_journal(
    mocked: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch, panel: Panel
) -> None:
    """Smaller replies may still fit after it; they do not refer to what was cut away."""
    for number in range(4):
        mocked.tool(f"tool-{number}")
    delays = random.Random(4)
    mock.face = lambda _index, _body: Answer(delay=delays.uniform(0, 0.02))
    real, calls = JournalWriter.append, [0]

    def append(self: JournalWriter, lines: bytes) -> None:
        calls[0] += 1
        if calls[0] == fails:
            raise JournalError("No space left on device.")
        real(self, lines)

    monkeypatch.setattr(JournalWriter, "append", append)
    missing = []
    for fails in range(3, 8):
        calls[0] = 0
        shutil.rmtree(mocked.root / "runs", ignore_errors=True)
        assert panel("run", cwd=mocked.root).code == ExitCode.USAGE
        [journal] = mocked.journals
        lines = [line.fields or {} for line in read_lines(journal)]
        known = {line["message"] for line in lines if line["kind"] == "message"}
        shown = {one for line in lines if line["kind"] == "attempt" for one in line["messages"]}
        missing += [(fails, one) for one in shown - known]
    assert missing == []


# Others at the same time.


@contextmanager
def started(space: Space, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process in the workspace; kill it at the end if need be."""
    with subprocess.Popen(
        [sys.executable, *words],
        cwd=space.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


RUN = ("-m", "panel", "run", "--json")


@pytest.mark.slow
def test_a_second_run_of_a_model_says_so_and_asks_nothing(
    mocked: Space, mock: MockEndpoint, server: Server
) -> None:
    mock.delay = 1.0
    with started(mocked, *RUN) as first:
        wait_until(lambda: mock.asked)
        second = server("run", "--json")
        assert second.code == ExitCode.BUSY and "another run is asking" in one_line(second)
        mock.delay = 0
        out, err = first.communicate(timeout=30)
    assert first.returncode == 0, err
    assert json.loads(out)["verdicts"] == 2 * PERSONAS
    assert set(asked(mock).values()) == {1} and mock.asked == 2 * PERSONAS
    holds(server, mocked.root / "runs")


@pytest.mark.long
def test_runs_of_different_models_at_once_both_finish(
    mocked: Space, mock: MockEndpoint, server: Server
) -> None:
    mock.delay = 0.2
    with (
        started(mocked, *RUN, "--model", "mock-1") as first,
        started(mocked, *RUN, "--model", "mock-2") as second,
    ):
        ends = [process.communicate(timeout=60) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), ends
    counts = server.rows("SELECT model, count(*) AS n FROM verdicts GROUP BY ALL ORDER BY model")
    assert counts == [{"model": f"mock-{n}", "n": 2 * PERSONAS} for n in (1, 2)]
    assert set(asked(mock).values()) == {2}, "each model is asked each question once"
    holds(server, mocked.root / "runs")


NOTEBOOK = """
import duckdb, sys
store = duckdb.connect("runs/panel.duckdb", read_only=True)
print(store.execute("SELECT count(*) FROM verdicts").fetchall(), flush=True)
sys.stdin.read()
"""


@pytest.mark.long
def test_a_notebook_that_holds_the_database_keeps_no_reply_from_being_written(
    mocked: Space, mock: MockEndpoint, server: Server
) -> None:
    """The run waits for it, says so and ends well, and the next command has everything."""
    assert server("plan").code == 0
    with started(mocked, "-c", NOTEBOOK) as notebook:
        assert notebook.stdout and notebook.stdout.readline() == "[(0,)]\n"
        done = server("run", "--json")
        assert done.code == ExitCode.OK
        assert f"process {notebook.pid}" in done.err and "has every answer" in done.err
        assert json.loads(done.out)["verdicts"] == 2 * PERSONAS
        kept = journaled(mocked.root / "runs")
        assert len(kept.verdicts) == mock.asked == 2 * PERSONAS
        notebook.communicate("")
    assert holds(server, mocked.root / "runs") == kept
    again = json.loads(server("run", "--json").out)
    assert (again["reused"], again["asked"], mock.asked) == (2 * PERSONAS, 0, 2 * PERSONAS)


# Damaged databases.


def _random(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(MIB))


def _scribbled(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.seek(3 * 4096)  # behind DuckDB's headers
        handle.write(random.Random(2).randbytes(file.stat().st_size - 3 * 4096))


def _cut_to(share: float) -> Callable[[Path], None]:
    return lambda file: os.truncate(file, int(file.stat().st_size * share))


DAMAGE = {
    "random bytes": _random,
    "scribbled over": _scribbled,
    "zero bytes": _cut_to(0),
    "cut in its header": _cut_to(0.0001),
    "cut to a tenth": _cut_to(0.1),
    "cut in half": _cut_to(0.5),
    "cut to nine tenths": _cut_to(0.9),
}


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_made_again_or_is_one_line_and_nothing_is_lost(
    mocked: Space, mock: MockEndpoint, server: Server, damage: str
) -> None:
    """Made again where it cannot be opened; one line where a query finds the damage."""
    query = ("sql", "--format", "json", "FROM attempts ORDER BY attempt_id")
    assert server("run", "--json").code == 0
    file, runs = mocked.root / "runs" / "panel.duckdb", mocked.root / "runs"
    rows = server(*query).out
    DAMAGE[damage](file)
    for words in (query, ("run", "--json")):
        done = server(*words)
        print(f"{damage}, {words[0]}: {done.code} {done.err}")
        if done.code:
            assert done.code == ExitCode.USAGE and "panel rebuild" in one_line(done)
        else:
            assert words[0] == "run" or done.out == rows
            assert sum("made again" in line for line in done.err.splitlines()) <= 1
    assert server("rebuild").code == 0
    assert server(*query).out == rows
    assert len(holds(server, runs).verdicts) == mock.asked == 2 * PERSONAS


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("wal", ["deleted", "foreign", "of another", "cut"])
def test_a_log_of_the_database_that_is_not_its_own_is_no_loss(
    mocked: Space, mock: MockEndpoint, server: Server, wal: str, tmp_path: Path
) -> None:
    """It works, or it is one line and rebuild gives all back: nothing is silently missing."""
    runs = mocked.root / "runs"
    file, log = runs / "panel.duckdb", runs / "panel.duckdb.wal"
    assert server("run", "--json", "--tool", "anvil").code == 0
    aside = tmp_path / "aside"
    file.rename(aside)
    assert server("run", "--json").code == 0
    file.unlink()
    aside.rename(file)  # now a journal is new, and the kill comes while it is read in
    assert server("sql", "SELECT 1", die_at_close=True).killed
    assert log.stat().st_size > 0
    if wal == "deleted":
        log.unlink()
    elif wal == "foreign":
        log.write_bytes(random.Random(3).randbytes(5000))
    elif wal == "cut":
        os.truncate(log, log.stat().st_size // 2)
    else:
        other = tmp_path / "other.duckdb"
        script = (
            "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
            "c.execute('CREATE TABLE t AS FROM range(9)'); os._exit(0)"
        )
        subprocess.run([sys.executable, "-c", script, str(other)], check=True)
        shutil.copy(other.with_name("other.duckdb.wal"), log)
    first = server("sql", "SELECT 1")
    print(f"{wal}: {first.code} {first.err}")
    if first.code:
        assert first.code == ExitCode.USAGE and "panel rebuild" in one_line(first)
        assert server("rebuild").code == 0
    assert len(holds(server, runs).verdicts) == mock.asked == 2 * PERSONAS


if __name__ == "__main__":
    _serve()
