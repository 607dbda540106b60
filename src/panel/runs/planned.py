"""What was planned, as plain JSON types, and the order in which it is asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from typing_extensions import TypedDict  # that of Python 3.11 has no schema

from panel.cells.order import Order, Place, billed_as_cached
from panel.cells.plan import cost_if_cached
from panel.runs.selection import Prepared


class PendingRecord(TypedDict):
    """A cell that a run would ask, and why."""

    tool: str
    persona: str
    repeat: int
    reason: str
    fingerprint: str


class PlanRecord(TypedDict):
    """What a run would ask. estimate: requests, tokens and US dollars; None where unknown."""

    endpoint: str
    model: str
    shard: str | None
    cells: int
    pending: int
    reused: int
    left: int
    waiting: int
    canaries: int
    perhaps: int
    reasons: dict[str, int]
    renamed: list[dict[str, Any]]
    order: dict[str, Any] | None
    estimate: dict[str, Any]
    pending_cells: list[PendingRecord]


def plan_record(prepared: Prepared) -> PlanRecord:
    """Return a plan as plain JSON types."""
    plan, target = prepared.plan, prepared.target
    return {
        "endpoint": target.endpoint.name,
        "model": str(target.model),
        "shard": str(prepared.selection.shard) if prepared.selection.shard else None,
        "cells": plan.cells,
        "pending": len(plan.pending),
        "reused": plan.reused,
        "left": plan.left,
        "waiting": plan.waiting,
        "canaries": len(prepared.canaries),
        "perhaps": len(prepared.perhaps),
        "reasons": dict(plan.reasons()),
        "renamed": [asdict(rename) for rename in prepared.renamed],
        "order": _order_record(prepared),
        "estimate": asdict(prepared.estimate),
        "pending_cells": [
            {
                "tool": cell.tool.slug,
                "persona": cell.persona.id,
                "repeat": cell.repeat,
                "reason": reason,
                "fingerprint": cell.fingerprint,
            }
            for cell, reason in plan.pending
        ],
    }


def order_of(prepared: Prepared) -> tuple[Order, list[Place]]:
    """Return the order of what is pending, and the places of those cells in it."""
    pending = [cell for cell, _reason in prepared.plan.pending]
    order = prepared.target.order(sorted({cell.repeat for cell in pending}))
    return order, prepared.target.places(pending)


def _order_record(prepared: Prepared) -> dict[str, Any] | None:
    if not prepared.plan.pending:
        return None
    order, places = order_of(prepared)
    return order.record(places) | {"cost_if_cached_usd": usd_if_cached(prepared)}


def usd_if_cached(prepared: Prepared) -> float | None:
    """Return the US dollars of a run where a cache serves what repeats; None where unknown."""
    order, places = order_of(prepared)
    endpoint = prepared.target.endpoint
    share = order.cached_share(
        places, lambda shared: billed_as_cached(shared, endpoint.chars_per_token)
    )
    return cost_if_cached(prepared.estimate, endpoint, share)
