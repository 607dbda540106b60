"""What earlier steps of a job have found out, for its report: how asking ended, what is stale."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from panel.errors import UsageError
from panel.frozen.staleness import StaleEntry
from panel.text import counted

_STOPPED = {
    "budget": "by its budget",
    "endpoint": "by the endpoint, which refused or could not be reached",
    "interrupted": "from outside",
}


class RunOutcome(BaseModel):
    """What ``panel run --json``, or ``panel canary --json``, has printed.

    The defaults are those of a run that never began.
    """

    model_config = ConfigDict(frozen=True)

    planned: int = 0
    reused: int = 0
    left: int = 0
    canary_cells: int = 0
    asked: int = 0
    errors: int = 0
    requests: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    stopped: str | None = None
    began: bool = True

    @property
    def unasked(self) -> int:
        """How many cells of the selection were to be asked and were not."""
        return self.planned - self.reused - self.left - self.asked

    def trouble(self) -> str | None:
        """Say in one sentence why not every cell has an answer; None if every one has."""
        if not self.began:
            return "The run ended before it asked anything; the job's log says why."
        if self.stopped is not None:
            by = _STOPPED.get(self.stopped, f"({self.stopped})")
            return (
                f"The run was stopped {by}: {self.asked:,} of "
                f"{counted(self.asked + self.unasked, 'cell')} "
                f"{'was' if self.asked == 1 else 'were'} asked, "
                f"{counted(self.unasked, 'was', 'were')} left unasked. The next run goes on from "
                "there."
            )
        if self.errors:
            return (
                f"{self.errors:,} of the {counted(self.asked, 'cell')} asked ended in an error. "
                "The next run asks them again."
            )
        return None

    def cost(self) -> str:
        """Say in one sentence what was asked and what it cost."""
        if not self.requests:
            return "Nothing was asked."
        beside = (
            f" and {counted(self.canary_cells, 'cell')} of canaries" if self.canary_cells else ""
        )
        parts = [
            f"{counted(self.asked, 'cell')}{beside} asked in {counted(self.requests, 'request')}"
        ]
        for many, what in ((self.prompt_tokens, "prompt"), (self.completion_tokens, "completion")):
            if many is not None:
                parts.append(counted(many, f"{what} token"))
        cost = "cost unknown" if self.cost_usd is None else f"${self.cost_usd:,.4f}"
        return ", ".join([*parts, cost]) + "."


class _Checked(BaseModel):
    found: list[StaleEntry]


Told = TypeVar("Told", bound=BaseModel)


def read_outcome(file: Path) -> RunOutcome:
    """Read what ``panel run --json`` wrote into a file; an empty one: it ended before it asked.

    Raises UsageError for a file that cannot be read or holds something else.
    """
    told = _read(RunOutcome, file, "--run", "panel run --json")
    return RunOutcome(began=False) if told is None else told


def read_checked(file: Path) -> list[StaleEntry]:
    """Read what ``panel check --frozen --json`` has found; raises UsageError as read_outcome does.

    An empty file is an error here: a check that ended before it looked has not found nothing.
    """
    told = _read(_Checked, file, "--checked", "panel check --frozen --json")
    if told is None:
        raise UsageError(f"--checked {str(file)!r} is empty: the check did not get to its end.")
    return told.found


def _read(model: type[Told], file: Path, option: str, command: str) -> Told | None:
    try:
        text = file.read_text(encoding="utf-8")
        return model.model_validate_json(text) if text.strip() else None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{option} {str(file)!r} cannot be read: {why}.") from None
    except ValidationError:
        raise UsageError(
            f"{option} {str(file)!r} does not hold what '{command}' prints. Write its output "
            "there, and nothing else."
        ) from None
