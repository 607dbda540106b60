"""No approved word is ever lost, whatever editors do: hypothesis looks for a way.

``make test`` lets it look for a moment, ``make test-long`` for ten minutes.
"""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.editorial_machine import DECIDED, Editors
from tests.support.sizes import size

SECONDS = float(os.environ.get("PANEL_SOAK_SECONDS", "600"))
QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


@pytest.mark.slow
def test_editors_lose_no_approved_word() -> None:
    before = len(DECIDED)
    run_state_machine_as_test(
        Editors,
        settings=settings(
            max_examples=size(3, 5),
            stateful_step_count=20,
            derandomize=True,
            **QUICK,  # type: ignore[arg-type]
        ),
    )
    assert len(DECIDED) - before > size(2, 10), "a search that decides nothing finds nothing"


@pytest.mark.long
@pytest.mark.timeout(0)
def test_editors_lose_no_approved_word_for_a_long_time() -> None:
    end, rounds = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        run_state_machine_as_test(
            Editors,
            settings=settings(max_examples=10, stateful_step_count=40, database=None, **QUICK),  # type: ignore[arg-type]
        )
        rounds += 1
    approvals = sum(action == "approve" for action in DECIDED)
    print(f"{rounds * 10} histories, {len(DECIDED)} decisions, {approvals} of them approvals")
