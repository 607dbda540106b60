"""Which frozen verdicts hold: stale, missing and orphaned, for the reasons that `plan` gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from panel.cells.cells import Target, cells_by_pair, identify
from panel.frozen.files import FOLDER, encode_frozen, read_frozen
from panel.frozen.integrity import with_digest
from panel.frozen.publish import publish
from panel.frozen.staleness import StaleEntry, frozen_repeats, orphaned, stale_entries
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from tests.support.faces import always
from tests.support.frozen_verdicts import freeze, status
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.runs import pending, run
from tests.support.space import Space, edit
from tests.support.templates import Make, everything_frozen

Edit = Callable[[Path], None]


@pytest.fixture
def frozen(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace of two tools, asked and frozen."""
    return copied(everything_frozen)


def add(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def prepend(file: Path, text: str) -> None:
    file.write_text(text + file.read_text(encoding="utf-8"), encoding="utf-8")


def pairs(found: list[StaleEntry]) -> list[tuple[str, str | None, str, str]]:
    return [(each.tool, each.persona, each.status, each.reason) for each in found]


EDITS: dict[str, tuple[Edit, int, str]] = {
    "a word of a description": (
        lambda root: edit(root / "tools/anvil.md", "reads JSON", "eats JSON"),
        4,
        "description changed",
    ),
    "a tagline": (
        lambda root: edit(root / "tools/bellows.md", "Blows air", "Blows hot air"),
        4,
        "description changed",
    ),
    "a price": (
        lambda root: edit(root / "tools/anvil.md", "entry: Free", "entry: $9 a month"),
        4,
        "description changed",
    ),
    "a persona's voice": (
        lambda root: add(root / "personas/skeptic.md", "\nBe terse.\n"),
        2,
        "persona changed",
    ),
    "a word of a template": (
        lambda root: add(root / "prompts/review.md.j2", "\nWeigh it.\n"),
        8,
        "template changed",
    ),
    "the temperature": (
        lambda root: add(root / "panel.toml", "[sampling]\ntemperature = 0.1\n"),
        8,
        "settings changed",
    ),
    "the model": (
        lambda root: edit(root / "panel.toml", '"mock-1"', '"mock-2"'),
        8,
        "model changed",
    ),
    "a description and a persona": (
        lambda root: (
            edit(root / "tools/anvil.md", "reads JSON", "eats JSON"),
            add(root / "personas/skeptic.md", "\nBe terse.\n"),
            None,
        )[-1],
        5,
        "description changed",
    ),
}


@pytest.mark.slow
@pytest.mark.sample(4)
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_makes_stale_what_a_run_would_ask_and_for_the_same_reasons(
    frozen: Space, name: str
) -> None:
    change, many, reason = EDITS[name]
    assert status(frozen) == [] and pending(frozen) == []
    change(frozen.root)
    found = status(frozen)
    assert {each.status for each in found} == {"stale"} and len(found) == many
    assert reason in {each.reason for each in found}
    planned = {(tool, persona): why for tool, persona, _repeat, why in pending(frozen)}
    assert planned == {(each.tool, each.persona): each.reason for each in found}


QUIET: dict[str, Edit] = {
    "the day a price was checked": lambda root: edit(
        root / "tools/anvil.md", "  entry: Free\n", "  entry: Free\n  verified: 2026-11-01\n"
    ),
    "a comment in a template": lambda root: prepend(
        root / "prompts/review.md.j2", "{#- A note to ourselves. -#}\n"
    ),
    "a comment in front matter": lambda root: edit(
        root / "personas/builder.md", "---\n", "---\n# for editors\n"
    ),
    "a timeout and attempts": lambda root: add(
        root / "panel.toml", "[limits]\nattempts = 7\ntimeout_seconds = 9\n"
    ),
    "the concurrency": lambda root: edit(root / "panel.toml", "concurrency = 4", "concurrency = 9"),
    "the prices": lambda root: add(
        root / "panel.toml", "[endpoints.mock.prices]\nprompt = 1\ncompletion = 1\n"
    ),
    "how often CI asks": lambda root: add(
        root / "panel.toml", '[ci]\nrepeats = 5\ncanaries = ["anvil"]\n'
    ),
    "the repair's wording": lambda root: add(root / "prompts/repair.md.j2", "\nDo it now.\n"),
    "a persona's place": lambda root: edit(root / "personas/skeptic.md", "order: 2", "order: 9"),
    "line ends": lambda root: (
        (root / "tools/anvil.md").write_bytes(
            (root / "tools/anvil.md").read_bytes().replace(b"\n", b"\r\n")
        )
        and None
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_an_edit_that_no_model_sees_makes_nothing_stale(frozen: Space, name: str) -> None:
    before = {file: file.read_bytes() for file in frozen.root.rglob("*") if file.is_file()}
    QUIET[name](frozen.root)
    assert any(file.read_bytes() != text for file, text in before.items()), "an edit was made"
    assert status(frozen) == []


def test_a_text_changed_back_holds_again(frozen: Space) -> None:
    file = frozen.root / "tools/anvil.md"
    before = file.read_text()
    edit(file, "reads JSON", "eats JSON")
    assert len(status(frozen)) == 4
    file.write_text(before)
    assert status(frozen) == []


def test_without_any_file_everything_is_missing(mocked: Space) -> None:
    found = status(mocked)
    assert {(each.status, each.reason) for each in found} == {("missing", "new")}
    order = [persona.id for persona in load_workspace(mocked.root).personas]
    assert [(each.tool, each.persona) for each in found] == [
        (tool, persona) for tool in ("anvil", "bellows") for persona in order
    ]


def test_a_new_tool_is_missing_and_one_that_is_gone_is_orphaned(frozen: Space) -> None:
    frozen.tool("crucible")
    (frozen.root / "tools/anvil.md").unlink()
    found = pairs(status(frozen))
    assert [each[:3] for each in found[:4]] == [
        ("crucible", persona.id, "missing") for persona in load_workspace(frozen.root).personas
    ]
    assert found[4:] == [("anvil", None, "orphaned", "the tool is gone")]


def test_a_persona_taken_off_the_panel_is_orphaned_on_every_tool(frozen: Space) -> None:
    edit(
        frozen.root / "panel.toml",
        "[panel]\n",
        '[panel]\npersonas = ["builder", "futurist", "business-analyst"]\n',
    )
    assert pairs(status(frozen)) == [
        (tool, "skeptic", "orphaned", "not on the panel") for tool in ("anvil", "bellows")
    ]


def test_a_new_persona_is_missing_on_every_tool(frozen: Space) -> None:
    source = (frozen.root / "personas/skeptic.md").read_text()
    (frozen.root / "personas/cynic.md").write_text(source.replace("name: Skeptic", "name: Cynic"))
    assert [each[:3] for each in pairs(status(frozen))] == [
        ("anvil", "cynic", "missing"),
        ("bellows", "cynic", "missing"),
    ]


def test_an_error_is_no_answer_and_so_its_pair_is_missing(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = lambda _index, body: (
        Answer(413, "too large") if "anvil" in body["messages"][-1]["content"] else None
    )
    run(mocked)
    freeze(mocked)
    assert {each[0::2] for each in pairs(status(mocked))} == {("anvil", "missing")}


def test_an_abstention_is_an_answer_and_holds(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = always(None)
    run(mocked)
    freeze(mocked)
    assert status(mocked) == []


def test_every_repeat_on_file_has_to_hold_and_none_beyond(frozen: Space) -> None:
    run(frozen, repeats=3, tools=["anvil"])
    assert status(frozen) == [], "repeats in the store alone are no reason"
    freeze(frozen)
    verdicts = read_frozen(frozen.root / FOLDER)
    assert frozen_repeats(verdicts) == {"anvil": 3, "bellows": 1}
    assert status(frozen) == []
    tool = verdicts["anvil"]
    builder = tool.personas["builder"]
    last = replace(builder.answers[2], fingerprint="b2:" + "0" * 32)
    last = replace(last, digest=last.content_digest())
    old = with_digest(publish((*builder.answers[:2], last), None))
    tool = tool.model_copy(update={"personas": tool.personas | {"builder": old}})
    (frozen.root / FOLDER / "anvil.json").write_text(encode_frozen(tool))
    found = status(frozen)
    assert [(each.tool, each.persona, each.status) for each in found] == [
        ("anvil", "builder", "stale")
    ]


def test_a_middle_repeat_alone_is_compared_with_its_own_cell(frozen: Space) -> None:
    """As where the first repeat ended in an error."""
    run(frozen, repeats=3)
    freeze(frozen)
    tool = read_frozen(frozen.root / FOLDER)["anvil"]
    builder = tool.personas["builder"]
    one = with_digest(publish(builder.answers[1:2], None))
    tool = tool.model_copy(update={"personas": tool.personas | {"builder": one}})
    (frozen.root / FOLDER / "anvil.json").write_text(encode_frozen(tool))
    assert status(frozen) == []


def test_cells_are_laid_out_as_often_as_their_tool_was_asked(mocked: Space) -> None:
    workspace = load_workspace(mocked.root)
    endpoint = resolve_endpoint(workspace.settings, workspace.root)
    model = identify(endpoint, None)
    target = Target(workspace.prompts, endpoint, model, workspace.tools, workspace.personas)
    cells = cells_by_pair(target.lay_out_each({"anvil": 3}))
    assert {len(repeats) for (tool, _), repeats in cells.items() if tool == "anvil"} == {3}
    assert {len(repeats) for (tool, _), repeats in cells.items() if tool == "bellows"} == {1}
    assert {cell.fingerprint for now in cells.values() for cell in now.values()} == {
        cell.fingerprint
        for many, tools in ((3, workspace.tools[:1]), (1, workspace.tools[1:]))
        for cell in replace(target, tools=tools).lay_out(many)
    }
    assert stale_entries(replace(target, tools=[]), {}) == []
    assert orphaned(workspace.tools, workspace.personas, {}) == []
