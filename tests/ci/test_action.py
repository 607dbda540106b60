"""action.yml itself: its own scripts, in order, on a simulated GitHub runner."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.ci.markdown import MARKER
from tests.support.faces import always
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import commit, git, repository
from tests.support.github_api import REPOSITORY, Forge
from tests.support.github_runner import ACTION, STEPS, Expressions, Runner
from tests.support.mock_endpoint import MockEndpoint
from tests.support.rendered_markdown import check
from tests.support.runs import run
from tests.support.space import ROOT, Space, edit
from tests.support.templates import Make, all_ship


@pytest.fixture
def published(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a workspace of which every verdict is frozen as ship."""
    mock.face = always("ship")
    return copied(all_ship)


@pytest.fixture
def runner(
    published: Space, mock: MockEndpoint, forge: Forge, tmp_path: Path, programs: Path
) -> Runner:
    """Check out, on the branch ``work``, a repository of which every verdict is frozen as ship."""
    repository(published.root)
    origin, root = tmp_path / "origin.git", tmp_path / "checkout"
    git(tmp_path, "clone", "-q", "--bare", str(published.root), str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(root))
    git(root, "switch", "-qc", "work")
    return Runner(root, tmp_path / "runner", programs, forge)


def reword(runner: Runner) -> None:
    """Edit one description, on the branch that is checked out."""
    edit(runner.root / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(runner.root, "Say it otherwise")


def pull_request(runner: Runner, of: str = REPOSITORY, branch: str = "work") -> dict[str, Any]:
    """Return the payload of a pull request from ``branch`` to main."""
    base = git(runner.root, "rev-parse", "origin/main").strip()
    return {
        "pull_request": {
            "number": 7,
            "base": {"sha": base, "ref": "main", "repo": {"full_name": REPOSITORY}},
            "head": {"ref": branch, "repo": {"full_name": of}},
        }
    }


# What is written in action.yml


def test_no_script_holds_an_expression() -> None:
    """An expression with text from outside would run that text as a part of the script."""
    for step in STEPS:
        assert "${{" not in step.get("run", ""), step["name"]


def test_every_action_that_is_used_is_pinned_to_a_commit() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 3
    assert all(re.fullmatch(r"actions/[\w/-]+@[0-9a-f]{40}", each) for each in used)


def test_every_step_has_a_name_and_every_script_stops_at_its_first_failure() -> None:
    for step in STEPS:
        assert step["name"]
        if "run" in step:
            assert step["shell"] == "bash" and step["run"].startswith("set -euo pipefail\n")


def test_libraries_are_installed_by_their_hashes_and_never_onto_the_jobs_path() -> None:
    [install] = [step["run"] for step in STEPS if step["name"] == "Install the program"]
    first, second = re.findall(r"pip install (?:\\\n|[^\n])*", install)
    assert "--require-hashes" in first and "/requirements.txt" in first
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(second.split())
    assert not any(re.search(r"\bgit ", step.get("run", "")) for step in STEPS), "see panel-github"
    assert not any("GITHUB_PATH" in step.get("run", "") for step in STEPS)
    for step in STEPS:
        if re.search(r"\bpanel ", step.get("run", "")):
            assert step["env"]["BIN"] == "${{ steps.install.outputs.bin }}"
            assert 'PATH="${BIN:+$BIN:}$PATH"' in step["run"]


def test_no_step_has_python_take_modules_from_the_checkout(
    runner: Runner, tmp_path: Path, programs: Path
) -> None:
    """`python -m` and `-c` look into the current folder first, which holds a stranger's files."""
    [install] = [step for step in STEPS if "python" in step.get("run", "")]
    assert install["name"] == "Install the program"
    runner.bin = tmp_path / "bin"
    shutil.copytree(programs, runner.bin)
    (runner.bin / "python3").write_text(f"""#!/bin/sh
    ls -A >> {tmp_path}/beside
    echo "$@" >> {tmp_path}/calls
    if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi
    """)
    (runner.bin / "python3").chmod(0o755)
    done = runner.job("pull_request", pull_request(runner), install="true", mode="check")
    assert done.ok, done.log
    venv, *pip = (tmp_path / "calls").read_text().splitlines()
    assert venv.startswith("-m venv /") and all(each.startswith("-m pip ") for each in pip)
    assert len(pip) == 2 and (tmp_path / "beside").read_text() == ""
    assert done.outputs["bin"] == f"{venv.removeprefix('-m venv ')}/bin"


def test_every_input_is_described_and_used_and_no_other_is() -> None:
    text = (ROOT / "action.yml").read_text()
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    assert all(each["description"] and "default" in each for each in ACTION["inputs"].values())


def test_every_output_names_a_step_that_is_there() -> None:
    ids = {step["id"] for step in STEPS if "id" in step}
    named = re.findall(r"steps\.([\w-]+)\.outputs", (ROOT / "action.yml").read_text())
    assert set(named) <= ids


def test_the_token_reaches_no_step_that_asks_a_model_or_reads_the_files() -> None:
    with_token = [step["name"] for step in STEPS if "inputs.token" in str(step.get("env"))]
    assert with_token == ["Comment on the pull request", "Give the new verdicts back"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.a == 'x'", True),
        ("inputs.a == 'X' && inputs.b != ''", False),
        ("always() && inputs.none == ''", True),
        ("inputs.b || inputs.a", "x"),
        ("steps.no.outputs.such", ""),
    ],
)
def test_the_simulations_own_expressions(text: str, value: Any) -> None:
    assert Expressions({"inputs": {"a": "x", "b": ""}, "steps": {}}, True).value(text) == value


