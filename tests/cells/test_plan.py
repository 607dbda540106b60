"""What is asked, in which order, and why."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from panel.cells.cells import Cell, CellKey, Inputs, ModelIdentity, Target, identify
from panel.cells.plan import REASONS, Asked, Known, make_plan
from panel.cells.shared import request_sampling
from panel.errors import UsageError
from panel.hashing import content_hash
from panel.workspace.endpoint_settings import Sampling
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import load_workspace
from tests.support.large_catalogs import many_tools
from tests.support.sizes import size
from tests.support.space import Space, edit

ENDPOINT = Endpoint("mock", None, "http://127.0.0.1:9/v1", "mock-1")


def cells_of(space: Space, endpoint: Endpoint = ENDPOINT, repeats: int = 1) -> list[Cell]:
    workspace = load_workspace(space.root)
    model = identify(endpoint, None)
    return Target(workspace.prompts, endpoint, model, workspace.tools, workspace.personas).lay_out(
        repeats
    )


def prints(cells: list[Cell]) -> dict[CellKey, str]:
    return {cell.key: cell.fingerprint for cell in cells}


def answered(cells: list[Cell], outcome: str | None = "verdict") -> dict[CellKey, Known]:
    settled = outcome in ("verdict", "abstain")
    return {
        cell.key: Known(
            Asked(cell.fingerprint, outcome, cell.inputs),
            (cell.fingerprint,) if settled else (),
        )
        for cell in cells
    }


def add(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


EDITS: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "one word of a description": (
        lambda root: edit(root / "tools/anvil.md", "reads JSON", "eats JSON"),
        "description changed",
        4,
    ),
    "a persona's voice": (
        lambda root: add(root / "personas/skeptic.md", "\nBe terse.\n"),
        "persona changed",
        2,
    ),
    "one word of a beat": (
        lambda root: edit(
            root / "personas/skeptic.md", "One scenario in which", "A scenario in which"
        ),
        "persona changed",
        2,
    ),
    "one word of a template": (
        lambda root: add(root / "prompts/review.md.j2", "\nWeigh it.\n"),
        "template changed",
        8,
    ),
    "the panel's language": (
        lambda root: edit(root / "panel.toml", "[panel]\n", '[panel]\nlanguage = "fr"\n'),
        "settings changed",
        8,
    ),
    "the present month": (
        lambda root: edit(root / "panel.toml", "[panel]\n", '[panel]\nas_of = "2026-11"\n'),
        "settings changed",
        8,
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_asks_again_exactly_where_the_rendered_text_changed(
    space: Space, name: str
) -> None:
    change, reason, many = EDITS[name]
    known = answered(cells_of(space))
    change(space.root)
    plan = make_plan(cells_of(space), known)
    assert plan.reasons() == {reason: many}
    assert (plan.reused, plan.cells, plan.adopted) == (8 - many, 8, [])


def test_a_changed_persona_makes_only_its_own_cells_pending(space: Space) -> None:
    known = answered(cells_of(space))
    EDITS["a persona's voice"][0](space.root)
    pending = make_plan(cells_of(space), known).pending
    assert {cell.persona.id for cell, _reason in pending} == {"skeptic"}


QUIET = {
    "a comment in a template": lambda root: edit(
        root / "prompts/system.md.j2", "", "{# for editors #}"
    ),
    "a comment in front matter": lambda root: edit(
        root / "personas/builder.md", "---\n", "---\n# for editors\n"
    ),
    "a comment in panel.toml": lambda root: (root / "panel.toml").write_text("# nothing\n"),
    "the day a price was checked": lambda root: edit(
        root / "tools/anvil.md", "  entry: Free\n", "  entry: Free\n  verified: 2026-11-01\n"
    ),
    "a persona's place in the panel": lambda root: edit(
        root / "personas/skeptic.md", "order: 2", "order: 9"
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_the_model_does_not_see_asks_nothing_again(space: Space, name: str) -> None:
    before = prints(cells_of(space))
    QUIET[name](space.root)
    assert prints(cells_of(space)) == before


@pytest.mark.parametrize(
    "endpoint",
    [
        replace(ENDPOINT, concurrency=99),
        replace(ENDPOINT, timeout_seconds=1),
        replace(ENDPOINT, attempts=9),
        replace(ENDPOINT, base_url="http://127.0.0.1:10/v1", api_key_env="OTHER"),
        replace(ENDPOINT, context=999, threads=3),
    ],
    ids=["concurrency", "timeout", "attempts", "address and key", "context and threads"],
)
def test_operational_knobs_stay_out_of_the_fingerprint(space: Space, endpoint: Endpoint) -> None:
    assert prints(cells_of(space, endpoint)) == prints(cells_of(space))


@pytest.mark.parametrize(
    "endpoint",
    [
        replace(ENDPOINT, sampling=Sampling(temperature=0.1)),
        replace(ENDPOINT, sampling=Sampling(extra={"min_p": 0.1})),
        replace(ENDPOINT, model="mock-2"),
        replace(ENDPOINT, name="other"),
        replace(ENDPOINT, profile="extractive"),
    ],
    ids=["temperature", "extra", "model", "endpoint", "profile"],
)
def test_whatever_shapes_an_answer_is_in_every_fingerprint(
    space: Space, endpoint: Endpoint
) -> None:
    before, after = prints(cells_of(space)), prints(cells_of(space, endpoint))
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_another_digest_of_the_weights_is_another_model(space: Space) -> None:
    workspace = load_workspace(space.root)

    def under(digest: str | None) -> set[str]:
        model = identify(ENDPOINT, digest)
        made = Target(
            workspace.prompts, ENDPOINT, model, workspace.tools, workspace.personas
        ).lay_out(1)
        return set(prints(made).values())

    assert not under("sha256:aa") & under("sha256:bb")
    assert not under("sha256:aa") & under(None)


def test_changed_sampling_is_named_as_settings_changed(space: Space) -> None:
    warm = replace(ENDPOINT, sampling=Sampling(temperature=0.9))
    plan = make_plan(cells_of(space, warm), answered(cells_of(space)))
    assert plan.reasons() == {"settings changed": 8}


@pytest.mark.parametrize(
    ("outcome", "reasons"),
    [
        ("verdict", {}),
        ("abstain", {}),
        ("error", {"previous error": 8}),
        (None, {"unfinished": 8}),
    ],
)
def test_answers_and_abstentions_are_reused_and_the_rest_asked_again(
    space: Space, outcome: str | None, reasons: dict[str, int]
) -> None:
    cells = cells_of(space)
    assert make_plan(cells, answered(cells, outcome)).reasons() == reasons


def test_an_empty_store_makes_every_cell_new(space: Space) -> None:
    plan = make_plan(cells_of(space, repeats=3), {})
    assert plan.reasons() == {"new": 24} and plan.cells == 24


def test_reasons_are_counted_in_one_fixed_order(space: Space) -> None:
    cells = cells_of(space)
    known = answered(cells[:2], "error") | answered(cells[2:4], None)
    assert list(make_plan(cells, known).reasons()) == ["new", "previous error", "unfinished"]
    assert set(make_plan(cells, known).reasons()) <= set(REASONS)


def test_a_text_changed_back_takes_its_old_answer_and_is_adopted(space: Space) -> None:
    first = cells_of(space)
    EDITS["a persona's voice"][0](space.root)
    second = {cell.key: cell for cell in cells_of(space)}
    known = {
        cell.key: Known(
            Asked(second[cell.key].fingerprint, "verdict", second[cell.key].inputs),
            frozenset([cell.fingerprint, second[cell.key].fingerprint]),
        )
        for cell in first
    }
    plan = make_plan(first, known)
    assert (plan.pending, plan.reused) == ([], 8)
    assert {cell.persona.id for cell in plan.adopted} == {"skeptic"} and len(plan.adopted) == 2


def test_a_repeat_is_a_cell_of_its_own(space: Space) -> None:
    cells = cells_of(space, repeats=3)
    assert len({cell.fingerprint for cell in cells}) == len({cell.key for cell in cells}) == 24
    plan = make_plan(cells, answered([cell for cell in cells if cell.repeat == 1]))
    assert plan.reused == 8 and {cell.repeat for cell, _ in plan.pending} == {2, 3}


def test_a_fixed_seed_moves_on_with_the_repeat() -> None:
    endpoint = replace(ENDPOINT, sampling=Sampling(seed=7), seed_field="random_seed")
    assert [request_sampling(endpoint, n)["random_seed"] for n in (1, 2, 3)] == [7, 8, 9]


def test_sampling_goes_out_under_the_endpoints_own_names() -> None:
    sampling = Sampling(temperature=0.2, top_p=0.9, max_tokens=99, extra={"min_p": 0.1})
    endpoint = replace(ENDPOINT, sampling=sampling, max_tokens_field="max_completion_tokens")
    assert request_sampling(endpoint, 1) == {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_completion_tokens": 99,
        "min_p": 0.1,
    }
    assert request_sampling(ENDPOINT, 1) == {}


def test_fingerprints_do_not_move_between_two_readings(space: Space) -> None:
    assert cells_of(space, repeats=2) == cells_of(space, repeats=2)
    assert all(cell.fingerprint.startswith("b2:") for cell in cells_of(space))


@pytest.mark.parametrize("profile", ["standard", "extractive"])
def test_a_fingerprint_is_the_hash_of_all_that_is_shown_when_it_is_asked(
    space: Space, profile: str
) -> None:
    for cell in cells_of(space, replace(ENDPOINT, profile=profile), repeats=2):
        model = [cell.model.endpoint, cell.model.model, cell.model.digest]
        shown = [cell.messages, cell.schema, model, cell.sampling, cell.repeat]
        assert content_hash(shown) == cell.fingerprint
        assert cell.prompt_characters == sum(len(text) for _role, text in cell.messages)


def test_a_template_that_changes_while_a_run_goes_on_changes_no_question_of_it(
    space: Space,
) -> None:
    included = space.root / "prompts" / "more.md.j2"
    included.write_text("As it was planned.")
    add(space.root / "prompts" / "review.md.j2", '{% include "more.md.j2" %}')
    cells = cells_of(space)
    planned = [cell.messages for cell in cells]
    included.write_text("As it was edited.")
    fresh = [replace(c, prompts=replace(c.prompts, _systems={}, _reviews={})) for c in cells]
    assert [cell.messages for cell in fresh] == planned


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["standard", "extractive"])
def test_ten_thousand_tools_are_planned_in_megabytes(space: Space, profile: str) -> None:
    """40,000 cells share what they can, and hold none of the text that is asked."""
    count = size(1000, 10_000)
    endpoint = replace(ENDPOINT, profile=profile)  # type: ignore[arg-type]
    workspace = load_workspace(space.root)
    tools, model = many_tools(count), identify(ENDPOINT, None)
    fewer = Target(workspace.prompts, endpoint, model, tools[:300], workspace.personas)
    assert len(fewer.lay_out(1)) == 1200  # what is kept of the latest tools is kept of these
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cells = replace(fewer, tools=tools).lay_out(1)
    plan = make_plan(cells, answered(cells[::2]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * count  # KB
    assert (len(plan.pending), plan.reused) == (2 * count, 2 * count)


def test_a_plan_of_more_cells_than_fit_into_memory_is_refused(space: Space) -> None:
    """A table of 4,000 tools and [ci] repeats = 1000 are 67 kB."""
    workspace, model = load_workspace(space.root), identify(ENDPOINT, None)
    tools = many_tools(1001)
    target = Target(workspace.prompts, ENDPOINT, model, tools, workspace.personas)
    with pytest.raises(UsageError, match=r"are 4,004,000 cells; the most is 4,000,000"):
        target.lay_out(1000)


def test_a_model_is_named_by_endpoint_model_and_the_digests_beginning() -> None:
    assert str(ModelIdentity("lab", "m-1")) == "lab/m-1"
    assert str(ModelIdentity("lab", "m-1", "sha256:" + "a" * 64)) == "lab/m-1@sha256:" + "a" * 12


def test_inputs_tell_apart_what_went_into_a_cell(space: Space) -> None:
    cells = cells_of(space)
    assert len({cell.inputs for cell in cells}) == 8
    assert len({cell.inputs.templates_digest for cell in cells}) == 1
    assert isinstance(cells[0].inputs, Inputs)


def test_a_model_that_picks_is_asked_anew_where_a_sentence_has_changed(space: Space) -> None:
    """Its choices are in the question, and a persona's part of it stays what it was."""
    picking = replace(ENDPOINT, profile="extractive")
    before = cells_of(space, picking)
    assert {cell.inputs.profile for cell in before} == {"extractive"}
    assert {cell.inputs.profile for cell in cells_of(space)} == {None}
    edit(space.root / "tools/anvil.md", "Anvil", "This Anvil")
    plan = make_plan(cells_of(space, picking), answered(before))
    assert plan.reasons() == {"description changed": 4}
