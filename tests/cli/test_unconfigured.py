"""A workspace without an endpoint: what asks finds a server, what reads takes the last model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import panel as panel_api
from panel.decisions import Pair
from tests.support.desk_session import desk_open
from tests.support.git_repository import git, repository
from tests.support.local_servers import Ollama, listed
from tests.support.mcp_client import session_here
from tests.support.mock_endpoint import MockEndpoint
from tests.support.processes import Child
from tests.support.space import Panel, Space, edit

PAIR: Pair = ("anvil", "builder")
NOTHING = "[panel]\n"


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ollama]:
    """Start an Ollama with one model, where OLLAMA_HOST says; no other server is to be found."""
    with Ollama() as server:
        monkeypatch.delenv("CI")
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def bare(space: Space) -> Space:
    """Make a workspace whose panel.toml names no endpoint."""
    space.settings(NOTHING)
    return space


def test_a_new_workspace_asks_the_ollama_that_runs(
    tmp_path: Path, child: Child, ollama: Ollama
) -> None:
    assert child("init", "x", cwd=tmp_path).returncode == 0
    root = tmp_path / "x"
    tool = ("--tool", "codestral-2-0")
    first = child("run", *tool, "--json", cwd=root)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["verdicts"] == ollama.asked == 4
    assert f"Found mistral-small of Ollama 0.12.9 at {ollama.base_url}" in first.stderr
    seen = ollama.seen
    for reads in (
        ("show", "codestral-2-0"),
        ("lint", "--fail-on", "never"),
        ("publish", "out", "--drafts"),
        ("compare", "codestral-2-0", "mistral-8x22b-instruct-v2"),
        ("freeze",),
        ("export", "--format", "csv"),
    ):
        done = child(*reads, cwd=root)
        assert done.returncode == 0 or reads[0] in ("lint", "export"), (reads, done.stderr)
        assert "Traceback" not in done.stderr
    assert ollama.seen == seen, "what only reads looks at no server"
    again = child("run", *tool, cwd=root)
    assert "Nothing asked: 4 of 4 cells reused" in again.stdout
    settings = root / "panel.toml"
    kept = settings.read_text() + '\n[endpoints.ollama]\nmodel = "mistral-small"\n'
    assert settings.read_text() in kept
    settings.write_text(kept)
    later = child("run", *tool, cwd=root)
    assert "Nothing asked: 4 of 4 cells reused" in later.stdout, "the same cells, once configured"
    assert "found on this machine" not in later.stderr


@pytest.mark.slow
def test_a_run_says_what_comes_next_and_a_plan_that_it_asks_nothing(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    for words in (("plan",), ("run", "--dry-run"), ("run", "--tool", "nosuch")):
        done = panel(*words, cwd=bare.root)
        assert "Found mistral-small" in done.err and "Asking" not in done.err
    assert "paid" not in panel("plan", cwd=bare.root).out
    ran = panel("run", "--tool", "anvil", cwd=bare.root)
    assert ran.err.endswith("Next: 'panel show', then 'panel desk'.\n")
    assert "Next" not in panel("run", "--tool", "bellows", "--json", cwd=bare.root).err


def test_a_model_that_is_not_there_is_a_mistake_in_the_command(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    """With and without --endpoint it is exit 2, and nothing speaks of an address that is right."""
    for words in ((), ("--endpoint", "ollama")):
        done = panel("run", *words, "--model", "nosuch", cwd=bare.root)
        assert done.code == 2 and "mistral-small" in done.err and "/v1" not in done.err
    assert not ollama.asked


def test_nothing_is_said_to_be_asked_of_a_model_whose_weights_are_missing(
    bare: Space, panel: Panel, ollama: Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "nothing"))
    for words in (("--model", "ministral-3-3b"), ("--endpoint", "embedded")):
        done = panel("run", *words, cwd=bare.root)
        assert done.code == 3 and "is not on this machine" in done.err
        assert "Asking" not in done.err and len(done.err.splitlines()) == 1
    assert not bare.journals


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("compare", "anvil", "bellows"),
        ("lint",),
        ("publish", "out"),
        ("freeze",),
        ("show", "--model", "m"),
        ("check", "--frozen"),
    ],
)
def test_what_reads_says_that_no_run_was_made(
    bare: Space, panel: Panel, ollama: Ollama, words: tuple[str, ...]
) -> None:
    done = panel(*words, cwd=bare.root)
    assert done.code == 2 and not ollama.connections
    assert "was made yet, and no endpoint is configured. Begin with 'panel run'" in done.err


@pytest.mark.slow
def test_what_reads_takes_the_model_that_was_asked_last(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    for model in ("first", "second"):
        ollama.models = {model: ("completion",)}
        assert panel("run", "--tool", "anvil", cwd=bare.root).code == 0
    assert "ollama/second" in panel("show", "anvil", cwd=bare.root).out
    for words in (("--model", "first"), ("--endpoint", "ollama", "--model", "first:latest")):
        assert "ollama/first" in panel("show", "anvil", *words, cwd=bare.root).out
    assert "ollama/second" in panel("show", "anvil", "--endpoint", "ollama", cwd=bare.root).out
    unknown = panel("show", "--model", "third", cwd=bare.root)
    assert unknown.code == 2 and "no run of the model 'third' was made yet" in unknown.err


@pytest.mark.slow
def test_an_answer_goes_before_a_later_error(bare: Space, panel: Panel, ollama: Ollama) -> None:
    assert panel("run", "--tool", "anvil", cwd=bare.root).code == 0
    down = ("--endpoint", "vllm", "--model", "m")
    assert panel("run", "--tool", "anvil", *down, cwd=bare.root).code == 3
    assert "ollama/mistral-small" in panel("show", "anvil", cwd=bare.root).out


def test_a_check_of_frozen_verdicts_takes_the_model_on_file(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    assert panel("run", cwd=bare.root).code == 0
    assert panel("freeze", cwd=bare.root).code == 0
    seen = ollama.seen
    done = panel("check", "--frozen", "--json", cwd=bare.root)
    assert (done.code, json.loads(done.out)["model"]) == (0, "ollama/mistral-small")
    assert ollama.seen == seen


def test_a_branch_is_compared_by_the_model_that_is_asked_now(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    panel("run", cwd=bare.root)
    panel("freeze", cwd=bare.root)
    repository(bare.root)
    git(bare.root, "switch", "-qc", "mine")
    edit(bare.root / "tools/anvil.md", "reads JSON", "eats JSON")
    done = panel("plan", "--changed", "--since", "main", "--json", cwd=bare.root)
    pending = json.loads(done.out)["pending_cells"]
    assert {cell["tool"] for cell in pending} == {"anvil"} and len(pending) == 4


@pytest.mark.parametrize(
    "words",
    [
        ("plan",),
        ("run",),
        ("batch", "export"),
        ("canary",),
        ("probe", "injection", "--plan"),
        ("probabilities",),
        ("doctor",),
        ("doctor", "--model", "m"),
        ("experiment", "plan", "order"),
        ("experiment", "run", "order"),
        ("batch", "export", "--experiment", "order"),
    ],
)
def test_whatever_asks_may_be_told_to_look_for_no_server(
    bare: Space, panel: Panel, ollama: Ollama, words: tuple[str, ...]
) -> None:
    order(bare)
    done = panel(*words, "--no-detect", cwd=bare.root)
    assert (done.code, done.out) == (2, "")
    assert "no endpoint is configured, and --no-detect is given" in done.err
    assert not ollama.connections


def order(space: Space) -> None:
    """Write an experiment of two arms that name no endpoint, one of them with an overlay."""
    folder = space.root / "experiments"
    (folder / "loud").mkdir(parents=True)
    (folder / "loud" / "anvil.md").write_text(
        (space.root / "tools/anvil.md").read_text().replace("Parquet", "Parquet!")
    )
    (folder / "order.toml").write_text(
        'question = "Does it matter?"\n[arms.house]\n[arms.loud]\ntools = "loud"\n'
    )


@pytest.mark.slow
def test_the_arms_of_an_experiment_ask_the_server_that_runs(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    order(bare)
    assert panel("check", cwd=bare.root).code == 0
    assert not ollama.connections, "a check asks nobody"
    plan = json.loads(panel("experiment", "plan", "order", "--json", cwd=bare.root).out)
    assert {arm["model_identity"] for arm in plan["arms"]} == {"ollama/mistral-small"}
    done = panel("experiment", "run", "order", cwd=bare.root)
    assert done.code == 0 and ollama.asked == 12, done.err
    seen = ollama.seen
    assert panel("experiment", "report", "order", cwd=bare.root).code == 0
    assert ollama.seen == seen


@pytest.mark.slow
def test_a_batch_is_written_for_the_server_that_runs(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    done = panel("plan", "--json", cwd=bare.root)
    assert json.loads(done.out)["model"] == "ollama/mistral-small"
    assert panel("probe", "injection", "--plan", "--json", cwd=bare.root).code in (0, 2)
    assert ollama.asked == 0


def test_several_models_are_a_table_of_what_was_typed(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    ollama.models = {"a": ("completion",), "b": ("completion",), "e": ("embedding",)}
    done = panel("run", "--tool", "an vil", cwd=bare.root)
    assert (done.code, done.out) == (2, "")
    lines = [line.split("  ")[-1] for line in done.err.splitlines()]
    assert lines[1:] == [
        f"panel run --tool 'an vil' --endpoint ollama --model {model}" for model in ("a", "b")
    ]
    order(bare)
    done = panel("experiment", "run", "order", cwd=bare.root)
    assert "panel setup --yes --endpoint ollama --model a" in done.err
    assert panel("run", "--tool", "anvil", "--model", "b", cwd=bare.root).code == 0


def test_without_a_server_the_ways_on_are_said(
    bare: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI")
    for words in (("run",), ("plan", "--json"), ("doctor",)):
        done = panel(*words, cwd=bare.root)
        assert (done.code, done.out) == (2, "")
        assert "no model to ask was found on this machine (ports 11434, 1234, " in done.err
        assert "panel run --endpoint embedded" in done.err


def test_any_endpoint_of_panel_toml_keeps_the_ports_alone(
    bare: Space, panel: Panel, ollama: Ollama, mock: MockEndpoint
) -> None:
    bare.settings(f'[endpoints.lab]\nbase_url = "{mock.base_url}"\nmodel = "mock-1"\n')
    assert panel("run", "--tool", "anvil", cwd=bare.root).code == 0
    assert mock.asked == 4 and not ollama.connections


@pytest.mark.parametrize(
    "line", ["api_key_env = 'LAB_KEY'", "headers = {X-A = 'b'}", "headers_env = {X-A = 'LAB_KEY'}"]
)
def test_no_key_and_no_header_goes_to_a_server_that_was_only_found(
    bare: Space, panel: Panel, ollama: Ollama, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("LAB_KEY", "sk-Very5ecretValue")
    bare.settings(f"[endpoints.ollama]\n{line}\n")
    done = panel("run", cwd=bare.root)
    assert done.code == 2 and "names no model" in done.err
    assert not ollama.connections


def test_the_doctor_says_what_it_has_not_measured_and_what_does(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    """Without a model only the server is looked at; nothing is said of what nobody asked."""
    told = " ".join(panel("doctor", "--endpoint", "ollama", cwd=bare.root).out.split())
    assert "keeps to a form not measured" in told and "token counts not measured" in told
    assert "problem" not in told
    assert "not measured no model was named, so only the server was looked at." in told
    assert "'panel doctor --endpoint ollama --model mistral-small:latest'" in told
    assert "can bound calls" not in told and "answer took" not in told and not ollama.asked


def test_the_doctor_lists_what_runs_and_asks_only_what_is_in_memory(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    done = panel("doctor", cwd=bare.root)
    assert done.code == 0 and "mistral-small" in done.out and "not asked" in done.out
    assert "This asks all the same: 'panel doctor --model mistral-small'." in done.err
    assert '[endpoints.ollama]\n    model = "mistral-small"' in done.err
    assert ollama.asked == 0
    ollama.models["qwen3:8b"] = ("completion",)
    ollama.loaded = ["qwen3:8b"]
    [server] = json.loads(panel("doctor", "--json", cwd=bare.root).out)["servers"]
    assert (server["server"], server["version"], server["endpoint"]) == (
        *("Ollama", "0.12.9", "ollama"),
    )
    assert [(each["name"], each["loaded"], each["context"]) for each in server["models"]] == [
        ("mistral-small", False, None),
        ("qwen3:8b", True, 8192),
    ]
    assert (server["model_asked"], server["structured_output"]) == ("qwen3:8b", "enforced")
    assert {each["body"]["model"] for each in ollama.requests if "chat" in each["path"]} == {
        "qwen3:8b"
    }
    several = panel("doctor", cwd=bare.root)
    assert several.code == 0 and "panel run --endpoint ollama --model qwen3:8b" in several.err


def test_the_doctor_looks_closer_at_a_model_that_is_named(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    done = panel("doctor", "--model", "mistral-small:latest", "--json", cwd=bare.root)
    found = json.loads(done.out)
    assert (found["endpoint"], found["model"]) == ("ollama", "mistral-small")


@pytest.mark.slow
def test_the_desk_asks_again_where_the_model_runs(
    bare: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI")
    page = listed({"id": "m", "owned_by": "llamacpp"})
    with MockEndpoint(pages={"/v1/models": page}) as server:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
        assert panel("run", "--tool", "anvil", cwd=bare.root).code == 0
        with desk_open(bare.root) as session:
            session.decide(*PAIR, action="ask_again", note="Look again.")
            assert session.desk.asker.wait(30)
            told = session.desk.asker.on(PAIR)
        assert told is not None and told.state == "done", told
        assert server.asked == 5


def test_a_plan_for_an_mcp_client_is_of_the_model_that_was_asked_last(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    """It looks at no port, where `panel plan` would look."""
    assert panel("run", "--tool", "anvil", cwd=bare.root).code == 0
    seen = ollama.seen
    with session_here(bare.root) as session:
        plan = session.call("plan_run")
    assert (plan["model"], plan["reused"], plan["reasons"]) == (
        *("ollama/mistral-small", 4),
        {"new": 4},
    )
    assert ollama.seen == seen


def test_a_notebook_finds_the_server_too(bare: Space, ollama: Ollama) -> None:
    workspace = panel_api.Workspace.load(bare.root)

    async def within_a_loop() -> None:
        assert workspace.plan().model == "ollama/mistral-small"
        assert workspace.run(tools=["anvil"]).verdicts == 4

    asyncio.run(within_a_loop())
    seen = ollama.seen
    [card] = workspace.scorecards(tools=["anvil"])
    assert (card.model, ollama.seen) == ("ollama/mistral-small", seen)


def test_the_doctor_speaks_to_somebody_who_has_never_seen_one(
    space: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """Each row says in plain words what it is about; a value of the JSON stands in none alone."""
    space.point_at(mock)
    shown = panel("doctor", cwd=space.root).out
    for said in (
        "not recognised; any that speaks OpenAI's API will do",
        "the server does not say what fits; yours takes about ",
        "keeps to a form   yes: the server holds the model to the form",
        "json_schema: the schema goes along with each request",
        "answers stand in  the reply",
        "problem           none",
    ):
        assert said in shown
