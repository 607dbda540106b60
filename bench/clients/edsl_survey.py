"""Asks the questions with edsl: a survey of one question with a pydantic model, over scenarios.

Usage: python edsl_survey.py BASE_URL COUNT QUESTIONS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from answer import Answer, questions
from edsl import Agent, Cache, Model, QuestionPydantic, Scenario, ScenarioList


def main() -> None:
    """Ask what is not in the cache, which is a file of this folder."""
    _, base_url, count, file = sys.argv
    asked = list(questions(Path(file), int(count)))
    question = QuestionPydantic(
        question_name="verdict", question_text="{{ scenario.question }}", pydantic_model=Answer
    )
    model = Model("mock-1", service_name="openai_compatible", base_url=base_url, temperature=0.7)
    agent = Agent(name="reviewer", instruction=asked[0][0])
    rows = ScenarioList([Scenario({"question": text}) for _rules, text in asked])
    kept = Path("cache.jsonl")
    cache = Cache.from_jsonl(str(kept)) if kept.exists() else Cache()
    results = (
        question.by(rows)
        .by(agent)
        .by(model)
        .run(
            cache=cache,
            disable_remote_inference=True,
            disable_remote_cache=True,
            progress_bar=False,
        )
    )
    cache.write_jsonl(str(kept))
    answers = [Answer.model_validate(answer) for answer in results.select("verdict").to_list()]
    print(json.dumps({"answers": len(answers)}))


if __name__ == "__main__":
    main()