def test_a_step_after_a_failure_runs_only_if_it_says_always() -> None:
    kept = [step["name"] for step in STEPS if "always()" in step.get("if", "")]
    assert kept == ["Keep the answers", "Keep the report"]


# Pull requests


def test_a_pull_request_that_edits_one_description_asks_exactly_four_cells(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    mock.asked = 0
    done = runner.job("pull_request", pull_request(runner))
    assert done.ok, done.log
    assert mock.asked == 4 and done.outputs["asked"] == "4"
    assert done.outputs["changed"] == "true"
    assert git(runner.root, "status", "--porcelain", "-uall") == " M verdicts/anvil.json\n"
    [comment] = forge.comments
    text = check(comment["body"])
    assert comment["body"].startswith(MARKER) and comment["body"] == done.summary
    assert "4 × description changed" in text and "tools/anvil.md" in text
    assert "4 reworded" in text and "bellows" not in text
    suite = done.junit
    assert (suite.get("tests"), suite.get("failures")) == ("8", "0")
    told = {case.get("classname"): case.findtext("system-out") for case in suite}
    assert "ship reworded (description changed)" in (told["anvil"] or "")
    assert told["bellows"] == "ship, 1 of 1 ship"
    assert done.diff["inputs"]["reasons"] == {"description changed": 4}
    assert done.steps["Install the program"] == "skipped"
    used = ("Bring earlier answers back", "Keep the answers", "Keep the report")
    assert [done.steps[name] for name in used] == ["used"] * 3
    assert done.used["Keep the report"]["path"] == str(done.folder)
    assert "4 cells asked in 4 requests" in text
    assert {"report.md", "junit.xml", "diff.json", "run.json", "panel.sarif"} <= {
        file.name for file in done.folder.iterdir()
    }


@pytest.mark.long
def test_a_second_push_to_it_asks_nothing_more_and_writes_over_the_comment(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    runner.job("pull_request", pull_request(runner))
    asked, first = mock.asked, forge.comments[0]["body"]
    edit(runner.root / "tools/bellows.md", "reads JSON", "eats JSON")
    commit(runner.root)
    done = runner.job("pull_request", pull_request(runner))
    assert done.ok and mock.asked == asked + 4
    assert len(forge.comments) == 1 and forge.comments[0]["body"] != first
    assert "8 reworded" in forge.comments[0]["body"]


def test_a_no_op_makes_no_request_and_opens_no_connection(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    (runner.root / "README.md").write_text("No tool of ours.\n")
    commit(runner.root)
    before = mock.asked, mock.connections, len(mock.requests)
    done = runner.job("pull_request", pull_request(runner), fail_on="flip,stale,drift,abstain")
    assert done.ok, done.log
    assert (mock.asked, mock.connections, len(mock.requests)) == before
    assert (done.outputs["asked"], done.outputs["changed"]) == ("0", "false")
    for step in ("Bring earlier answers back", "Ask what is stale", "Freeze the verdicts"):
        assert done.steps[step] == "skipped", "the files alone say that there is nothing to ask"
    assert "no verdict differs" in check(forge.comments[0]["body"])
    assert git(runner.root, "status", "--porcelain") == ""


@pytest.mark.long
def test_a_pull_request_is_not_charged_with_what_main_has_changed_since(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    git(runner.root, "switch", "-q", "main")
    edit(runner.root / "tools/bellows.md", "reads JSON", "drinks JSON")
    commit(runner.root, "of others, not frozen")
    git(runner.root, "push", "-q", "origin", "main")
    git(runner.root, "switch", "-q", "work")
    mock.asked = 0
    done = runner.job("pull_request", pull_request(runner))
    assert done.ok and mock.asked == 4
    assert "bellows" not in check(forge.comments[0]["body"])


def test_a_fork_asks_nothing_and_says_what_is_stale(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    forge.refuse = {"POST comments": 403}
    before = mock.asked, mock.connections
    done = runner.job("pull_request", pull_request(runner, "stranger/reviews"), commit="push")
    assert done.ok, done.log
    assert (mock.asked, mock.connections) == before
    for step in ("Ask what is stale", "Freeze the verdicts", "Give the new verdicts back"):
        assert done.steps[step] == "skipped"
    for step in ("Bring earlier answers back", "Keep the answers"):
        assert done.steps[step] == "skipped", "no cache to be poisoned"
    text = check(done.summary)
    assert "4 verdicts on file do not hold: anvil × builder (description changed)" in text
    assert "::notice::A fork has no keys" in done.log
    assert "::notice::GitHub refused the comment (403)" in done.log
    assert git(runner.root, "status", "--porcelain") == ""


@pytest.mark.long
def test_a_fork_is_stopped_where_the_team_chose_so(runner: Runner, forge: Forge) -> None:
    reword(runner)
    done = runner.job("pull_request", pull_request(runner, "stranger/reviews"), fail_on="stale")
    assert not done.ok and done.steps["Stop the merge where you chose so"] == "failure"
    assert done.junit.get("failures") == "4"


def test_mode_check_is_offline_and_says_what_is_stale(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    before = mock.asked, mock.connections
    done = runner.job("pull_request", pull_request(runner), mode="check")
    assert done.ok, done.log
    assert (mock.asked, mock.connections) == before
    assert "4 verdicts on file do not hold" in check(forge.comments[0]["body"])
    done = runner.job("pull_request", pull_request(runner), mode="check", fail_on="flip, stale")
    assert not done.ok


def test_a_file_that_is_wrong_stops_the_job_before_anything_is_asked(
    runner: Runner, mock: MockEndpoint
) -> None:
    (runner.root / "tools/anvil.md").write_text("---\nnaem: Anvil\n---\nText.\n")
    commit(runner.root)
    before = mock.connections
    done = runner.job("pull_request", pull_request(runner))
    assert not done.ok and done.steps["Check the files"] == "failure"
    assert mock.connections == before and "tools/anvil.md" in done.log
    assert done.steps["Comment on the pull request"] == "skipped"


def test_a_change_shuts_its_gate_with_the_comment_already_posted(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    mock.face = always("skip")
    done = runner.job("pull_request", pull_request(runner), repeats="4", fail_on="change")
    assert not done.ok
    assert done.steps["Comment on the pull request"] == "success"
    assert done.steps["Keep the report"] == "used"
    assert done.steps["Stop the merge where you chose so"] == "failure"
    assert [name for name, state in done.steps.items() if state == "failure"] == (
        ["Stop the merge where you chose so"]
    )
    text = check(forge.comments[0]["body"])
    assert "4 verdicts changed: anvil × builder (ship → skip)" in text
    assert done.log.count("\n::error file=tools/anvil.md,line=") == 4
    assert Path(done.outputs["sarif"]).is_file()
    assert done.junit.get("failures") == "4"
    assert done.outputs["asked"] == "16"


@pytest.mark.slow
def test_an_edit_that_is_taken_back_restores_the_files_of_the_base(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    before = {file: file.read_bytes() for file in (runner.root / "verdicts").glob("*.json")}
    text = (runner.root / "tools/anvil.md").read_bytes()
    reword(runner)
    mock.face = always("skip")
    assert runner.job("pull_request", pull_request(runner), repeats="4", commit="push").ok
    assert {file: file.read_bytes() for file in before} != before
    (runner.root / "tools/anvil.md").write_bytes(text)
    commit(runner.root)
    asked = mock.asked
    done = runner.job("pull_request", pull_request(runner), fail_on="change, stale")
    assert done.ok and mock.asked == asked
    assert {file: file.read_bytes() for file in before} == before
    said = check(forge.comments[0]["body"])
    assert "no verdict differs" in said and "Nothing was asked." in said


@pytest.mark.long
def test_one_answer_of_another_mind_flips_nothing(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    mock.face = always("skip")
    done = runner.job("pull_request", pull_request(runner), fail_on="flip")
    assert done.ok, done.log
    assert "4 contested, kept as published" in check(forge.comments[0]["body"])


def test_a_budget_that_is_reached_is_an_error_and_the_report_says_what_is_left(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    mock.asked = 0
    done = runner.job("pull_request", pull_request(runner), max_calls="2")
    assert not done.ok and mock.asked == 2
    assert done.steps["Ask what is stale"] == "success", "nothing that was answered is lost"
    assert "::error::The run did not answer every cell (exit 4)" in done.log
    text = check(forge.comments[0]["body"])
    assert "stopped by its budget: 2 of 4 cells were asked, 2 were left unasked" in text
    assert "4 verdicts on file do not hold" in text, "nothing half asked is frozen"
    suite = done.junit
    assert [suite.get(name) for name in ("errors", "skipped", "failures")] == ["1", "4", "0"]
    told = {(case.get("classname"), case.get("name")): case for case in suite}
    assert told["panel", "run"].find("error") is not None
    assert told["anvil", "builder"].find("skipped") is not None
    assert told["bellows", "builder"].find("skipped") is None


@pytest.mark.slow
def test_a_missing_key_in_a_pull_request_of_ones_own_still_gives_a_report(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    """Dependabot's pull requests come from the repository itself, and get no secrets."""
    edit(
        runner.root / "panel.toml", 'model = "mock-1"', 'model = "mock-1"\napi_key_env = "LAB_KEY"'
    )
    reword(runner)
    before = mock.asked, mock.connections
    done = runner.job("pull_request", pull_request(runner))
    assert not done.ok and (mock.asked, mock.connections) == before
    assert "LAB_KEY" in done.log and "Traceback" not in done.log
    assert done.steps["Stop the merge where you chose so"] == "failure"
    text = check(forge.comments[0]["body"])
    assert "The run ended before it asked anything" in text
    assert "4 verdicts on file do not hold: anvil × builder (description changed)" in text
    assert done.junit.get("errors") == "1" and done.steps["Keep the report"] == "used"
    assert done.steps["Keep the answers"] == "skipped"
    runner.secrets["LAB_KEY"] = "sk-test"
    assert runner.job("pull_request", pull_request(runner)).ok
    assert len(forge.comments) == 1 and "4 reworded" in forge.comments[0]["body"]


@pytest.mark.slow
def test_two_workspaces_in_one_job_share_no_artifact_comment_or_cache(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    inner = runner.root / "reviews"
    parts = ("panel.toml", "personas", "prompts", "tools", "verdicts")
    for part in parts[1:]:
        shutil.copytree(runner.root / part, inner / part)
    shutil.copy(runner.root / "panel.toml", inner)
    commit(runner.root)
    git(runner.root, "push", "-q", "origin", "work:main")
    reword(runner)
    edit(inner / "tools/bellows.md", "reads JSON", "eats JSON")
    commit(runner.root)
    told = pull_request(runner)
    first = runner.job("pull_request", told)
    second = runner.step("pull_request", told, working_directory="reviews")
    assert first.ok and second.ok, second.log
    assert runner.artifacts == {"reviewer-panel-panel", "reviewer-panel-reviews-panel"}
    assert len(runner.caches) == 2 and first.folder != second.folder
    texts = [check(each["body"]) for each in forge.comments]
    assert ["anvil" in text for text in texts] == [True, False]
    assert "Reviewer panel (reviews): 4 reworded" in texts[1]
    again = runner.step("pull_request", told, working_directory="./reviews/", mode="check")
    assert again.ok and len(forge.comments) == 2 and len(runner.artifacts) == 2


@pytest.mark.slow
def test_each_job_that_is_stopped_by_its_budget_gets_further_than_the_last(
    runner: Runner, mock: MockEndpoint
) -> None:
    reword(runner)
    mock.asked = 0
    first = runner.job("pull_request", pull_request(runner), max_calls="2")
    second = runner.job("pull_request", pull_request(runner), max_calls="2", commit="none")
    assert not first.ok and second.ok, second.log
    assert mock.asked == 4, "nothing is paid for twice"
    assert git(runner.root, "status", "--porcelain", "-uall") == " M verdicts/anvil.json\n"


@pytest.mark.slow
def test_a_job_that_asked_nothing_keeps_no_second_copy_of_the_answers(runner: Runner) -> None:
    reword(runner)
    runner.job("pull_request", pull_request(runner))
    kept = list(runner.caches)
    done = runner.job("pull_request", pull_request(runner))
    assert done.ok and done.outputs["asked"] == "0"
    assert list(runner.caches) == kept


@pytest.mark.long
def test_an_endpoint_that_is_down_leaves_an_error_and_a_report(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    reword(runner)
    edit(runner.root / "panel.toml", mock.base_url, "http://127.0.0.1:9/v1")
    done = runner.job("pull_request", pull_request(runner))
    assert not done.ok
    assert "exit 3" in done.log
    assert "Traceback" not in done.log


@pytest.mark.long
def test_an_endpoint_that_is_not_the_workspaces_own_is_asked(
    runner: Runner, mock: MockEndpoint
) -> None:
    toml = runner.root / "panel.toml"
    nobody = '[endpoints.other]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "none"\n'
    toml.write_text(toml.read_text() + nobody)
    edit(toml, 'endpoint = "mock"', 'endpoint = "other"')
    commit(runner.root)
    reword(runner)
    mock.asked = 0
    done = runner.job("pull_request", pull_request(runner), endpoint="mock", fail_on="stale")
    assert done.ok, done.log
    assert mock.asked == 4 and done.diff["model"]["models"] is None


@pytest.mark.long
def test_canaries_that_moved_shut_drift_and_say_that_it_was_the_model(
    runner: Runner, mock: MockEndpoint, forge: Forge, published: Space, tmp_path: Path
) -> None:
    for n in range(6):
        published.tool(f"canary-{n}")
    names = ", ".join(f'"canary-{n}"' for n in range(6))
    published.point_at(mock, f"[ci]\ncanaries = [{names}]\n")
    run(published)
    freeze(published)
    commit(published.root)
    git(published.root, "push", "-q", str(tmp_path / "origin.git"), "main")
    git(runner.root, "pull", "-q", "origin", "main")
    git(runner.root, "fetch", "-q", "origin")
    reword(runner)
    mock.face = always("skip")
    mock.asked = 0
    done = runner.job("pull_request", pull_request(runner), fail_on="drift")
    assert not done.ok and mock.asked == 4 + 24
    assert done.outputs["asked"] == "4"
    text = check(forge.comments[0]["body"])
    assert "the model moved" in text and "24 of 24 answers, on 6 of 6 canaries" in text
    assert ("panel", "drift") in {(c.get("classname"), c.get("name")) for c in done.junit}


# Giving back


@pytest.mark.long
def test_push_gives_the_verdicts_to_the_pull_requests_branch(
    runner: Runner, tmp_path: Path
) -> None:
    reword(runner)
    git(runner.root, "push", "-q", "origin", "work")
    done = runner.job("pull_request", pull_request(runner), commit="push")
    assert done.ok, done.log
    origin = tmp_path / "origin.git"
    shown = git(origin, "show", "--name-only", "--format=%an", "work")
    assert shown.split() == ["github-actions[bot]", "verdicts/anvil.json"]
    again = runner.job("pull_request", pull_request(runner), commit="push", mode="check",
                       fail_on="stale")  # fmt: skip
    assert again.ok, "the branch now holds what it needs"


@pytest.mark.long
def test_a_nightly_run_opens_a_pull_request_with_the_new_verdicts(
    runner: Runner, tmp_path: Path, forge: Forge
) -> None:
    git(runner.root, "switch", "-q", "main")
    reword(runner)
    done = runner.job("schedule", {"schedule": "0 3 * * *"}, commit="pull-request")
    assert done.ok, done.log
    [pull] = forge.pulls
    assert (pull["head"], pull["base"]) == ("reviewer-panel/verdicts-main", "main")
    origin = tmp_path / "origin.git"
    assert "verdicts/anvil.json" in git(origin, "show", "--name-only", pull["head"])
    assert done.steps["Comment on the pull request"] == "skipped"
    assert forge.comments == []


@pytest.mark.long
def test_a_push_is_reported_in_the_summary_against_what_was_there_before(
    runner: Runner, mock: MockEndpoint, forge: Forge
) -> None:
    git(runner.root, "switch", "-q", "main")
    before = git(runner.root, "rev-parse", "HEAD").strip()
    reword(runner)
    done = runner.job("push", {"before": before})
    assert done.ok and done.outputs["asked"] == "4"
    assert "tools/anvil.md" in check(done.summary)


# Replay


@pytest.mark.long
@pytest.mark.sample(1)
@pytest.mark.parametrize("of", [REPOSITORY, "stranger/reviews"])
def test_a_replay_answers_without_a_model_even_in_a_fork(
    runner: Runner, mock: MockEndpoint, tmp_path: Path, of: str, programs: Path
) -> None:
    reword(runner)
    scratch, tape = tmp_path / "scratch", runner.root / "answers.jsonl"
    shutil.copytree(runner.root, scratch)
    words = [programs / "panel", "run", "--changed", "--record", tape]
    subprocess.run(words, cwd=scratch, check=True, capture_output=True)
    edit(runner.root / "panel.toml", mock.base_url, "http://127.0.0.1:9/v1")
    commit(runner.root)
    asked, connections = mock.asked, mock.connections
    done = runner.job("pull_request", pull_request(runner, of), replay="answers.jsonl", commit=(
        "push" if of != REPOSITORY else "none"))  # fmt: skip
    assert done.ok, done.log
    assert (mock.asked, mock.connections) == (asked, connections)
    assert done.outputs["asked"] == "4" and "4 reworded" in check(done.summary)
    if of == REPOSITORY:
        return
    edit(runner.root / "tools/bellows.md", "reads JSON", "eats JSON")
    commit(runner.root)
    missed = runner.job("pull_request", pull_request(runner, of), replay="answers.jsonl")
    assert not missed.ok and "no answer in the recording" in missed.log
    assert mock.connections == connections


# Hostile surroundings


@pytest.mark.slow
def test_inputs_and_names_of_branches_are_never_run(
    runner: Runner, mock: MockEndpoint, tmp_path: Path
) -> None:
    reword(runner)
    owned = tmp_path / "owned"
    evil = f"$(touch {owned}); touch {owned} #`touch {owned}`"
    told = pull_request(runner, branch=f"work$(touch${{IFS}}{owned})")
    for inputs in (
        {"fail_on": evil, "model": evil},
        {"replay": evil, "endpoint": evil},
        {"repeats": evil, "max_calls": evil, "max_cost": evil},
        {"base": evil},
        {"mode": evil},
    ):
        done = runner.job("pull_request", told, comment="false", **inputs)
        assert not done.ok, (inputs, done.log)
        assert not owned.exists() and "Traceback" not in done.log


@pytest.mark.long
def test_a_workspace_in_a_folder_below_the_repository(
    runner: Runner, mock: MockEndpoint, tmp_path: Path
) -> None:
    inner = runner.root / "reviews"
    inner.mkdir()
    for part in ("panel.toml", "personas", "prompts", "tools", "verdicts", ".gitignore"):
        shutil.move(runner.root / part, inner / part)
    commit(runner.root)
    git(runner.root, "push", "-q", "origin", "work:main")
    git(runner.root, "fetch", "-q")
    edit(inner / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(runner.root)
    git(runner.root, "push", "-q", "origin", "work")
    mock.asked = 0
    done = runner.job(
        "pull_request", pull_request(runner), working_directory="reviews", commit="push"
    )
    assert done.ok, done.log
    assert mock.asked == 4 and done.used["Keep the answers"]["path"] == "reviews/runs"
    listed = git(tmp_path / "origin.git", "show", "--name-only", "--format=", "work")
    assert listed == "reviews/verdicts/anvil.json\n"
