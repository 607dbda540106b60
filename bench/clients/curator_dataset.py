"""Asks the questions with bespokelabs-curator: an LLM with a response format, its cache on.

Usage: python curator_dataset.py BASE_URL COUNT QUESTIONS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from answer import IN_FLIGHT, Answer, questions
from bespokelabs import curator

PLENTY = 10**9  # a minute: no limit of its own


class Reviewer(curator.LLM):
    """Asks one question a row."""

    response_format = Answer

    def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
        """Return the messages of a row."""
        return [
            {"role": "system", "content": row["rules"]},
            {"role": "user", "content": row["question"]},
        ]

    def parse(self, _row: dict[str, Any], answer: Answer) -> list[dict[str, Any]]:
        """Return the row of an answer, which curator has read with the model."""
        return [answer.model_dump()]


def main() -> None:
    """Ask every row that is not in the cache."""
    _, base_url, count, file = sys.argv
    rows = [
        {"rules": rules, "question": question}
        for rules, question in questions(Path(file), int(count))
    ]
    reviewer = Reviewer(
        model_name="mock-1",
        backend="openai",
        generation_params={"temperature": 0.7, "max_tokens": 1500},
        backend_params={
            "base_url": base_url,
            "api_key": "mock",
            "max_concurrent_requests": IN_FLIGHT,
            "max_requests_per_minute": PLENTY,
            "max_tokens_per_minute": PLENTY,
        },
    )
    answered = reviewer(rows)
    print(json.dumps({"answers": len(getattr(answered, "dataset", answered))}))


if __name__ == "__main__":
    main()
