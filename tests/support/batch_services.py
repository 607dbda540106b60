"""The batch services of OpenAI and of Mistral on loopback, made from their documentation.

A batch goes through its life as it is looked at: each look at it is one step on. What its requests
are answered is what the mock endpoint underneath answers (``face``). Limits, errors of validation,
expiry, files of results in another order and of errors are as documented in November 2026.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Literal
from urllib.parse import parse_qs

from tests.support.mock_endpoint import CHAT, Answer, MockEndpoint, reply_for

Service = Literal["openai", "mistral"]
End = Literal["completed", "expired", "cancelled"]
LIVES: dict[Service, tuple[str, ...]] = {
    "openai": ("validating", "in_progress", "finalizing"),
    "mistral": ("QUEUED", "RUNNING"),
}
ENDS: dict[Service, dict[str, str]] = {
    "openai": {end: end for end in ("completed", "expired", "cancelled", "failed")},
    "mistral": {
        "completed": "SUCCESS",
        "expired": "TIMEOUT_EXCEEDED",
        "cancelled": "CANCELLED",
        "failed": "FAILED",
    },
}
EXPIRED = "This request could not be executed before the completion window expired."


@dataclass
class Uploaded:
    """A file at the service."""

    id: str
    name: str
    content: bytes
    created: int


@dataclass
class Made:
    """A batch at the service. looks: how often it was looked at."""

    id: str
    file: str
    metadata: dict[str, str]
    model: str | None
    created: int
    looks: int = 0
    end: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    results: str | None = None
    failures: str | None = None
    counts: tuple[int, int, int] = (0, 0, 0)


Fate = Callable[[int, dict[str, Any]], End | None]


def all_answered(_number: int, _line: dict[str, Any]) -> End | None:
    """Answer every request."""
    return None


@dataclass(eq=False)
class BatchService(MockEndpoint):
    """An endpoint with a batch service.

    service: whose. key: that requests must carry. most_requests, most_bytes: of a file.
    fate: called with the number of a request in its file and its line; None answers it, a word says
    that the batch ended so before. weather: called with the number of a request about files or
    batches, its method and its path, before the request is heeded; what it returns is answered in
    its place. lost: likewise, after it was heeded: the answer is lost. twice: result lines that
    come twice. shuffle: a seed for the order of results.
    """

    service: Service = "openai"
    key: str = ""
    most_requests: int = 50_000
    most_bytes: int = 200_000_000
    fate: Fate = all_answered
    weather: Callable[[int, str, str], Answer | None] = lambda _n, _method, _path: None
    lost: Callable[[int, str, str], Answer | None] = lambda _n, _method, _path: None
    twice: int = 0
    shuffle: int = 7
    life: int | None = None  # looks before the end; None for one at each status
    files: dict[str, Uploaded] = field(default_factory=dict, init=False)
    batches: dict[str, Made] = field(default_factory=dict, init=False)
    calls: list[tuple[str, str]] = field(default_factory=list, init=False)
    paid: list[str] = field(default_factory=list, init=False)  # custom_ids put to the model

    def toml(self, more: str = "") -> str:
        """Return the panel.toml that points at it."""
        key = 'api_key_env = "BATCH_KEY"\n' if self.key else ""
        return (
            '[panel]\nendpoint = "mock"\n[endpoints.mock]\n'
            f'base_url = "{self.base_url}"\nmodel = "mock-1"\nbatch = "{self.service}"\n{key}{more}'
        )

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Answer:
        """Answer a request about files or batches; all others as the endpoint does."""
        path, _, query = target.partition("?")
        inner = path.removeprefix("/v1")
        if not inner.startswith(("/files", "/batches", "/batch/jobs")):
            return super().answer(method, target, headers, raw)
        self.calls.append((method, inner))
        number = len(self.calls) - 1
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return _refused(401, "Incorrect API key provided.", "invalid_api_key")
        early = self.weather(number, method, inner)
        if early is not None:
            return early
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        made = self._heed(method, inner, asked, headers, raw)
        return self.lost(number, method, inner) or made

    def _heed(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], raw: bytes
    ) -> Answer:
        kind, *rest = path.strip("/").split("/")
        if kind == "files":
            return self._files(method, rest, query, headers, raw)
        if (kind == "batches") != (self.service == "openai"):
            return _refused(404, f"no such path: {path}")
        rest = rest[1:] if kind == "batch" else rest
        if method == "POST" and not rest:
            return self._create(json.loads(raw))
        if rest and rest[0] in self.batches:
            made = self.batches[rest[0]]
            self._step(made)
            return Answer(body=self._told(made))
        if rest:
            return _refused(404, f"No batch found with id '{rest[0]}'.")
        listed = sorted(self.batches.values(), key=lambda each: -each.created)
        return self._page([self._told(each) for each in listed], query)

    def _files(
        self,
        method: str,
        rest: list[str],
        query: dict[str, str],
        headers: dict[str, str],
        raw: bytes,
    ) -> Answer:
        if method == "POST":
            return self._upload(headers, raw)
        if not rest:
            listed = sorted(self.files.values(), key=lambda each: -each.created)
            return self._page([_file(each) for each in listed], query)
        found = self.files.get(rest[0])
        if found is None:
            return _refused(404, f"No such File object: {rest[0]}")
        if rest[1:] == ["content"]:
            kind = {"content-type": "application/octet-stream"}
            return Answer(body=found.content, headers=kind)
        return Answer(body=_file(found))

    def _page(self, listed: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        if self.service == "mistral":
            size, page = int(query.get("page_size", 100)), int(query.get("page", 0))
            part = listed[size * page : size * (page + 1)]
            return Answer(body={"object": "list", "data": part, "total": len(listed)})
        ids = [each["id"] for each in listed]
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        size = int(query.get("limit", 20))
        part = listed[start : start + size]
        more = start + size < len(listed)
        return Answer(body={"object": "list", "data": part, "has_more": more})

    def _upload(self, headers: dict[str, str], raw: bytes) -> Answer:
        whole = b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + raw
        fields, name, content = {}, "", b""
        for part in BytesParser(policy=HTTP).parsebytes(whole).iter_parts():
            value = part.get_payload(decode=True)
            assert isinstance(value, bytes)
            if part.get_filename():
                name, content = str(part.get_filename()), value
            else:
                fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
        if fields.get("purpose") != "batch" or not name.endswith(".jsonl"):
            return _refused(400, "Invalid file format for Batch API. Must be .jsonl")
        if len(content) > self.most_bytes:
            return _refused(413, f"File is too large: at most {self.most_bytes} bytes.")
        return Answer(body=_file(self._kept(name, content)))

    def _kept(self, name: str, content: bytes) -> Uploaded:
        made = Uploaded(f"file-{len(self.files) + 1:04}", name, content, self._now())
        self.files[made.id] = made
        return made

    def _now(self) -> int:
        """Return seconds since 1970; later for each thing made, so that they have an order."""
        return int(time.time()) + len(self.files) + len(self.batches)

    def _create(self, asked: dict[str, Any]) -> Answer:
        named = asked.get("input_file_id") or next(iter(asked.get("input_files", ())), None)
        if named not in self.files:
            return _refused(400, f"Invalid file_id '{named}'.")
        if asked.get("endpoint") != CHAT:
            return _refused(400, "Invalid value for 'endpoint'.")
        if self.service == "openai" and asked.get("completion_window") != "24h":
            return _refused(400, "Invalid value for 'completion_window'.")
        metadata = asked.get("metadata") or {}
        if len(metadata) > 16 or any(len(value) > 512 for value in metadata.values()):
            return _refused(400, "Invalid 'metadata'.")
        number = len(self.batches) + 1
        made = Made(f"batch_{number:04}", named, metadata, asked.get("model"), self._now())
        self.batches[made.id] = made
        self._step(made)
        return Answer(body=self._told(made))

    def finish(self) -> None:
        """Let every batch come to its end."""
        for made in self.batches.values():
            while not made.end:
                self._step(made)

    def _step(self, made: Made) -> None:
        if made.end:
            return
        lives = len(LIVES[self.service]) if self.life is None else self.life
        if made.looks == 0:
            lines = self.files[made.file].content.splitlines()
            made.errors = self._invalid(lines, made.model)
            made.counts = (0, 0, len(lines))
            if self.service == "mistral" and made.errors:
                made.end = "failed"
        if made.looks >= lives or (made.looks == 1 and made.errors):
            self._end(made)
        made.looks += 1

    def _invalid(self, lines: list[bytes], model: str | None) -> list[dict[str, Any]]:
        """Return what is wrong with a file, as the list of a batch's errors."""
        found: list[dict[str, Any]] = []
        if len(lines) > self.most_requests:
            found.append({"code": "too_many_tasks", "message": "too many requests", "line": None})
        seen: set[str] = set()
        models = {model} if model else set()
        for number, raw in enumerate(lines, 1):
            line = json.loads(raw)
            models.add(line["body"].get("model", model))
            own = {"custom_id", "body"} | ({"method", "url"} if self.service == "openai" else set())
            wrong = None
            if set(line) != own:
                wrong = ("invalid_json_line", f"fields {sorted(line)}, not {sorted(own)}")
            elif line["custom_id"] in seen:
                wrong = ("duplicate_custom_id", "The custom_id is a duplicate.")
            elif len(line["custom_id"]) > 64:
                wrong = ("invalid_custom_id", "The custom_id is too long.")
            elif self.service == "openai" and (line["method"], line["url"]) != ("POST", CHAT):
                wrong = ("mismatched_endpoint", "The url is not that of the batch.")
            elif "stream" in line["body"]:
                wrong = ("invalid_body", "stream is not supported in batches.")
            seen.add(line["custom_id"])
            if wrong:
                found.append({"code": wrong[0], "message": wrong[1], "line": number, "param": None})
        if len(models) > 1:
            found.append({"code": "mismatched_model", "message": "more than one model"})
        return found

    def _end(self, made: Made) -> None:
        if made.errors:
            made.end = "failed"
            return
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        ended = "completed"
        lines = [json.loads(raw) for raw in self.files[made.file].content.splitlines()]
        for number, line in enumerate(lines):
            fate = self.fate(number, line)
            if fate == "cancelled":
                ended = fate
                continue  # no line tells of it
            if fate == "expired":
                ended = fate
                error = {"code": "batch_expired", "message": EXPIRED}
                bad.append(self._line(line, None, error))
                continue
            answer = self._asked(line)
            result = self._line(line, answer, None)
            (good if answer.status == 200 else bad).append(result)
        made.end, made.counts = ended, (len(good), len(bad), len(lines))
        good += good[: self.twice]
        random.Random(self.shuffle).shuffle(good)
        made.results, made.failures = self._results(good, "output"), self._results(bad, "error")

    def _asked(self, line: dict[str, Any]) -> Answer:
        self.paid.append(line["custom_id"])
        self.asked += 1
        answer = (self.face and self.face(self.asked - 1, line["body"])) or Answer()
        if answer.status == 200 and answer.body is None:
            answer = replace(answer, body=reply_for(line["body"]))
        return answer

    def _line(
        self, line: dict[str, Any], answer: Answer | None, error: dict[str, Any] | None
    ) -> dict[str, Any]:
        number = f"{self.asked:08}"
        response = None
        if answer is not None:
            response = {"status_code": answer.status, "body": answer.body}
            response |= {"request_id": f"req_{number}"} if self.service == "openai" else {}
        return {
            "id": f"batch_req_{number}",
            "custom_id": line["custom_id"],
            "response": response,
            "error": error,
        }

    def _results(self, lines: list[dict[str, Any]], what: str) -> str | None:
        if not lines:
            return None
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        return self._kept(f"{what}-{len(self.files)}.jsonl", content).id

    def _told(self, made: Made) -> dict[str, Any]:
        lives = LIVES[self.service]
        status = ENDS[self.service][made.end] if made.end else ""
        status = status or lives[min(max(made.looks - 1, 0), len(lives) - 1)]
        done, failed, total = made.counts
        if self.service == "openai":
            errors = {"object": "list", "data": made.errors}
            return {
                "id": made.id,
                "object": "batch",
                "endpoint": CHAT,
                "errors": errors if made.end == "failed" else None,
                "input_file_id": made.file,
                "completion_window": "24h",
                "status": status,
                "output_file_id": made.results,
                "error_file_id": made.failures,
                "created_at": made.created,
                "request_counts": {"total": total, "completed": done, "failed": failed},
                "metadata": made.metadata or None,
            }
        return {
            "id": made.id,
            "object": "batch",
            "input_files": [made.file],
            "endpoint": CHAT,
            "model": made.model,
            "metadata": made.metadata,
            "output_file": made.results,
            "error_file": made.failures,
            "errors": [{"message": each["message"], "count": 1} for each in made.errors],
            "status": status,
            "created_at": made.created,
            "total_requests": total,
            "completed_requests": done + failed,
            "succeeded_requests": done,
            "failed_requests": failed,
        }


def _file(made: Uploaded) -> dict[str, Any]:
    return {
        "id": made.id,
        "object": "file",
        "bytes": len(made.content),
        "created_at": made.created,
        "filename": made.name,
        "purpose": "batch",
        "status": "processed",
    }


def _refused(status: int, message: str, code: str | None = None) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer(status, {"error": error})


def run_batch(lines: list[dict[str, Any]], face: Callable[[dict[str, Any]], Answer]) -> list[str]:
    """Return the lines that ``vllm run-batch`` writes of requests: in order, one for each.

    The form is that of its ``BatchRequestOutput``: an error stands under ``error``, and the
    response has its status and no body.
    """
    written = []
    for number, line in enumerate(lines):
        answer = face(line["body"])
        response: dict[str, Any] = {
            "status_code": answer.status,
            "request_id": f"vllm-batch-{number:032x}",
            "body": answer.body if answer.status == 200 else None,
        }
        error = None if answer.status == 200 else answer.body
        told = {"id": f"vllm-{number:032x}", "custom_id": line["custom_id"]}
        written.append(json.dumps({**told, "response": response, "error": error}))
    return written
