"""Asks reviewers again from the desk: one run at a time, in a separate thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from panel.cells.cells import ModelIdentity
from panel.decisions import Pair
from panel.endpoint.choice import detection_off, options_of
from panel.endpoint.found import find_servers
from panel.endpoint.target import Chosen, resolve_target
from panel.engines.base import RunStats
from panel.errors import Choice, PanelError, UndecidedError
from panel.frozen.reading import read_from_store
from panel.runs.run import ProgressReporter, execute
from panel.runs.selection import Selection, prepare
from panel.store.ingest import opened
from panel.text import counted, in_words
from panel.workspace.endpoints import chosen_endpoint, configured_endpoints
from panel.workspace.loading import WorkspaceFiles, load_workspace

UNDECIDED = (
    "More than one server could be asked, and panel.toml names none. Choose one in a terminal, "
    "then ask again:"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The progress of asking a tool × persona again.

    state: waiting for its turn, asking, done or failed. says: one sentence for the editor.
    choices: what could be asked, and the command that chooses it.
    """

    state: Literal["waiting", "asking", "done", "failed"]
    says: str
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def under_way(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in ("waiting", "asking")


class BackgroundAsker:
    """Asks the pending questions of tool × persona pairs, one pair after the other."""

    def __init__(self, root: Path, endpoint: str | None, model: str | None) -> None:
        self._root = root
        self._chosen = (endpoint, model)
        self._lock = threading.Lock()
        self._waiting: deque[Pair] = deque()
        self._known: dict[Pair, Asked] = {}
        self._thread: threading.Thread | None = None

    def ask(self, pair: Pair) -> None:
        """Queue a pair and return at once. A pair that waits already keeps its place."""
        with self._lock:
            known = self._known.get(pair)
            if pair in self._waiting or (known is not None and known.state == "waiting"):
                return
            self._waiting.append(pair)
            if known is None or known.state != "asking":
                self._known[pair] = Asked("waiting", "Waiting for its turn.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def on(self, pair: Pair) -> Asked | None:
        """Return the progress of a pair; None if this desk never asked it."""
        with self._lock:
            return self._known.get(pair)

    def under_way(self) -> list[tuple[Pair, Asked]]:
        """Return the pairs that are being asked or wait, in order."""
        with self._lock:
            return [(pair, asked) for pair, asked in self._known.items() if asked.under_way]

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to ask; return False when ``seconds`` ran out first."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                pair = self._waiting.popleft()
                self._known[pair] = Asked("asking", "Asking ...")
            try:
                asked = self._run(pair)
            except UndecidedError as error:
                asked = Asked("failed", UNDECIDED, _named(error.choices))
            except PanelError as error:
                asked = Asked("failed", str(error))
            except Exception as error:  # else the page would wait for ever
                asked = Asked("failed", f"{type(error).__name__}: {error}")
            with self._lock:
                self._known[pair] = asked

    def _run(self, pair: Pair) -> Asked:
        def progress(stats: RunStats) -> None:
            said = f"Asking ... {stats.asked} answered, {counted(stats.requests, 'request')}."
            self._say(pair, said)

        workspace = load_workspace(self._root)
        endpoint, model = self._chosen
        if shown := _shown(workspace, endpoint, model):
            workspace, model = as_before(workspace, shown), shown.model
        chosen = Selection([pair[0]], [pair[1]], [], endpoint, model)
        prepared = prepare(workspace, chosen)
        many = len(prepared.plan.pending)
        self._say(pair, f"Asking {prepared.target.model} ...")
        reporter = ProgressReporter(progress, lambda note: self._say(pair, note))
        summary, stats = execute(workspace, prepared, reporter)
        if summary.stopped:
            return Asked("failed", f"Stopped: {stats.why or summary.stopped}")
        if summary.errors or summary.abstains:
            reasons = ", ".join(map(in_words, sorted(stats.reasons))) or "no verdict"
            return Asked("failed", f"There is no verdict: {reasons}.")
        if not many:
            return Asked("done", "There was nothing to ask: the answer is up to date.")
        return Asked("done", "A new answer has arrived.")

    def _say(self, pair: Pair, says: str) -> None:
        with self._lock:
            self._known[pair] = replace(self._known[pair], says=says)


def adopt(root: Path, pair: Pair, repeats: int, endpoint: str | None, model: str | None) -> bool:
    """Let earlier answers of a pair count again when their question is the present one again.

    Asks nothing. Returns whether there were any such answers.
    """
    workspace = load_workspace(root)
    if shown := _shown(workspace, endpoint, model):  # by its names: no server is looked for
        endpoint, model = shown.endpoint, shown.model
    prepared = prepare(workspace, Selection([pair[0]], [pair[1]], [], endpoint, model, repeats))
    if not prepared.plan.adopted:
        return False
    kept = replace(prepared, plan=replace(prepared.plan, pending=[]))
    execute(workspace, kept, ProgressReporter(_nobody, _nobody))
    return True


def as_before(
    workspace: WorkspaceFiles, shown: ModelIdentity, places: Sequence[str] | None = None
) -> WorkspaceFiles:
    """Return the workspace with the endpoint that answered before, where a server of it is there.

    Of several servers with its name and model it is the one at the address that the name stands
    for. As it was where it has an endpoint, or where there is none or no such one. places: where
    to look; None for the usual places.
    """
    settings = workspace.settings
    if chosen_endpoint(settings, None, shown.model) is not None or detection_off():
        return workspace
    options = [
        each
        for each in options_of(settings, workspace.root, find_servers(places))
        if (each.endpoint, each.model.name) == (shown.endpoint, shown.model)
    ]
    fitting = [each for each in options if each.explicit is None] or options
    if len(fitting) != 1:
        return workspace
    (found,) = fitting
    completed = settings.completed(found.endpoint, found.model.name, found.explicit)
    return replace(workspace, settings=completed)


def _named(choices: Sequence[Choice]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{each.model} of {each.server}", each.setup) for each in choices)


def _shown(
    workspace: WorkspaceFiles, endpoint: str | None, model: str | None
) -> ModelIdentity | None:
    """Return the model that the desk shows, where neither panel.toml nor the editor names one."""
    if endpoint is not None or configured_endpoints(workspace.settings):
        return None
    chosen = Chosen(model=model)
    with opened(workspace.runs) as connection:
        return resolve_target(read_from_store(workspace, chosen, connection), chosen).model


def _nobody(_said: object) -> None:
    """Report nothing."""
