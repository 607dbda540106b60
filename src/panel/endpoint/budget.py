"""What a run may spend: what requests under way may take is set aside before they are sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """What a run may spend; None is no bound. exceeded: the bound that ended the run.

    flying: requests under way, which may take less than was set aside for them.

    The expected size of a request is set aside before it is sent. Without that, requests in
    flight together could exceed a bound that each of them alone keeps.
    """

    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    exceeded: str | None = None
    flying: int = 0

    def reserve(self, tokens: int, cost: float | None) -> bool:
        """Set a request's expected tokens and cost aside; False where a bound does not allow it."""
        for name, bound, then in (
            ("--max-calls", self.max_calls, self.calls + 1),
            ("--max-tokens", self.max_tokens, self.tokens + tokens),
            ("--max-cost", self.max_cost, self.cost + (cost or 0.0)),
        ):
            if bound is not None and then > bound:
                self.exceeded = f"{name} {bound:,}"
                return False
        self.calls += 1
        self.flying += 1
        self.tokens += tokens
        self.cost += cost or 0.0
        return True

    def correct(
        self, reserved: tuple[int, float | None], tokens: int | None, cost: float | None
    ) -> None:
        """Replace what was set aside (tokens, cost) by what the request really took.

        None, where the server does not count, leaves the expectation as it is.
        """
        self.flying -= 1
        if tokens is not None:
            self.tokens += tokens - reserved[0]
        if cost is not None:
            self.cost += cost - (reserved[1] or 0.0)
