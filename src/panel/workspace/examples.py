"""Worked examples for very small models: a fictional tool and the answer to copy, per persona."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from panel.errors import WorkspaceError
from panel.workspace.documents import FieldPath, Lines, parse_yaml, yaml_lines
from panel.workspace.personas import Persona
from panel.workspace.plain_files import read_text, refuse_outside
from panel.workspace.tools import DESCRIPTION_LIMIT, Line, Pricing, Text, Tool, slugify
from panel.workspace.validation import validate
from panel.workspace.verdict import HOUSE_FORM, Form, parse, schema_for

EXAMPLES = "examples"  # the folder below prompts/


class ExampleTool(BaseModel):
    """The fictional tool of a worked example."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Line
    tagline: Line
    category: Line
    pricing: Pricing


def _one_verdict(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("verdict") not in ("ship", "skip"):
        raise ValueError("has no verdict. Write verdict: ship or verdict: skip.")
    return answer


class Example(BaseModel):
    """One worked example of a persona: a fictional tool and the answer to copy."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tool: ExampleTool
    description: Annotated[Text, Field(min_length=1, max_length=DESCRIPTION_LIMIT)]
    answer: Annotated[dict[str, Any], AfterValidator(_one_verdict)]

    def as_tool(self) -> Tool:
        """Return the fictional tool as one under review."""
        return Tool(slug=slugify(self.tool.name), description=self.description, **dict(self.tool))

    def reply(self, persona: Persona, form: Form = HOUSE_FORM) -> str:
        """Return the answer as a model should write it: JSON, fields in the schema's order."""
        answer = {name: self.answer[name] for name in _fields(persona, form) if name in self.answer}
        return json.dumps(answer, ensure_ascii=False)


def _fields(persona: Persona, form: Form = HOUSE_FORM) -> list[str]:
    return list(schema_for(persona, form=form)["properties"])


def load_examples(file: Path, persona: Persona) -> tuple[Example, ...]:
    """Read a persona's two examples, one ship and one skip; none where there is no file.

    Raises WorkspaceError.
    """
    refuse_outside(file.parents[1], file)
    if not file.exists():  # a persona without examples is asked without any
        return ()
    source = read_text(file)
    found = parse_yaml(source, file)
    lines = yaml_lines(source)
    if not isinstance(found, list) or len(found) != 2:
        raise WorkspaceError.single(
            file, 1, "", "is not a list of two examples", "Write one ship, one skip."
        )
    examples = []
    for index, fields in enumerate(found):
        example = validate(Example, fields, file, _below(lines, index))
        try:
            parse(example.reply(persona), persona)
        except (TypeError, ValueError) as error:
            raise WorkspaceError.single(
                file,
                lines((index, "answer")),
                "answer",
                f"is no verdict of {persona.id!r}: {error}",
                "Its fields are " + ", ".join(_fields(persona)) + ".",
            ) from None
        examples.append(example)
    if {example.answer["verdict"] for example in examples} != {"ship", "skip"}:
        raise WorkspaceError.single(
            file, 1, "", "does not show both verdicts", "Write one ship, one skip."
        )
    return tuple(examples)


def _below(lines: Lines, index: int) -> Lines:
    """Return a line finder for the paths of one item of a list."""

    def find(path: FieldPath) -> int | None:
        return lines((index, *path))

    return find
