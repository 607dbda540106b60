"""How often one question, asked again, is answered the other way."""

from __future__ import annotations


def flip_rate(ships: int, n: int) -> float | None:
    """Return the chance that two different repeats of one cell disagree, 0 to 1.

    2k(r - k) / (r(r - 1)) with k ships of r repeats: the share of pairs of repeats that differ,
    and so an estimate of ``true_flip_rate`` without bias. None below two repeats: a single
    answer says nothing of the next. Raises ValueError unless 0 <= ships <= n.
    """
    if not 0 <= ships <= n:
        raise ValueError(f"need 0 <= ships <= n, got {ships!r} of {n!r}")
    return 2 * ships * (n - ships) / (n * (n - 1)) if n > 1 else None


def true_flip_rate(p: float) -> float:
    """Return the chance that two answers of a cell differ that ships with chance ``p``: 2p(1 - p).

    At most one half. Raises ValueError unless 0 <= p <= 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"need 0 <= p <= 1, got {p!r}")
    return 2 * p * (1 - p)
