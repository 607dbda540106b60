"""The lines of a journal: what a run, an attempt and an end say, as fields."""

from __future__ import annotations

import base64
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

from panel import __version__
from panel.cells.answers import INPUT_NAMES
from panel.cells.cells import AskedCell, ModelIdentity, PairKey
from panel.cells.journal import journal_line, utc_now
from panel.cells.renames import Rename
from panel.cells.shards import Shard
from panel.hashing import content_hash
from panel.stats import Outcome
from panel.text import clean_text
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages
from panel.workspace.tools import Tool
from panel.workspace.verdict import Verdict


def run_line(
    panel: Iterable[Persona | str],
    asked: ModelIdentity | None = None,
    purpose: str = "",
    experiment: str | None = None,
    shard: Shard | None = None,
    trial: bool = False,
    **counts: int,
) -> bytes:
    """Return the first line of a run. purpose: what a run does that asks no cell.

    panel: personas, or their ids. asked: the model; None where none is. experiment: that it asks
    for. shard: the one that it asks, None for all. trial: whether it only tries a model. counts:
    cells ``planned`` and ``reused``.
    """
    return journal_line(
        "run",
        {
            "started_at": utc_now(),
            "version": __version__,
            "endpoint": asked.endpoint if asked else "",
            "model": asked.model if asked else "",
            "model_identity": purpose or str(asked),
            "panel": [each if isinstance(each, str) else each.id for each in panel],
            "planned": counts.get("planned", 0),
            "reused": counts.get("reused", 0),
            "experiment": experiment,
            "shard": str(shard) if shard else None,
            "trial": trial,
        },
    )


def record_lines(
    tools: Iterable[Tool], personas: Iterable[Persona], known: Container[str]
) -> Iterator[bytes]:
    """Yield the lines of tools and personas as they are now, but for those already ``known``.

    known: content hashes of records that a journal holds as the latest ones.
    """
    now = utc_now()
    for kind, items in (("tool", tools), ("persona", personas)):
        for item in items:
            if (digest := item.digest()) not in known:
                fields = {"digest": digest, "seen_at": now, "record": item.record()}
                yield journal_line(kind, fields)


def rename_line(rename: Rename) -> bytes:
    """Return the line that says under which name a tool or persona goes on."""
    return journal_line("rename", {**asdict(rename), "renamed_at": utc_now()})


def adopt_lines(cells: Iterable[AskedCell]) -> bytes:
    """Return the lines by which stored answers of cells become the house panel's latest."""
    now = utc_now()
    return b"".join(
        journal_line("adopt", {**cell_fields(cell), "adopted_at": now}) for cell in cells
    )


