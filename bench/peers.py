"""Other clients of an endpoint, each in an environment of its own below .cache/bench/.

    python -m bench.peers [PEER ...]

Installs those named (all of them where none is) in the versions that stand here, and says which
are there. `python -m bench.overhead --peers` measures them. Exit code 1: one could not be
installed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.clients.answer import IN_FLIGHT, Answer, questions
from bench.gateways import install, version_of
from bench.measuring import CACHE, REPOSITORY, tell
from bench.servers import Failed

CLIENTS = REPOSITORY / "bench" / "clients"
# promptfoo wants a newer node than many machines have; npm has the program itself, too.
NODE = f"node-{sys.platform}-{'arm64' if platform.machine() in ('arm64', 'aarch64') else 'x64'}"
OPENAI = "openai==3.54.0"  # some need it beside them, and do not ask for it
PLENTY = str(10**9)


@dataclass(frozen=True, slots=True)
class Work:
    """What a client is to do: so many questions to an endpoint, in a folder.

    texts: the file that ``bench.clients.answer.questions`` reads.
    """

    folder: Path
    base_url: str
    cells: int
    texts: Path


@dataclass(frozen=True, slots=True)
class Client:
    """Whatever asks the questions.

    package: what is installed for it, by pip or npm, in words for ``bench.gateways.install``;
    its first word is the client's own. command: asks them all, in the work's folder. start: what
    it takes to start. answers: counts the answers that it has read, given its stdout. prepare:
    makes the folder ready, before anything is measured. most: how many questions are enough.
    more: questions that it may ask besides, to find out about the endpoint. fields: those of the
    JSON that it asks for in its own words. variables: of its environment. keeps: whether a second
    run need not ask again.
    """

    command: Callable[[Work], list[str]]
    start: list[str]
    answers: Callable[[Work, str], int]
    package: tuple[str, str] = ("", "")
    prepare: Callable[[Work], None] = lambda _work: None
    most: int = 1_000_000
    more: int = 0
    fields: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    keeps: bool = True


def told(_work: Work, output: str) -> int:
    """Return the count in the last line of a program of bench/clients/."""
    return int(json.loads(output.strip().splitlines()[-1])["answers"])


def asking(python: str | Path, program: str, *first: str) -> Callable[[Work], list[str]]:
    """Return how a program of bench/clients/ is called."""

    def command(work: Work) -> list[str]:
        words = [*first, work.base_url, str(work.cells), str(work.texts)]
        return [str(python), str(CLIENTS / program), *words]

    return command


def home(name: str) -> Path:
    """Return the folder of a peer's environment."""
    return CACHE / name


def in_python(package: str, program: str, start: list[str], **more: object) -> Client:
    """Return a peer that is a package of Python."""
    binaries = home(package.split("==", maxsplit=1)[0]) / "venv" / "bin"
    return Client(
        asking(binaries / "python", program),
        [str(binaries / start[0]), *start[1:]],
        told,
        ("pip", package),
        **more,  # type: ignore[arg-type]
    )


# ---- promptfoo ---------------------------------------------------------------------------


def promptfoo(*words: str) -> list[str]:
    """Return a call of promptfoo."""
    modules = home("promptfoo") / "node_modules"
    entry = modules / "promptfoo" / "dist" / "src" / "entrypoint.js"
    return [str(modules / NODE / "bin" / "node"), str(entry), *words]


def evaluating(_work: Work) -> list[str]:
    """Return the call that asks every question of the configuration."""
    words = ("eval", "-c", "promptfooconfig.json", "-j", str(IN_FLIGHT), "-o", "out.json")
    return promptfoo(*words, "--no-progress-bar", "--no-table")


def configuration(work: Work) -> None:
    """Write the configuration: a test for each question, an answer checked by its schema."""
    schema = Answer.model_json_schema()
    form = {"name": "verdict", "strict": True, "schema": schema}
    messages = [
        {"role": "system", "content": "{{rules}}"},
        {"role": "user", "content": "{{question}}"},
    ]
    settings = {
        "apiBaseUrl": work.base_url,
        "apiKey": "mock",
        "temperature": 0.7,
        "max_tokens": 1500,
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    whole = {
        "prompts": [json.dumps(messages)],
        "providers": [{"id": "openai:chat:mock-1", "config": settings}],
        "defaultTest": {"assert": [{"type": "is-json", "value": schema}]},
        "tests": [
            {"vars": {"rules": rules, "question": question}}
            for rules, question in questions(work.texts, work.cells)
        ],
    }
    (work.folder / "promptfooconfig.json").write_text(json.dumps(whole))


def passed(work: Work, _output: str) -> int:
    """Return how many answers were what the schema wants."""
    written = json.loads((work.folder / "out.json").read_text())
    return int(written["results"]["stats"]["successes"])


# curator counts tokens with a table that it would download; litellm brings it along.
TOKENS = home("bespokelabs-curator") / "venv" / "lib" / f"python3.{sys.version_info.minor}"
TOKENS = TOKENS / "site-packages" / "litellm" / "litellm_core_utils" / "tokenizers"
PEERS = {
    "inspect-ai": in_python(
        f"inspect-ai==0.3.285 {OPENAI}", "inspect_ai_task.py", ["inspect", "--help"]
    ),
    "promptfoo": Client(
        evaluating,
        promptfoo("--help"),
        passed,
        ("npm", f"promptfoo@0.123.1 {NODE}@22.23.3"),
        configuration,
        variables={
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
        },
    ),
    "bespokelabs-curator": in_python(
        "bespokelabs-curator==0.1.31",
        "curator_dataset.py",
        ["python", "-c", "import bespokelabs.curator"],
        more=4,
        variables={
            "TELEMETRY_ENABLED": "false",
            "CURATOR_DISABLE_RICH_DISPLAY": "1",
            "TIKTOKEN_CACHE_DIR": str(TOKENS),
        },
    ),
    "edsl": in_python(
        f"edsl==1.0.9 {OPENAI}",
        "edsl_survey.py",
        ["edsl", "--help"],
        most=400,
        fields=",".join(Answer.model_fields),
        variables={
            "EDSL_MAX_CONCURRENT_TASKS": str(IN_FLIGHT),
            "EDSL_SERVICE_RPM_OPENAI_COMPATIBLE": PLENTY,
            "EDSL_SERVICE_TPM_OPENAI_COMPATIBLE": PLENTY,
            "OPENAI_COMPATIBLE_API_KEY": "mock",
        },
    ),
}


def missing(names: list[str]) -> dict[str, str]:
    """Install those that are not there; returns why some could not be."""
    failed = {}
    for name in names:
        try:
            install(*PEERS[name].package, home(name))
        except Failed as reason:
            failed[name] = f"it could not be installed: {reason}"
            tell(f"{name}: {failed[name]}")
    return failed


def main() -> int:
    """Install what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    names = parser.parse_args().peers or list(PEERS)
    if unknown := set(names) - set(PEERS):
        parser.error(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    failed = missing(names)
    for name in names:
        if name not in failed:
            print(f"{version_of(*PEERS[name].package)} in {home(name)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
