"""The questions that every client asks, and the model of their answers: the same for all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

IN_FLIGHT = 64


class Answer(BaseModel):
    """An answer of about 1 KB."""

    model_config = ConfigDict(extra="forbid")

    evidence: list[str]
    first: str
    second: str
    third: str
    fourth: str
    verdict: Literal["ship", "skip"]
    verdict_confidence: Annotated[int, Field(ge=0, le=100)]


def questions(file: Path, count: int) -> Iterator[tuple[str, str]]:
    """Yield so many (rules, question) pairs, each question another one.

    file: JSON with rules (about 900 characters) and description (1,500).
    """
    texts = json.loads(file.read_text())
    for number in range(count):
        yield texts["rules"], f"Tool {number:05d}: {texts['description']}"