def end_line(stopped: str | None = None, **server: Any) -> bytes:
    """Return the last line of a run. stopped: why early, None when it went to its end."""
    return journal_line("end", {"finished_at": utc_now(), "stopped": stopped, **server})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what became of it: everything an ``attempt`` line holds.

    messages: what this very request showed the model, repairs included. final: the cell
    ends with it. seconds: None in a batch, where nobody waited for it. body: the raw answer, kept
    whatever it is; None when none arrived.
    p_ship, p_ship_mass, p_ship_source: the probability that the model gave to "ship", of a
    ``ShipProbability``; None where the server told none.
    """

    cell: AskedCell
    ordinal: int
    messages: Messages
    output_mode: str
    repair: bool
    started_at: str
    finished_at: str
    seconds: float | None
    final: bool
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    verdict: Verdict | None = None
    reply: str | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    returned_model: str | None = None
    system_fingerprint: str | None = None
    p_ship: float | None = None
    p_ship_mass: float | None = None
    p_ship_source: str | None = None
    body: bytes | None = None
    degraded: bool = False
    adapted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownTake:
    """A take of an earlier attempt, and the messages that its model saw, as they were sent."""

    attempt_id: str
    pair: PairKey
    repeat: int
    fingerprint: str
    take: str
    messages: Messages


@dataclass(frozen=True, slots=True)
class Reading:
    """One request for the probability of a take's verdict: what a ``probability`` line holds.

    form: of the request. final: it need not be made again. p_ship, p_ship_mass, p_ship_source:
    None where the answer tells no probability; reason says why.
    """

    attempt_id: str
    read_at: str
    seconds: float
    form: str
    final: bool
    reason: str | None = None
    detail: str | None = None
    p_ship: float | None = None
    p_ship_mass: float | None = None
    p_ship_source: str | None = None
    http_status: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    returned_model: str | None = None
    body: bytes | None = None

    def line(self) -> bytes:
        """Return it as a journal line."""
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        return journal_line("probability", told | {"body": None} | body_fields(self.body))


_COPIED = [
    item.name
    for item in fields(Attempt)
    if item.name not in ("cell", "messages", "verdict", "body")
]


@lru_cache(maxsize=64)  # the rules of each persona, and the tools in flight
def _message_hash(role: str, content: str) -> str:
    return content_hash([role, content])


class Recorder:
    """Turns attempts into journal lines; writes each message of a run only once.

    It keeps the hashes of messages and not their texts, which may be those of 100,000 tools.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._count = 0
        self._written: set[str] = set()

    def message_lines(self, messages: Messages) -> tuple[list[bytes], list[str]]:
        """Return the lines of messages that are not written yet, and the hashes of all."""
        lines: list[bytes] = []
        hashes = []
        for message in messages:
            role, content = message
            name = _message_hash(role, content)
            if name not in self._written:
                self._written.add(name)
                shown = {"message": name, "role": role, "content": content}
                lines.append(journal_line("message", shown))
            hashes.append(name)
        return lines, hashes

    def attempt_lines(self, attempt: Attempt, custom_id: str | None = None) -> bytes:
        """Return the lines of an attempt: messages not yet written, then the attempt.

        custom_id: of the request in a batch that it answers.
        """
        lines, hashes = self.message_lines(attempt.messages)
        self._count += 1
        line: dict[str, Any] = {
            "attempt_id": f"{self._run_id}-{self._count:07}",
            **cell_fields(attempt.cell),
            "tool_record": attempt.cell.tool.digest(),
            "persona_record": attempt.cell.persona.digest(),
            **{name: getattr(attempt, name) for name in _COPIED},
            "messages": hashes,
        }
        if custom_id is not None:
            line["custom_id"] = custom_id
        if attempt.verdict is not None:
            line |= verdict_fields(attempt.verdict)
        lines.append(journal_line("attempt", line | body_fields(attempt.body)))
        return b"".join(lines)


def cell_fields(cell: AskedCell) -> dict[str, Any]:
    """Return what names a cell in a journal line, with the hashes of what went into it."""
    return {
        "tool": cell.tool.slug,
        "persona": cell.persona.id,
        "endpoint": cell.model.endpoint,
        "model": cell.model.model,
        "model_identity": str(cell.model),
        "repeat": cell.repeat,
        "fingerprint": cell.fingerprint,
        "wording": cell.wording,
        **{name: getattr(cell.inputs, name) for name in INPUT_NAMES},
    }


def verdict_fields(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the fields of a journal line."""
    return {
        "verdict": verdict.verdict,
        "confidence": verdict.confidence,
        "take": verdict.take,
        "beats": verdict.beats,
        "evidence": verdict.evidence,
    }


def body_fields(body: bytes | None) -> dict[str, str]:
    """Keep a body without loss: as text where it is UTF-8, else also in base64."""
    if body is None:
        return {}
    try:
        return {"body": clean_text(body.decode())} if b"\0" not in body else _binary(body)
    except UnicodeDecodeError:
        return _binary(body)


def _binary(body: bytes) -> dict[str, str]:
    readable = clean_text(body.decode("utf-8", "replace"))
    return {"body": readable, "body_base64": base64.b64encode(body).decode()}


def bytes_of(line: Mapping[str, Any]) -> bytes:
    """Return the body that ``body_fields`` wrote into a line; raises ValueError for none."""
    if "body_base64" in line:
        return base64.b64decode(line["body_base64"], validate=True)
    return str(line.get("body", "")).encode()
