"""Batches: written, submitted, imported; as the local engine would have asked, and never twice."""

from __future__ import annotations

import codecs
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.cells.journal import JournalWriter, new_run_id
from panel.cells.lines import end_line, rename_line, run_line
from panel.cells.renames import Rename
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from tests.research.test_experiments import write as write_experiment
from tests.support.batch_services import BatchService, Service, run_batch
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, reply_for
from tests.support.runs import pending, rows
from tests.support.space import Panel, Space, edit, new_space
from tests.support.weather import cell_of

# What two runs of one question differ in, whatever asks it.
OWN = ("run_id", "attempt_id", "started_at", "finished_at", "seconds")


@pytest.fixture(params=["openai", "mistral"])
def service(request: pytest.FixtureRequest, space: Space) -> Iterator[BatchService]:
    """Start a batch service of each kind, and point the workspace at it."""
    kind: Service = request.param
    with BatchService(service=kind) as started:
        space.settings(started.toml())
        yield started


@pytest.fixture
def openai(space: Space) -> Iterator[BatchService]:
    """Start one batch service, and point the workspace at it."""
    with BatchService() as started:
        space.settings(started.toml())
        yield started


def batch(panel: Panel, space: Space, *words: str | Path, code: int = 0) -> Any:
    done = panel("batch", *words, "--json", cwd=space.root)
    assert done.code == code, (done.out, done.err)
    return json.loads(done.out) if done.out else None


def export(panel: Panel, space: Space, *words: str) -> list[Path]:
    return [space.root / each["file"] for each in batch(panel, space, "export", *words)]


def asked_by_batch(panel: Panel, space: Space, service: BatchService, rounds: int = 1) -> Any:
    """Export, submit, wait and import so many times; return what the last import says."""
    done: Any = None
    for _ in range(rounds):
        export(panel, space)
        batch(panel, space, "submit")
        service.finish()
        done = batch(panel, space, "import")
    return done


def verdicts(space: Space) -> list[tuple[Any, ...]]:
    """Return the view verdicts, without what differs between any two runs."""
    names = ", ".join(OWN)
    return rows(space, f"SELECT * EXCLUDE ({names}) FROM verdicts ORDER BY tool, persona, repeat")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_a_batch_gives_the_verdicts_that_the_local_engine_gives(
    panel: Panel, space: Space, service: BatchService, tmp_path: Path
) -> None:
    other = new_space(tmp_path / "local")
    with MockEndpoint() as mock:
        other.point_at(mock)
        assert panel("run", cwd=other.root).code == 0
    done = asked_by_batch(panel, space, service)
    assert (done["taken"], done["unanswered"]) == (8, 0)
    assert done["runs"][0]["verdicts"] == 8
    assert verdicts(space) == verdicts(other)
    assert pending(space) == []
    assert panel("verify", cwd=space.root).code == 0


