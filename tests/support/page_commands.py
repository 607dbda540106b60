"""The commands of the pages, and a shell that runs them as a reader would.

A block whose commands stand behind ``$ `` also shows what they print, where ``...`` is anything. A
block in which some line begins with one of the programs below holds a command on each line.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

RUN = {"cd", "cp", "echo", "export", "git", "mkdir", "mv", "panel", "python", "rm", "sed"}
RUN |= {"cat", "ls", "seq"}
# Programs whose lines are not run → why.
NOT_RUN = {
    "pip": "takes packages from an index",
    "pipx": "takes packages from an index",
    "uv": "takes packages from an index",
    "python3": "makes an environment for them",
    "~/panel/bin/python": "takes packages from an index",
    "~/panel/bin/panel": "is in that environment",
    "docker": "wants a daemon",
    "make": "is about the whole repository; that the target is there is a test of its own",
    ".venv/bin/python": "runs tests of this repository, which run by themselves",
    "marimo": "is a notebook in a browser",
    "ollama": "is a server with a model",
    "vllm": "is a server with a model",
    "sbatch": "wants a cluster",
    "parallel": "is a program that need not be here",
    "rsync": "is a program that need not be here",
}
KEYS = ("LAB_API_KEY", "MISTRAL_API_KEY", "OPENAI_API_KEY")  # that the pages name
CODE = ("", "sh", "console", "bash")  # languages of blocks with commands
SERVERS = ("desk", "serve")  # commands that go on until they are ended

_PROGRAM = re.compile(r"(?:[A-Z][A-Z_]*=\S+ )*([\w./~-]+)")


Lines = list[tuple[int, str]]  # number in the page, text


def program(line: str) -> str:
    """Return the program that a line calls."""
    found = _PROGRAM.match(line)
    return found[1] if found else ""


@dataclass(frozen=True)
class Command:
    """One command of a page, below a heading.

    shown: what the page says that it prints, None where it says nothing.
    """

    page: str
    heading: str
    line: int
    text: str
    shown: str | None = None

    @property
    def program(self) -> str:
        """The program that it calls."""
        return program(self.text)

    @property
    def serves(self) -> bool:
        """Whether it goes on until it is ended."""
        return self.text.startswith(tuple(f"panel {name}" for name in SERVERS))

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def commands(page: str, text: str) -> Iterator[Command]:
    """Give the commands of a page, from its first line to its last."""
    heading, tokens = "", MarkdownIt("commonmark").enable("table").parse(text)
    for before, token in itertools.pairwise(tokens):
        if before.type == "heading_open":
            heading = token.content
        if token.type in ("fence", "code_block") and token.info in CODE:
            first = (token.map or [0])[0] + (2 if token.type == "fence" else 1)
            lines = _joined(enumerate(token.content.splitlines(), first))
            session = any(line.startswith("$ ") for _number, line in lines)
            for number, line, shown in (_session if session else _listed)(lines):
                yield Command(page, heading, number, line, shown)


def _joined(lines: Iterable[tuple[int, str]]) -> Lines:
    """Put lines that end in a backslash together with what they go on with."""
    joined: Lines = []
    for number, line in lines:
        if joined and joined[-1][1].endswith("\\"):
            joined[-1] = (joined[-1][0], joined[-1][1][:-1] + line.strip())
        else:
            joined.append((number, line))
    return joined


def _session(lines: Lines) -> Iterator[tuple[int, str, str | None]]:
    starts = [place for place, (_number, line) in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        number, line = lines[start]
        shown = "\n".join(line for _number, line in lines[start + 1 : end])
        yield number, line.removeprefix("$ "), shown.strip() or None


def _listed(lines: Lines) -> Iterator[tuple[int, str, str | None]]:
    written = [(number, line.strip()) for number, line in lines]
    if any(program(line) in {*RUN, *NOT_RUN} for _number, line in written):
        for number, line in written:
            if line and not line.startswith("#"):
                yield number, line, None


def as_shown(shown: str, printed: str) -> bool:
    """Whether what was printed is what a page shows, in which ``...`` stands for anything."""
    parts = re.split(r"\s*\.\.\.\s*", _plain(shown))
    place, text = 0, _plain(printed)
    for number, part in enumerate(parts):
        found = text.find(part, place) if number else (0 if text.startswith(part) else -1)
        if found < 0:
            return False
        place = found + len(part)
    return not parts[-1] or text.endswith(parts[-1])


def _plain(text: str) -> str:
    """Leave out what is never the same: spaces at the ends of lines, and how long it took."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\b\d+(?:\.\d+)? s\b", "N s", re.sub(r"(127\.0\.0\.1):\d+", r"\1:N", lines))


@dataclass
class Shell:
    """A shell whose folder and variables go on from one command to the next."""

    folder: Path
    environment: dict[str, str]
    meanwhile: Callable[[Command], None] = lambda _command: None  # while a server runs

    def __post_init__(self) -> None:
        self.state = Path(tempfile.mkdtemp(dir=self.folder.parent)) / "state"
        self.state.write_text(f"cd {shlex.quote(str(self.folder))}\n", encoding="utf-8")

    @property
    def where(self) -> Path:
        """The folder that the shell is in."""
        return Path(self._bash(f". {shlex.quote(str(self.state))}; pwd").stdout.strip())

    def run(self, command: Command) -> tuple[int, str]:
        """Run a command; returns its exit code and what it printed, on stdout and stderr."""
        if command.serves:
            return self._serve(command)
        state = shlex.quote(str(self.state))
        script = f". {state}\n{command.text}\n{{ export -p; echo \"cd '$PWD'\"; }} >{state}"
        done = self._bash(script)
        return done.returncode, done.stdout

    def must(self, script: str) -> None:
        """Run commands that are to succeed."""
        done = self._bash(f". {shlex.quote(str(self.state))}\n{script}")
        assert done.returncode == 0, f"{script}\n{done.stdout}"

    def _bash(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=120, check=False,
        )  # fmt: skip

    def _serve(self, command: Command) -> tuple[int, str]:
        """Start it on a free port, do what an editor or a reader does meanwhile, end it."""
        words = shlex.split(command.text, comments=True)[1:]
        if "--port" in words:
            del words[(place := words.index("--port")) : place + 2]
        with subprocess.Popen(
            [sys.executable, "-m", "panel", *words, "--port", "0"], cwd=self.where, text=True,
            env=self.environment | {"BROWSER": "true"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            assert process.stdout
            said = []
            for line in process.stdout:
                said.append(line)
                if re.search(r"http://127\.0\.0\.1:\d+", line):
                    self.meanwhile(command)
                    break
            process.send_signal(signal.SIGTERM)
            said.append(process.stdout.read())
        code = process.returncode
        return (0 if code == -signal.SIGTERM else code), "".join(said)


def page_environment(home: Path, programs: Path) -> dict[str, str]:
    """Return what a reader's shell has: the program, git with a name, no settings of ours."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{what}": "ada@example.org" if what == "EMAIL" else "Ada Byron"
           for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    git = {"GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    home.mkdir(parents=True, exist_ok=True)
    (home / "gitconfig").write_text("[user]\nname = Ada Byron\nemail = ada@example.org\n")
    keys = dict.fromkeys(KEYS, "sk-test-0123456789")
    own = {"HOME": str(home), "PATH": os.pathsep.join(path), "COLUMNS": "80"}
    return plain | who | git | keys | own
