"""The orchestrator: plan → ask → journal → ingest → summary. Every way to run goes through here."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from panel import __version__
from panel.catalog import Tool
from panel.endpoint.embedded import weights_digest
from panel.endpoint.prices import known_prices
from panel.engines import NO_BOUNDS, Bounds, Job, Tallies, load_engine
from panel.errors import EndpointError, JournalError, PanelError, StoreBusyError, UsageError
from panel.hashing import text_hash
from panel.journal import JournalWriter, cell_fields, encode, new_run_id, utc_now
from panel.personas import Persona
from panel.plan import (
    CellKey,
    Estimate,
    Known,
    ModelIdentity,
    Plan,
    estimate,
    identify,
    lay_out,
    make_plan,
)
from panel.settings import Endpoint, resolve_endpoint
from panel.store.ingest import ingest
from panel.store.queries import (
    answered_elsewhere,
    experience,
    known_cells,
    known_records,
    opened,
    run_totals,
)
from panel.workspace import Workspace

MEMORY = "endpoints.json"  # in runs/: what requests an endpoint takes


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command was asked to cover; empty lists mean everything.

    again: ask new repeats, whatever is stored. retry: outcomes ("error", "abstain") whose
    cells alone are to be asked once more.
    """

    tools: list[str] = field(default_factory=list)
    personas: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    endpoint: str | None = None
    model: str | None = None
    repeats: int = 1
    again: bool = False
    retry: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A selection, resolved and planned against the store. Nothing has been asked."""

    endpoint: Endpoint
    model: ModelIdentity
    tools: list[Tool]
    personas: list[Persona]
    plan: Plan
    stored_digests: set[str]
    stored_panel: list[str]
    selection: Selection
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``panel run --json`` prints; counts are of cells of the selection, None is unknown."""

    run_id: str | None
    planned: int
    reused: int
    asked: int
    verdicts: int
    abstains: int
    errors: int
    requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    seconds: float
    stopped: str | None

    def record(self) -> dict[str, Any]:
        """Return the summary as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told how a run goes."""

    progress: Callable[[Tallies], None]
    notice: Callable[[str], None]


def prepare(workspace: Workspace, selection: Selection) -> Prepared:
    """Resolve and plan a selection. Opens no connection to any endpoint."""
    endpoint = resolve_endpoint(
        workspace.settings, workspace.root, selection.endpoint, selection.model
    )
    endpoint = replace(endpoint, prices=known_prices(endpoint))
    model = identify(endpoint, weights_digest(endpoint) if endpoint.embedded else None)
    tools = workspace.select_tools(selection.tools, selection.categories)
    personas = workspace.select_personas(selection.personas)
    with opened(workspace.runs) as connection:
        known, seen = known_cells(connection, model), experience(connection, model)
        elsewhere = answered_elsewhere(connection, model)
        digests, panel = known_records(connection)
    first = 1 + _repeats_known(known, tools, personas) if selection.again else 1
    repeats = selection.repeats
    cells = lay_out(workspace.prompts, tools, personas, endpoint, model, repeats, first)
    plan = make_plan(cells, known, elsewhere, selection.retry, selection.again)
    endpoint = replace(endpoint, chars_per_token=seen.chars_per_token)
    size = estimate(plan, endpoint, seen)
    return Prepared(endpoint, model, tools, personas, plan, digests, panel, selection, size)


def _repeats_known(
    known: Mapping[CellKey, Known], tools: list[Tool], personas: list[Persona]
) -> int:
    chosen, reviewers = {tool.slug for tool in tools}, {persona.id for persona in personas}
    keys = (key for key in known if key[0] in chosen and key[1] in reviewers)
    return max((repeat for _tool, _persona, repeat in keys), default=0)


def execute(
    workspace: Workspace, prepared: Prepared, listener: Listener, bounds: Bounds = NO_BOUNDS
) -> tuple[Summary, Tallies]:
    """Ask what is pending within bounds, keep everything, return the summary.

    Raises UsageError for a bound on the cost of a model whose price is not known,
    EndpointError, JournalError, StoreError; what was answered until then is kept.
    """
    started = time.perf_counter()
    if bounds.max_cost is not None and prepared.endpoint.prices is None:
        raise UsageError(
            f"the price of {prepared.model} is not known, so --max-cost cannot hold. Write prices "
            f"under [endpoints.{prepared.endpoint.name}] in panel.toml, or use --max-tokens."
        )
    if not prepared.plan.pending:
        return _execute(workspace, prepared, listener, started, bounds)
    prepared.endpoint.api_key()  # a missing one is said before anything is written
    with _turn(workspace.runs, prepared.model):
        return _execute(workspace, _planned_anew(workspace, prepared), listener, started, bounds)


@contextmanager
def _turn(runs: Path, model: ModelIdentity) -> Iterator[None]:
    """Let one run at a time ask a model, or two would pay for the same cells.

    The lock goes with the process, however that ends. Raises StoreBusyError.
    """
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / f".asking-{text_hash(str(model))[:12]}").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreBusyError(
                f"another run is asking {model} in this workspace. Wait for it to end, or ask "
                "another model: two would pay for the same cells."
            ) from None
        yield


