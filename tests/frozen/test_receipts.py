"""Receipts of a verdict: looked up among all seals of the store, which are not walked through."""

from __future__ import annotations

from panel.frozen.receipts import with_receipts
from tests.support.counting import Looked
from tests.support.frozen_diffs import answer, published


def test_a_verdict_gets_the_seals_of_its_own_lines_without_a_walk_through_all() -> None:
    seals = Looked({f"attempt-{n}": f"seal-{n}" for n in range(1, 1001)})
    verdict = with_receipts(published(answer(repeat=1), answer(repeat=2)), [], seals)
    assert verdict.receipts == {"attempt-1": "seal-1", "attempt-2": "seal-2"}
    assert seals.walks == 0


def test_a_receipt_on_file_stands_over_the_seal_in_the_store() -> None:
    both = published(answer(repeat=1), answer(repeat=2))
    on_file = with_receipts(both, [], {"attempt-1": "then"})
    later = with_receipts(both, [on_file], {"attempt-1": "now", "attempt-2": "now"})
    assert later.receipts == {"attempt-1": "then", "attempt-2": "now"}


def test_a_line_without_a_seal_has_no_receipt() -> None:
    assert with_receipts(published(answer(repeat=1)), [], {}).receipts == {}
