"""Asks the questions with inspect_ai: a task, its cache of replies, a scorer that reads answers.

Usage: python inspect_ai_task.py BASE_URL COUNT QUESTIONS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from answer import IN_FLIGHT, Answer, questions
from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    ResponseSchema,
    get_model,
)
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState, generate
from inspect_ai.util import json_schema


@scorer(metrics=[mean()])
def ships() -> Scorer:
    """Read the answer with the pydantic model; 1 is ship."""

    async def score(state: TaskState, _target: Target) -> Score:
        answer = Answer.model_validate_json(state.output.completion)
        return Score(value=int(answer.verdict == "ship"))

    return score


def main() -> None:
    """Evaluate once; replies that are in the cache are not asked for."""
    _, base_url, count, file = sys.argv
    asked = [
        Sample(input=[ChatMessageSystem(content=rules), ChatMessageUser(content=question)])
        for rules, question in questions(Path(file), int(count))
    ]
    form = ResponseSchema(name="verdict", json_schema=json_schema(Answer), strict=True)
    config = GenerateConfig(
        temperature=0.7, max_tokens=1500, response_schema=form, max_connections=IN_FLIGHT
    )
    model = get_model("openai-api/mock/mock-1", base_url=base_url, api_key="mock")
    task = Task(MemoryDataset(asked), solver=generate(cache=True), scorer=ships(), config=config)
    [log] = evaluate(task, model=model, display="none", log_dir="logs", max_samples=IN_FLIGHT)
    assert log.results is not None, log.error
    print(json.dumps({"answers": log.results.completed_samples}))


if __name__ == "__main__":
    main()
