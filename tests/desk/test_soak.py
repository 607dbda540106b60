"""No approved word is ever lost, whatever editors do: hypothesis looks for a way.

With the other tests it looks for a moment; ``make soak`` lets it look for ten minutes
(PANEL_SOAK_SECONDS says how long).
"""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.editorial_machine import DECIDED, Editors

SECONDS = float(os.environ.get("PANEL_SOAK_SECONDS", "0"))
QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


def test_editors_lose_no_approved_word() -> None:
    before = len(DECIDED)
    run_state_machine_as_test(
        Editors,
        settings=settings(max_examples=5, stateful_step_count=20, derandomize=True, **QUICK),  # type: ignore[arg-type]
    )
    assert len(DECIDED) - before > 10, "a search that decides nothing finds nothing"


@pytest.mark.skipif(not SECONDS, reason="runs for as long as PANEL_SOAK_SECONDS says (make soak)")
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
