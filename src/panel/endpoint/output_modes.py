"""Output modes: the ways to ask for structured output, strictest first, and their requests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from panel.cells.cells import Cell
from panel.endpoint.probabilities import LOGPROB_FIELDS, TOP
from panel.workspace.endpoints import Endpoint
from panel.workspace.prompts import Messages
from panel.workspace.text_calls import TOOL

OutputMode = Literal["json_schema", "native", "tool", "json_object", "prompted"]
OUTPUT_MODES: tuple[OutputMode, ...] = ("json_schema", "native", "tool", "json_object", "prompted")
Schema = dict[str, Any]

# How some servers enforce a schema in a form of their own, besides json_schema.
_NATIVE = {
    "TGI": lambda schema: {"response_format": {"type": "json", "value": schema}},
    "vLLM": lambda schema: {"structured_outputs": {"json": schema}},
    "llama.cpp": lambda schema: {"response_format": {"type": "json_object", "schema": schema}},
}
# Which server a refusal of json_schema comes from, where the server did not give its name.
_HINTS = {"TGI": r"missing field `value`", "llama.cpp": r"'text' or 'json_object'"}
_OTHER_NAME = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
    "seed": "random_seed",
}
NEEDED = {"model", "messages"}  # and the form of the answer, without which a request makes no sense
NEEDED |= {"response_format", "tools", "tool_choice", "structured_outputs", "provider"}


@dataclass(slots=True)
class RequestProfile:
    """How requests to one endpoint are made; learned from what the server refuses.

    output_mode: how structured output is asked for. native: the server whose form the output
    mode "native" uses. without: request fields left out. renamed: field → the name that the
    server knows. merge_system: the system message is put before the first user message. logprobs:
    whether the server was seen to tell the probabilities of its tokens. decisions: the form in
    which it took a request to /v1/decisions, "" where none is known.
    """

    output_mode: OutputMode = "json_schema"
    native: str | None = None
    without: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    merge_system: bool = False
    logprobs: bool = False
    decisions: str = ""

    def record(self) -> dict[str, Any]:
        """Return what was learned as plain JSON types."""
        return {
            "output_mode": self.output_mode,
            "native": self.native,
            "without": sorted(self.without),
            "renamed": self.renamed,
            "merge_system": self.merge_system,
            "logprobs": self.logprobs,
            "decisions": self.decisions,
        }

    @classmethod
    def of(cls, record: dict[str, Any]) -> RequestProfile:
        """Read a record; raises KeyError, TypeError or ValueError where it is not one.

        A file may be somebody else's: only what the program itself may learn is read from it.
        """
        if record["output_mode"] not in OUTPUT_MODES:
            raise ValueError(record["output_mode"])
        renamed = {**record["renamed"]}
        return cls(
            output_mode=record["output_mode"],
            native=record["native"] if record["native"] in _NATIVE else None,
            without={str(name) for name in record["without"]} - NEEDED,
            renamed={old: new for old, new in _OTHER_NAME.items() if renamed.get(old) == new},
            merge_system=bool(record["merge_system"]),
            logprobs=bool(record.get("logprobs")),
            decisions=str(record.get("decisions", "")),
        )

    def adapted(self) -> tuple[str, ...]:
        """Return how requests differ from what the settings say, one note each."""
        notes = [f"without {name}" for name in sorted(self.without)]
        notes += [f"{old} sent as {new}" for old, new in sorted(self.renamed.items())]
        return (*notes, "system merged into user") if self.merge_system else tuple(notes)

    def shown(self, messages: Messages) -> Messages:
        """Return the messages as they are sent."""
        if not self.merge_system or not messages or messages[0][0] != "system":
            return messages
        (_role, system), *rest = messages
        place = next((n for n, (role, _text) in enumerate(rest) if role == "user"), None)
        if place is None:
            return (("user", system), *rest)
        rest[place] = ("user", f"{system}\n\n{rest[place][1]}")
        return tuple(rest)

    def drop(self, name: str) -> None:
        """Rename a refused field, or leave it out if its other name was refused too."""
        if name in self.without | self.renamed.keys():
            return  # another cell has learned it meanwhile
        if name in LOGPROB_FIELDS:  # one without the other tells nothing, or is refused
            self.without.update(LOGPROB_FIELDS)
            return
        original = next((old for old, new in self.renamed.items() if new == name), name)
        if original == name and name in _OTHER_NAME:
            self.renamed[name] = _OTHER_NAME[name]
        else:
            self.renamed.pop(original, None)
            self.without.add(original)

    def weaker_mode(self, said: str = "", below: OutputMode | None = None) -> OutputMode:
        """Return the output mode to ask in after a refusal; "prompted" has none under it.

        said: the words of the refusal, which may name a server. below: the mode that was
        refused, the profile's own by default.
        """
        for server, words in _HINTS.items():
            if re.search(words, said):
                self.native = server
        for output_mode in OUTPUT_MODES[OUTPUT_MODES.index(below or self.output_mode) + 1 :]:
            if output_mode != "native" or self.native is not None:
                return output_mode
        return "prompted"

    def request(
        self,
        endpoint: Endpoint,
        messages: Messages,
        schema: Schema,
        fields: Schema,
        output_mode: OutputMode,
    ) -> dict[str, Any]:
        """Return the body of a chat request. fields: the sampling fields."""
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": role, "content": content} for role, content in messages],
        }
        # No stream is the default, but some gateways have another.
        fields = {"stream": False, **fields, **self._logprobs(endpoint)}
        for name, value in fields.items():
            if name not in self.without:
                body.setdefault(self.renamed.get(name, name), value)
        body |= self._form(schema, output_mode)
        if endpoint.preset == "openrouter" and output_mode != "prompted":
            # Otherwise it drops the schema where its chosen provider does not support one.
            body["provider"] = {**(body.get("provider") or {}), "require_parameters": True}
        return body

    def cap(self, endpoint: Endpoint, body: dict[str, Any]) -> int | None:
        """Return the tokens that a request lets its reply have; None where it sets no bound."""
        name = endpoint.max_tokens_field
        cap = body.get(self.renamed.get(name, name))
        return cap if isinstance(cap, int) else None

    def _logprobs(self, endpoint: Endpoint) -> Schema:
        """Return the fields that ask for probabilities; the model is shown nothing of them."""
        asked = self.logprobs if endpoint.logprobs is None else endpoint.logprobs
        return dict(zip(LOGPROB_FIELDS, (True, TOP), strict=True)) if asked else {}

    def _form(self, schema: Schema, output_mode: OutputMode) -> dict[str, Any]:
        match output_mode:
            case "json_schema":
                named = {"name": "verdict", "strict": True, "schema": schema}
                return {"response_format": {"type": "json_schema", "json_schema": named}}
            case "native":
                return _NATIVE[self.native or "llama.cpp"](schema)
            case "tool":
                function = {"name": TOOL, "description": "Give your verdict.", "parameters": schema}
                # A string: several servers refuse an object here, or treat it as "auto".
                return {
                    "tools": [{"type": "function", "function": function}],
                    "tool_choice": "required",
                }
            case "json_object":
                return {"response_format": {"type": "json_object"}}
        return {}


def native_form(server: str) -> str | None:
    """Return whose own form of structured output a server has; None where it has none."""
    return server if server in ("TGI", "vLLM", "llama.cpp") else None


def optional_fields(body: dict[str, Any]) -> set[str]:
    """Return the names of the fields that a request still makes sense without."""
    return set(body) - NEEDED


def plain_fields(cell: Cell, endpoint: Endpoint, longer: bool) -> dict[str, Any]:
    """Return a cell's sampling fields; ``longer`` doubles the cap on the reply."""
    fields = dict(cell.sampling)
    if longer and endpoint.max_tokens_field in fields:
        fields[endpoint.max_tokens_field] *= 2
    return fields