def _planned_anew(workspace: Workspace, prepared: Prepared) -> Prepared:
    """Plan the pending cells again: a run that has just ended may have settled some."""
    with opened(workspace.runs) as connection:
        known = known_cells(connection, prepared.model)
        digests, panel = known_records(connection)
    old = prepared.plan
    wanted, cells = prepared.selection, [cell for cell, _reason in old.pending]
    new = make_plan(cells, known, (), wanted.retry, wanted.again)
    plan = Plan(
        new.pending, old.reused + new.reused, old.adopted + new.adopted, old.left + new.left
    )
    return replace(prepared, plan=plan, stored_digests=digests, stored_panel=panel)


def _execute(
    workspace: Workspace, prepared: Prepared, listener: Listener, started: float, bounds: Bounds
) -> tuple[Summary, Tallies]:
    writer = JournalWriter(workspace.runs, new_run_id())
    opening = _opening(workspace, prepared)
    tallies = Tallies()
    if opening:
        try:
            writer.append(opening)
            tallies = _ask(workspace, prepared, writer, listener, bounds)
        except KeyboardInterrupt:
            tallies.stopped = "interrupted"
        except BaseException as error:
            tallies.stopped = _stopped_by(error)
            raise
        finally:
            _end(writer, tallies)
        ingest(workspace.runs)
    run_id = writer.run_id if opening else None
    return _summary(workspace, prepared, run_id, tallies, time.perf_counter() - started), tallies


def _ask(
    workspace: Workspace,
    prepared: Prepared,
    writer: JournalWriter,
    listener: Listener,
    bounds: Bounds,
) -> Tallies:
    cells = [cell for cell, _reason in prepared.plan.pending]
    if not cells:
        return Tallies()

    def checkpoint() -> None:
        # Busy: somebody reads for long. The journal has it, and the end tries again.
        with suppress(StoreBusyError):
            ingest(workspace.runs)

    job = Job(
        cells,
        prepared.endpoint,
        workspace.prompts,
        writer,
        listener.progress,
        checkpoint,
        listener.notice,
        workspace.runs / MEMORY,
        bounds,
    )
    return load_engine("local").ask_all(job)


def _opening(workspace: Workspace, prepared: Prepared) -> bytes:
    """Return the first lines of the journal: the run, and tools and personas not yet stored."""
    plan, now = prepared.plan, utc_now()
    records = [
        encode({"kind": kind, "digest": digest, "seen_at": now, "record": item.record()})
        for kind, items in (("tool", prepared.tools), ("persona", prepared.personas))
        for item in items
        if (digest := item.digest()) not in prepared.stored_digests
    ]
    panel = [persona.id for persona in workspace.personas]
    adopted = [
        encode({"kind": "adopt", **cell_fields(cell), "adopted_at": now}) for cell in plan.adopted
    ]
    if not (plan.pending or records or adopted or panel != prepared.stored_panel):
        return b""
    run = {
        "kind": "run",
        "format": 1,
        "started_at": now,
        "version": __version__,
        "endpoint": prepared.endpoint.name,
        "model": prepared.endpoint.model,
        "model_identity": str(prepared.model),
        "panel": panel,
        "planned": plan.cells,
        "reused": plan.reused,
    }
    return b"".join([encode(run), *records, *adopted])


def _stopped_by(error: BaseException) -> str:
    if isinstance(error, JournalError):
        return "journal"
    return "endpoint" if isinstance(error, EndpointError) else "error"


def _end(writer: JournalWriter, tallies: Tallies) -> None:
    line = {
        "kind": "end",
        "finished_at": utc_now(),
        "stopped": tallies.stopped,
        "server": tallies.server or None,
        "server_version": tallies.server_version,
        "rung": tallies.rung or None,
        "concurrency": tallies.concurrency,
    }
    try:
        if writer.started:
            writer.append(encode(line))
    except PanelError:
        pass  # the reason the run ends with is already on its way up; the views show "cut off"
    finally:
        writer.close()


def _summary(
    workspace: Workspace,
    prepared: Prepared,
    run_id: str | None,
    tallies: Tallies,
    seconds: float,
) -> Summary:
    totals: dict[str, Any] = {}
    if tallies.asked and run_id:
        with opened(workspace.runs) as connection:
            totals = run_totals(connection, run_id) or {}
    return Summary(
        run_id=run_id,
        planned=prepared.plan.cells,
        reused=prepared.plan.reused,
        asked=totals.get("asked", 0),
        verdicts=totals.get("verdicts", 0),
        abstains=totals.get("abstains", 0),
        errors=totals.get("errors", 0),
        requests=totals.get("requests", 0),
        prompt_tokens=totals.get("prompt_tokens", 0 if not tallies.asked else None),
        completion_tokens=totals.get("completion_tokens", 0 if not tallies.asked else None),
        cached_tokens=totals.get("cached_tokens", 0 if not tallies.asked else None),
        cost_usd=totals.get("cost_usd", 0.0 if not tallies.asked else None),
        seconds=round(seconds, 3),
        stopped=tallies.stopped,
    )
