"""What is said on stderr beside a run: a smaller first step, why it stopped, what is lacking."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from panel.cli.output import note
from panel.endpoint.choice import in_ci
from panel.engines.base import RunStats
from panel.runs.run import RunSummary
from panel.runs.selection import Prepared
from panel.text import counted
from panel.workspace.addresses import is_loopback

if TYPE_CHECKING:  # a run that asks nothing is quick: it does not import the wing
    from panel.research.asking import AskedModel

MANY = 20  # cells that are much for a model on this machine


def first_step(prepared: Prepared) -> str:
    """Offer less to somebody who begins with a model on this machine; "" for all others."""
    endpoint, pending = prepared.target.endpoint, prepared.plan.pending
    host = urlsplit(endpoint.base_url or "").hostname or ""
    here = endpoint.embedded or is_loopback(host)
    if len(pending) < MANY or prepared.plan.reused or in_ci() or not here:
        return ""
    first = pending[0][0].tool.slug
    cells = sum(cell.tool.slug == first for cell, _reason in pending)
    return (
        f" A model on this machine may take {'a while' if endpoint.demo else 'hours'}. 'panel run "
        f"--tool {first}' is a smaller first step ({counted(cells, 'cell')}). Ctrl-C stops, and "
        "what is answered is kept."
    )


def remark(endpoint: str, summary: RunSummary, stats: RunStats) -> None:
    """Say on stderr why a run stopped early, and what a recording lacks."""
    kept = "Everything answered is kept; " if summary.asked else ""
    if stats.stopped == "endpoint":
        note(
            f"Stopped asking {endpoint!r}: {stats.why} {kept}'panel doctor --endpoint "
            f"{shlex.quote(endpoint)}' looks closer."
        )
    if summary.stopped == "budget":
        note(f"Stopped: {stats.why}. {kept}the next run goes on.")
    if summary.stopped == "interrupted":
        note(f"Interrupted. {kept}{'run' if kept else 'Run'} again to go on.")
    if stats.miscounted:
        note(
            f"The token counts of {endpoint!r} are unreliable: "
            f"{_miscounted(stats.miscounted)}. Such counts are left out, and budgets keep to the "
            "estimate."
        )
    if missed := stats.reasons.get("error: not_recorded"):
        note(
            f"{counted(missed, 'cell has', 'cells have')} no answer in the recording as they are "
            "now: record them again ('panel run --record FILE' with the model)."
        )


def _miscounted(many: int) -> str:
    if many == 1:
        return "1 reply counts fewer tokens than its prompt has"
    return f"{many:,} replies count fewer tokens than their prompts have"


def remark_all(models: Sequence[AskedModel]) -> None:
    """Say on stderr why the runs of several models stopped early: all stop with the first."""
    for each in [each for each in models if each.stats.why] or models[:1]:
        remark(each.endpoint, each.summary, each.stats)