def test_the_files_of_a_batch_hold_what_a_run_would_send(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    [file] = export(panel, space)
    assert len(lines(file)) == 8
    with MockEndpoint() as mock:
        other = space.root.with_name("other")
        local = new_space(other)
        local.point_at(mock)
        panel("run", cwd=local.root)
        sent = [{**request["body"]} for request in mock.requests if request["body"]]
    for body in sent:
        del body["stream"]  # no batch streams
    by_text = {json.dumps(body, sort_keys=True) for body in sent}
    for line in lines(file):
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        assert json.dumps(line["body"], sort_keys=True) in by_text
        fingerprint, *_rest = line["custom_id"].split("-")
        assert (len(fingerprint), len(line["custom_id"]) <= 64) == (32, True)
    assert len({line["custom_id"] for line in lines(file)}) == 8
    assert openai.calls == []  # nothing was sent


@pytest.mark.slow
def test_what_waits_in_a_batch_is_neither_asked_nor_exported_again(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    export(panel, space)
    assert len(pending(space)) == 8  # a file that nobody has sent keeps nothing from being asked
    batch(panel, space, "submit")
    plan = json.loads(panel("plan", "--json", cwd=space.root).out)
    assert (plan["cells"], plan["waiting"], plan["pending"]) == (8, 8, 0)
    assert "waiting in a batch" in panel("plan", cwd=space.root).out
    assert batch(panel, space, "export") == []
    ran = panel("run", "--json", cwd=space.root)
    summary = json.loads(ran.out)
    assert (summary["planned"], summary["waiting"], summary["asked"]) == (8, 8, 0)
    assert "8 cells wait in a batch" in ran.err and openai.asked == 0
    summary = json.loads(panel("run", "--batched", "--json", cwd=space.root).out)
    assert (summary["asked"], summary["verdicts"], summary["waiting"]) == (8, 8, 0)
    openai.finish()
    done = batch(panel, space, "import")
    # They are kept, and no outcomes: the cells had their answers.
    assert (done["taken"], done["runs"][0]["canaries"], done["runs"][0]["verdicts"]) == (8, 8, 0)
    assert rows(space, "SELECT count(*) FROM attempts") == [(16,)]
    assert rows(space, "SELECT DISTINCT run_id FROM verdicts") == [(summary["run_id"],)]


@pytest.mark.slow
def test_a_new_description_is_asked_although_the_old_one_waits_and_stays_the_one_that_counts(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    export(panel, space)
    batch(panel, space, "submit")
    edit(space.root / "tools" / "anvil.md", "reads JSON", "reads YAML")
    summary = json.loads(panel("run", "--json", cwd=space.root).out)
    assert (summary["asked"], summary["waiting"]) == (4, 4)
    present = rows(
        space, "SELECT persona, fingerprint FROM verdicts WHERE tool = 'anvil' ORDER BY 1"
    )
    openai.finish()
    done = batch(panel, space, "import")
    assert (done["taken"], done["runs"][0]["verdicts"]) == (8, 8)
    assert present == rows(
        space, "SELECT persona, fingerprint FROM verdicts WHERE tool = 'anvil' ORDER BY 1"
    )
    assert rows(space, "SELECT count(*) FROM superseded") == [(4,)]
    assert pending(space) == []


@pytest.mark.slow
def test_results_are_read_by_the_texts_of_their_time_whatever_the_workspace_says_now(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    export(panel, space)
    batch(panel, space, "submit")
    openai.finish()
    for file in (space.root / "personas").glob("*.md"):  # the first beat gets another name
        text = file.read_text("utf-8")
        [beat, *_others] = re.findall(r"- id: (\w+)", text)
        file.write_text(re.sub(rf"\b{beat}\b", "renamed", text), encoding="utf-8")
    (space.root / "tools" / "anvil.md").unlink()
    done = batch(panel, space, "import")
    assert (done["taken"], done["runs"][0]["verdicts"]) == (8, 8)
    known = rows(space, "SELECT count(*) FROM attempts WHERE outcome = 'verdict'")
    assert known == [(8,)]


def unreadable_first(number: int, body: dict[str, Any]) -> Answer | None:
    """Answer what cannot be read, until the reply is shown again for a repair."""
    if any(message["role"] == "assistant" for message in body["messages"]):
        return None
    return Answer(body=completion("I would rather not say.", usage={"prompt_tokens": 5000}))


def cut_first(number: int, body: dict[str, Any]) -> Answer | None:
    """Cut a reply off, until there is twice the room."""
    if body["max_tokens"] > 1500:
        return None
    return Answer(body=completion('{"evidence": ["', "length", usage={"prompt_tokens": 5000}))


def stopped_at_the_cap_first(number: int, body: dict[str, Any]) -> Answer | None:
    """Say "stop" where the cap cuts a draft off that is just being taken back."""
    if body["max_tokens"] > 1500:
        return None
    draft = reply_for(body)["choices"][0]["message"]["content"]
    usage = {"prompt_tokens": 5000, "completion_tokens": body["max_tokens"]}
    return Answer(body=completion(f"{draft} No, wait: I must not", "stop", usage))


def cut_then_unreadable(number: int, body: dict[str, Any]) -> Answer | None:
    return cut_first(number, body) or unreadable_first(number, body)


def never_readable(_number: int, _body: dict[str, Any]) -> Answer | None:
    return Answer(body=completion('{"verdict": "perhaps"}', usage={"prompt_tokens": 5000}))


def filtered(_number: int, body: dict[str, Any]) -> Answer | None:
    if "Blows air" not in str(body["messages"]):  # of all tools, it would be no filter
        return None
    return Answer(body=completion("", "content_filter", usage={"prompt_tokens": 5000}))


def in_thoughts(_number: int, body: dict[str, Any]) -> Answer | None:
    good = reply_for(body)["choices"][0]["message"]["content"]
    told = completion("", reasoning_content=good, usage={"prompt_tokens": 5000})
    return Answer(body=told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("face", "rounds", "outcome"),
    [
        (unreadable_first, 2, "verdict"),
        (cut_first, 2, "verdict"),
        (stopped_at_the_cap_first, 2, "verdict"),
        (cut_then_unreadable, 3, "verdict"),
        (never_readable, 2, "abstain"),
        (filtered, 1, "abstain verdict"),
        (in_thoughts, 1, "verdict"),
    ],
)
def test_repairs_and_doubled_caps_come_by_the_next_batches_as_they_come_in_one_run(
    panel: Panel,
    space: Space,
    openai: BatchService,
    tmp_path: Path,
    face: Callable[[int, dict[str, Any]], Answer | None],
    rounds: int,
    outcome: str,
) -> None:
    openai.face = face
    other = new_space(tmp_path / "local")
    with MockEndpoint(face=face) as mock:
        other.point_at(mock)
        panel("run", cwd=other.root)
        sent = Counter(json.dumps(r["body"]["messages"]) for r in mock.requests if r["body"])
    done = asked_by_batch(panel, space, openai, rounds)
    assert done["runs"][0]["follow_ups"] == 0
    assert verdicts(space) == verdicts(other)
    found = rows(space, "SELECT DISTINCT outcome FROM verdicts ORDER BY outcome")
    assert found == [(each,) for each in outcome.split()]
    batched = [
        json.dumps(line["body"]["messages"])
        for file in openai.files.values()
        if file.name.startswith("panel-")
        for line in map(json.loads, file.content.splitlines())
    ]
    assert Counter(batched) == sent
    assert pending(space) == []


@pytest.mark.slow
def test_what_failed_or_expired_is_asked_by_the_next_batch(
    panel: Panel, space: Space, service: BatchService
) -> None:
    fates: dict[int, Any] = {2: "expired", 5: "expired"}
    service.fate = lambda number, _line: fates.get(number)
    busy = {0, 3}
    service.face = lambda number, _body: (
        Answer(503, {"error": {"message": "overloaded", "code": None}}) if number in busy else None
    )
    export(panel, space)
    batch(panel, space, "submit")
    service.finish()
    done = batch(panel, space, "import", code=1)
    assert (done["taken"], done["unanswered"]) == (8, 0)
    [told] = done["runs"]
    assert (told["verdicts"], told["errors"]) == (4, 4)
    reasons = rows(
        space, "SELECT reason, count(*) FROM verdicts WHERE outcome = 'error' GROUP BY 1"
    )
    assert dict(reasons) == {"batch_expired": 2, "http_503": 2}
    assert [cell[3] for cell in pending(space)] == ["previous error"] * 4
    service.fate, busy = lambda _number, _line: None, set()
    done = asked_by_batch(panel, space, service)
    assert (done["taken"], pending(space)) == (4, [])


@pytest.mark.slow
def test_requests_of_a_cancelled_batch_that_got_no_result_are_pending_again(
    panel: Panel, space: Space, service: BatchService
) -> None:
    service.fate = lambda number, _line: "cancelled" if number >= 3 else None
    done = asked_by_batch(panel, space, service)
    assert (done["taken"], done["unanswered"]) == (3, 5)
    assert len(done["ended"]) == 1 and len(pending(space)) == 5


@pytest.mark.slow
def test_a_batch_that_the_service_finds_invalid_says_why_and_holds_nothing_up(
    panel: Panel, space: Space, service: BatchService
) -> None:
    service.most_requests = 4
    done = asked_by_batch(panel, space, service)
    assert (done["taken"], done["unanswered"]) == (0, 8)
    [told] = json.loads(panel("batch", "status", "--json", cwd=space.root).out)
    assert (told["state"], told["status"]) == ("ended", "failed")
    assert "too many requests" in told["detail"]
    assert len(pending(space)) == 8


@pytest.mark.slow
def test_importing_twice_is_importing_once(
    panel: Panel, space: Space, openai: BatchService, tmp_path: Path
) -> None:
    openai.twice = 3
    done = asked_by_batch(panel, space, openai)
    assert (done["taken"], done["before"]) == (8, 3)
    results = next(file for file in openai.files.values() if file.name.startswith("output"))
    file = tmp_path / "results.jsonl"
    file.write_bytes(results.content)
    journals = len(space.journals)
    done = batch(panel, space, "import", str(file))
    assert (done["taken"], done["before"], done["runs"]) == (0, 11, [])
    assert len(space.journals) == journals
    assert rows(space, "SELECT count(*) FROM attempts") == [(8,)]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["between lines", "in a line", "a page", "nothing"])
def test_results_that_came_back_incomplete_are_fetched_again(
    panel: Panel, space: Space, service: BatchService, what: str
) -> None:
    export(panel, space)
    batch(panel, space, "submit")
    service.finish()

    def cut(_number: int, _method: str, path: str) -> Answer | None:
        if not path.endswith("/content"):
            return None
        content = service.files[path.split("/")[2]].content
        half = b"".join(content.splitlines(keepends=True)[:3])
        page = b"<html><body>Please log in</body></html>\n"
        body = {"between lines": half, "in a line": half[:-9], "a page": page, "nothing": b""}
        return Answer(body=body[what])

    service.weather = cut
    done = batch(panel, space, "import", code=3)
    [why] = done["failed"].values()
    assert "incomplete" in why and "panel batch forget" in why
    assert (done["ended"], done["unanswered"]) == ({}, 0)
    service.weather = lambda *_words: None
    done = batch(panel, space, "import")
    assert (len(done["ended"]), done["failed"], len(verdicts(space))) == (1, {}, 8)


@pytest.mark.slow
def test_a_download_of_results_has_a_bound(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    export(panel, space)
    batch(panel, space, "submit")
    openai.finish()
    many = 2**27
    packed = Answer(body=gzip.compress(b" " * many, 9), headers={"content-encoding": "gzip"})
    openai.weather = lambda _n, _method, path: packed if path.endswith("/content") else None
    done = batch(panel, space, "import", code=3)
    [why] = done["failed"].values()
    assert "body too long" in why and done["ended"] == {}


def test_lines_that_are_no_results_or_to_no_request_of_ours_are_told(
    panel: Panel, space: Space, openai: BatchService, tmp_path: Path
) -> None:
    [file] = export(panel, space)
    good = run_batch(lines(file), lambda body: Answer(body=reply_for(body)))
    strange = run_batch([{"custom_id": "task-1", "body": {}}], lambda _b: Answer(body={}))
    results = tmp_path / "results.jsonl"
    torn = [good[0][:100], '{"custom_id": 7}', "[]", ""]
    results.write_text("\n".join([*torn, *strange, *good, good[3]]) + "\n", "utf-8")
    done = batch(panel, space, "import", str(results), code=1)
    assert (done["taken"], done["unknown"], done["unreadable"]) == (8, ["task-1"], 3)
    assert (done["before"], pending(space)) == (1, [])


def test_results_are_read_in_every_way_in_which_a_run_reads_answers(
    panel: Panel, space: Space, openai: BatchService, tmp_path: Path
) -> None:
    """A byte order mark and half a surrogate pair are no reason to throw away what is paid."""
    [file] = export(panel, space)
    answered = run_batch(lines(file), lambda body: Answer(body=reply_for(body)))
    answered[1] = answered[1].replace('"system_fingerprint": "', '"system_fingerprint": "\\ud83d')
    assert "ud83d" in answered[1]
    results = tmp_path / "results.jsonl"
    results.write_bytes(codecs.BOM_UTF8 + "\n".join(answered).encode())
    done = batch(panel, space, "import", str(results))
    assert (done["taken"], done["unreadable"], pending(space)) == (8, 0, [])


@pytest.mark.slow
def test_files_of_vllm_run_batch_are_imported_errors_and_all(
    panel: Panel, space: Space, tmp_path: Path
) -> None:
    space.settings('[panel]\nendpoint = "vllm"\n[endpoints.vllm]\nmodel = "smollm2"\n')
    [file] = export(panel, space)
    assert lines(file)[0]["url"] == "/v1/chat/completions"

    def answered(body: dict[str, Any]) -> Answer:
        if "Anvil" in cell_of(body):
            told = {"message": "This model's maximum context length is 512 tokens.", "code": 400}
            return Answer(400, {"error": {**told, "type": "BadRequestError"}})
        return Answer(body=reply_for(body))

    results = tmp_path / "results.jsonl"
    results.write_text("\n".join(run_batch(lines(file), answered)), "utf-8")  # no last line feed
    done = batch(panel, space, "import", str(results), code=1)
    [told] = done["runs"]
    assert (told["verdicts"], told["errors"]) == (4, 4)
    reasons = rows(space, "SELECT DISTINCT tool, reason FROM verdicts WHERE outcome = 'error'")
    assert reasons == [("anvil", "context_overflow")]
    assert panel("batch", "submit", cwd=space.root).code == 0  # nothing that it could send


@pytest.mark.slow
def test_files_are_split_by_the_limits_of_the_service(
    panel: Panel, space: Space, openai: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panel.endpoint import batch_files

    limits = batch_files.BatchLimits(3, 1_000_000)
    monkeypatch.setitem(batch_files.LIMITS, "openai", limits)
    assert [len(lines(file)) for file in export(panel, space)] == [3, 3, 2]
    size = max(map(len, export(panel, space)[0].read_bytes().splitlines()))
    monkeypatch.setitem(batch_files.LIMITS, "openai", batch_files.BatchLimits(100, 2 * size + 2))
    files = export(panel, space)
    assert all(file.stat().st_size <= 2 * size + 2 for file in files)
    assert sum(len(lines(file)) for file in files) == 8
    openai.most_requests, openai.most_bytes = 100, 2 * size + 2
    assert len(batch(panel, space, "submit")["made"]) == len(files)
    openai.finish()
    assert batch(panel, space, "import")["taken"] == 8


@pytest.mark.slow
def test_a_file_whose_requests_were_answered_meanwhile_is_not_submitted_without_a_word(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    [old] = export(panel, space, "--tool", "anvil")
    [new] = export(panel, space)
    done = batch(panel, space, "submit")
    assert len(done["made"]) == len(done["left"]) == 1
    assert "4 of its 4 requests" in next(iter(done["left"].values()))
    refused = panel("batch", "submit", str(old), cwd=space.root)
    assert refused.code == 2 and "--anyway" in refused.err
    assert len(batch(panel, space, "submit", str(old), "--anyway")["made"]) == 1
    assert panel("batch", "submit", str(new), cwd=space.root).code == 2
    assert len(openai.batches) == 2


@pytest.mark.slow
def test_a_file_whose_endpoint_is_gone_does_not_keep_others_from_being_submitted(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    settings = openai.toml()
    space.settings(settings.replace("mock]", "old]").replace('"mock"\n', '"old"\n', 1))
    export(panel, space)
    space.settings(settings)
    export(panel, space)
    done = batch(panel, space, "submit")
    assert (len(done["made"]), len(done["left"])) == (1, 1)
    assert "'old'" in next(iter(done["left"].values()))


def test_a_file_that_was_changed_or_is_gone_is_not_submitted(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    [file] = export(panel, space)
    file.write_bytes(file.read_bytes().replace(b"Anvil", b"Bench"))
    refused = panel("batch", "submit", cwd=space.root)
    assert refused.code == 2 and "is not as 'panel batch export' wrote it" in refused.err
    file.unlink()
    assert panel("batch", "submit", cwd=space.root).code == 2
    assert openai.calls == [] and len(pending(space)) == 8


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no pipes with names")
@pytest.mark.timeout(60)
def test_a_file_outside_runs_is_sent_once_somebody_names_it_and_only_a_plain_one(
    panel: Panel, space: Space, openai: BatchService, tmp_path: Path
) -> None:
    """The journal names it, which may be a stranger's."""
    told = panel("batch", "export", "--out", str(tmp_path / "asked"), cwd=space.root)
    assert "'panel batch submit' with their names" in told.out
    [file] = (tmp_path / "asked").iterdir()
    [why] = batch(panel, space, "submit")["left"].values()
    assert f"{str(file)!r} is not in runs/" in why and openai.calls == []
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    refused = panel("batch", "submit", str(file), cwd=space.root)
    assert refused.code == 2 and "it is not a plain file" in refused.err and openai.calls == []
    file.unlink()
    file.write_bytes(content)
    assert len(batch(panel, space, "submit", str(file))["made"]) == 1


@pytest.mark.slow
def test_a_forgotten_batch_holds_its_cells_no_more_and_its_results_can_still_come(
    panel: Panel, space: Space, openai: BatchService, tmp_path: Path
) -> None:
    export(panel, space)
    batch(panel, space, "submit")
    [told] = batch(panel, space, "status")
    assert told["at_service"]["status"] == "in_progress"
    assert panel("batch", "forget", told["batch"], cwd=space.root).code == 0
    assert len(pending(space)) == 8
    assert panel("batch", "forget", told["batch"], cwd=space.root).code == 2
    openai.finish()
    results = next(file for file in openai.files.values() if file.name.startswith("output"))
    (tmp_path / "results.jsonl").write_bytes(results.content)
    assert batch(panel, space, "import", str(tmp_path / "results.jsonl"))["taken"] == 8
    assert pending(space) == []


def observations(space: Space) -> list[tuple[Any, ...]]:
    names = ", ".join((*OWN, "asked_at"))
    names = names.replace("finished_at, ", "")
    return rows(space, f"SELECT * EXCLUDE ({names}) FROM observations ORDER BY arm, tool, persona")


@pytest.mark.slow
def test_the_arms_of_an_experiment_go_through_a_batch_and_no_number_of_the_house_changes(
    panel: Panel, space: Space, openai: BatchService, tmp_path: Path
) -> None:
    write_experiment(space)
    asked_by_batch(panel, space, openai)
    house = verdicts(space)
    assert len(export(panel, space, "--experiment", "rubric")) == 1
    batch(panel, space, "submit")
    planned = json.loads(panel("experiment", "plan", "rubric", "--json", cwd=space.root).out)
    assert (planned["asking"], planned["waiting_cells"]) == (0, 8)
    ran = json.loads(panel("experiment", "run", "rubric", "--json", cwd=space.root).out)
    assert (ran["asked"], ran["left"], ran["waiting"]) == (0, 0, 8)
    assert "8 waiting in a batch" in panel("experiment", "run", "rubric", cwd=space.root).out
    openai.finish()
    [told] = batch(panel, space, "import")["runs"]
    assert (told["experiment"], told["verdicts"]) == ("rubric", 8)
    assert verdicts(space) == house
    other = new_space(tmp_path / "local")
    write_experiment(other)
    with MockEndpoint() as mock:
        other.point_at(mock)
        panel("run", cwd=other.root)
        assert panel("experiment", "run", "rubric", cwd=other.root).code == 0
    assert observations(space) == observations(other)
    assert len(observations(space)) == 16
    report = panel("experiment", "report", "rubric", "--json", cwd=space.root)
    assert report.code == 0


def test_a_selection_does_not_go_with_an_experiment(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    write_experiment(space)
    refused = panel("batch", "export", "--experiment", "rubric", "--tool", "anvil", cwd=space.root)
    assert refused.code == 2 and "--experiment says itself what is asked" in refused.err
    assert openai.calls == []


PRICES = "prices = { prompt = 2.0, completion = 8.0, cached = 1.0 }\n"


@pytest.mark.slow
def test_the_plan_shows_the_price_both_ways_where_both_are_known(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    def plan() -> tuple[dict[str, Any], str]:
        told = json.loads(panel("plan", "--json", cwd=space.root).out)["estimate"]
        return told, panel("plan", cwd=space.root).out

    space.settings(openai.toml(PRICES))
    told, said = plan()
    assert told["batch_cost_usd"] is None and "As a batch" not in said
    space.settings(openai.toml(PRICES + "batch_price_factor = 0.25\n"))
    told, said = plan()
    assert told["batch_cost_usd"] == pytest.approx(told["cost_usd"] / 4)
    assert told["worst_batch_cost_usd"] == pytest.approx(told["worst_cost_usd"] / 4)
    assert f"As a batch ('panel batch export'): cost ${told['batch_cost_usd']:.4f}" in said
    asked_by_batch(panel, space, openai)
    [(paid, tokens)] = rows(
        space,
        "SELECT sum(cost_usd), sum(prompt_tokens * 2.0 + completion_tokens * 8.0) FROM attempts",
    )
    assert paid == pytest.approx(float(tokens) / 1_000_000 / 4)


@pytest.mark.parametrize(
    ("preset", "factor", "service"),
    [("openai", 0.5, "openai"), ("mistral", 0.5, "mistral"), ("vllm", None, None)],
)
def test_presets_know_the_batch_service_and_what_it_costs(
    space: Space, preset: str, factor: float | None, service: str | None
) -> None:
    settings = load_workspace(space.root).settings
    endpoint = resolve_endpoint(settings, space.root, preset, "some-model")
    assert (endpoint.batch_price_factor, endpoint.batch) == (factor, service)


@pytest.mark.slow
def test_abstentions_asked_again_by_a_batch_count_once_they_are_verdicts(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    openai.face = filtered
    asked_by_batch(panel, space, openai)
    openai.face = None
    assert len(export(panel, space, "--retry-abstained")) == 1
    batch(panel, space, "submit")
    openai.finish()
    assert batch(panel, space, "import")["runs"][0]["verdicts"] == 4
    assert rows(space, "SELECT outcome, count(*) FROM verdicts GROUP BY 1") == [("verdict", 8)]


@pytest.mark.slow
def test_a_reply_that_cannot_be_repaired_ends_its_cell_in_the_second_batch(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    openai.face = never_readable
    first = asked_by_batch(panel, space, openai)
    assert (first["runs"][0]["follow_ups"], first["runs"][0]["asked"]) == (8, 0)
    assert [cell[3] for cell in pending(space)] == ["unfinished"] * 8
    asked_by_batch(panel, space, openai)
    asked = rows(
        space, "SELECT ordinal, repair, final, reason, count(*) FROM attempts GROUP BY ALL"
    )
    assert sorted(asked) == [
        (1, False, False, "unparsable", 8),
        (2, True, True, "unparsable", 8),
    ]
    assert pending(space) == [] and batch(panel, space, "export") == []


def test_the_embedded_model_has_no_batches(panel: Panel, space: Space) -> None:
    refused = panel("batch", "export", "--endpoint", "embedded", cwd=space.root)
    assert refused.code == 2 and "has no batch service" in refused.err


@pytest.mark.slow
def test_a_tool_that_is_renamed_while_its_batch_is_under_way_keeps_its_answers(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    export(panel, space)
    batch(panel, space, "submit")
    tools = space.root / "tools"
    (tools / "anvil.md").rename(tools / "anvil-two.md")
    rename = Rename("tool", "anvil", "anvil-two")
    journal = JournalWriter(space.root / "runs", new_run_id())
    journal.append(run_line([], purpose="rename") + rename_line(rename) + end_line())
    journal.close()
    openai.finish()
    assert batch(panel, space, "import")["taken"] == 8
    assert rows(space, "SELECT DISTINCT tool FROM verdicts ORDER BY 1") == [
        ("anvil-two",),
        ("bellows",),
    ]


@pytest.mark.slow
def test_every_line_of_a_batch_survives_a_rebuild_of_the_database(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    asked_by_batch(panel, space, openai)
    export(panel, space, "--again")
    batch(panel, space, "submit")
    names = ("verdicts", "batches", "journal.requests", "journal.waiting", "attempts")
    before = [rows(space, f"SELECT * FROM {name} ORDER BY ALL") for name in names]
    assert panel("rebuild", cwd=space.root).code == 0
    assert before == [rows(space, f"SELECT * FROM {name} ORDER BY ALL") for name in names]
    assert [len(each) for each in before] == [8, 2, 16, 8, 8]


@pytest.mark.slow
def test_what_is_printed_for_people_names_what_was_done_and_what_comes_next(
    panel: Panel, space: Space, service: BatchService
) -> None:
    service.face = unreadable_first
    written = panel("batch", "export", cwd=space.root).out
    assert "8 requests" in written and "'panel batch submit'" in written
    assert ": submitted." in panel("batch", "submit", cwd=space.root).out
    assert "not over yet" in panel("batch", "import", cwd=space.root).out
    assert "submitted" in panel("batch", "status", cwd=space.root).out
    service.finish()
    taken = panel("batch", "import", cwd=space.root).out
    assert "8 results of mock/mock-1" in taken and "8 replies cannot be used yet" in taken
    assert "No new results." in panel("batch", "import", cwd=space.root).out
    assert "Nothing was submitted." in panel("batch", "submit", cwd=space.root).out


@pytest.mark.slow
def test_canaries_that_a_batch_asks_again_are_kept_beside_the_answers_that_count(
    panel: Panel, space: Space, openai: BatchService
) -> None:
    asked_by_batch(panel, space, openai)
    assert panel("freeze", cwd=space.root).code == 0
    space.ci('canaries = ["bellows"]')
    edit(space.root / "tools" / "anvil.md", "reads JSON", "reads YAML")
    [file] = export(panel, space, "--changed")
    assert len(lines(file)) == 8  # four to a new wording, four of the canary
    batch(panel, space, "submit")
    openai.finish()
    done = batch(panel, space, "import")
    assert sorted((run["verdicts"], run["canaries"]) for run in done["runs"]) == [(0, 4), (4, 0)]
    canaries = rows(space, "SELECT tool, count(*) FROM attempts WHERE canary GROUP BY 1")
    assert canaries == [("bellows", 4)]
    assert rows(space, "SELECT count(*) FROM verdicts") == [(8,)]
