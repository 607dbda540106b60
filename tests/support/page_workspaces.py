"""The workspaces in which the commands of the pages are run, and what readers do besides commands.

What answers is a loopback endpoint with the takes of a capable model that are kept in
tests/labelled/second/; to any other question it gives the mock's default answer.
"""

from __future__ import annotations

import csv
import functools
import json
import re
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from panel.workspace.scaffold import create
from tests.support import decision_servers
from tests.support.batch_services import BatchService, run_batch
from tests.support.editors import do
from tests.support.git_repository import repository
from tests.support.labelled_takes import FOLDER, takes
from tests.support.markdown_pages import read_page
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, usage_of
from tests.support.page_commands import Shell
from tests.support.runs import run
from tests.support.space import ROOT, Space

ONE_IN = 9  # of so many answers one is the other word
SECOND = FOLDER / "second"
# Those that pages name, and as many of one category as an experiment takes.
TOOLS = (
    *("codestral-2-0", "mistral-8x22b-instruct-v2", "patchwren", "fennmark", "thrushwire"),
    *("velvoxia", "ferrowisp", "dovetarn", "omnivantra"),
)
_MODELS = {"mock": "mock-1", "lab": "large-1", "ollama": "mistral-small", "vllm": "mock-1"}
_MODELS |= {"mistral": "codestral-latest", "openai": "gpt-5-mini"}


@functools.cache
def _recorded() -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the capable model answered, by names of tool and persona."""
    found = {}
    for one in takes("second/recorded"):
        said = one.subject
        fields = {"evidence": [*said.evidence], **said.beats, "verdict": said.verdict}
        found[said.tool.name, said.persona.name] = fields | {"verdict_confidence": 70}
    return found


def recorded_face(_index: int, body: Mapping[str, Any]) -> Answer | None:
    """Answer as the capable model did, where it was asked; mock-2 gives the default answer.

    Asked with another seed, or with its two words in another order, it now and then says the other
    one, as models do.
    """
    system, user = (str(body["messages"][at]["content"]) for at in (0, -1))
    tool = re.search(r"^Name: (.+)$", user, re.MULTILINE)
    persona = re.search(r"^# You are the (.+)$", system, re.MULTILINE)
    if tool is None or persona is None or body["model"] == "mock-2":
        return None
    known = _recorded().get((tool[1], persona[1]))
    if known is None:
        return None
    words = body["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"]
    asked = f"{tool[1]} {persona[1]} {body.get('seed')} {words}"
    if zlib.crc32(asked.encode()) % ONE_IN == 0:
        known = known | {"verdict": {"ship": "skip", "skip": "ship"}[known["verdict"]]}
    text = json.dumps(known)
    return Answer(body=completion(text, usage=usage_of(system + user, text), model=body["model"]))


def settings(mock: MockEndpoint, endpoint: str = "mock") -> str:
    """Return a panel.toml whose endpoints are the mock, those with the names of presets, too."""
    tables = (
        f'[endpoints.{name}]\nbase_url = "{mock.base_url}"\nmodel = "{model}"'
        for name, model in _MODELS.items()
    )
    return "\n".join([f'[panel]\nendpoint = "{endpoint}"\n[sampling]\nseed = 7', *tables, ""])


def house(root: Path, mock: MockEndpoint) -> None:
    """Make a workspace in git, with TOOLS, about which a model was asked twice."""
    create(root)
    shutil.rmtree(root / "tools")
    (root / "tools").mkdir()
    for slug in TOOLS:
        shutil.copy(SECOND / "tools" / f"{slug}.md", root / "tools")
    space = Space(root)
    space.settings(settings(mock))
    run(space, repeats=2)
    repository(root)


def service() -> BatchService:
    """Return the endpoint, with a batch service."""
    return BatchService(face=recorded_face)


Act = Callable[[Shell, BatchService], None]

EXPERIMENT = "docs/experiments.md"
PERSONAS = ("builder", "skeptic", "futurist", "business-analyst")


def approve(*tools: str) -> Act:
    """Approve every take on some tools, as an editor does at the desk."""

    def act(shell: Shell, _mock: BatchService) -> None:
        for tool in tools:
            for persona in PERSONAS:
                do(Space(shell.where), "approve", (tool, persona))

    return act


def write_block(page: str, language: str, name: str) -> Act:
    """Add the one block of a page in a language to the end of a file, as its reader does."""

    def act(shell: Shell, _mock: BatchService) -> None:
        blocks = read_page(ROOT / page).blocks
        [text] = (text for of, text in blocks if of == language)
        with (shell.where / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return act


def does(script: str) -> Act:
    """Do what the page tells in words, by commands."""
    return lambda shell, _mock: shell.must(script)


def in_turn(*acts: Act) -> Act:
    """Do several things, one after the other."""

    def act(shell: Shell, mock: BatchService) -> None:
        for each in acts:
            each(shell, mock)

    return act


def use_the_mock(shell: Shell, mock: BatchService) -> None:
    """Say in a workspace that is new which model it has."""
    (shell.where / "panel.toml").write_text(settings(mock, "lab"), encoding="utf-8")


def write_the_experiment(shell: Shell, _mock: BatchService) -> None:
    """Write docs/experiments.md's own example, and the text in which its arm differs."""
    [example] = (text for _, text in read_page(ROOT / EXPERIMENT).blocks if "[arms" in text)
    prompts = shell.where / "experiments" / "rubric" / "prompts"
    prompts.mkdir(parents=True)
    (prompts.parents[1] / "rubric.toml").write_text(example, encoding="utf-8")
    system = (shell.where / "prompts" / "system.md.j2").read_text(encoding="utf-8")
    (prompts / "system.md.j2").write_text(f"{system}\nBe strict.\n", encoding="utf-8")


def run_the_batch(shell: Shell, _mock: BatchService) -> None:
    """Answer the file of questions as `vllm run-batch` does."""
    [file] = (shell.where / "questions").glob("*.jsonl")
    asked = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    answered = run_batch(asked, lambda body: recorded_face(0, body) or Answer(500))
    (shell.where / "results.jsonl").write_text("\n".join(answered), encoding="utf-8")


def fill_in_the_sheet(shell: Shell, _mock: BatchService) -> None:
    """Label every question of sheet.csv."""
    file = shell.where / "sheet.csv"
    with file.open(encoding="utf-8", newline="") as sheet:
        rows = [*csv.DictReader(sheet)]
    with file.open("w", encoding="utf-8", newline="") as sheet:
        writer = csv.DictWriter(sheet, rows[0])
        writer.writeheader()
        writer.writerows(
            row | {"label": "ship" if place % 3 else "skip"} for place, row in enumerate(rows)
        )


def tell_decisions(_shell: Shell, mock: BatchService) -> None:
    """Let the endpoint answer /v1/decisions."""
    mock.decisions = decision_servers.openai(lambda _take: 0.8)
