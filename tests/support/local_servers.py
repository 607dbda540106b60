"""Model servers as they run on people's own machines: faces of the mock endpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.mock_endpoint import Answer, MockEndpoint


def listed(*entries: dict[str, Any]) -> Answer:
    """Return a model list in OpenAI's form."""
    return Answer(
        body={"object": "list", "data": [{"object": "model", **each} for each in entries]}
    )


@dataclass(eq=False)
class Ollama(MockEndpoint):
    """Ollama's own pages. models: name → what ``/api/show`` says that it can do, None for nothing.

    loaded: those in memory, each with a window of 8,192 tokens. instead: pages that go before its
    own.
    """

    models: dict[str, Sequence[str] | None] = field(
        default_factory=lambda: {"mistral-small:latest": ("completion", "tools")}
    )
    loaded: Sequence[str] = ()
    families: dict[str, str] = field(default_factory=dict)
    instead: dict[str, Answer] = field(default_factory=dict)

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Answer:
        """Answer one request as Ollama does."""
        tags = [
            {"name": name, "model": name, "details": {"family": self.families.get(name, "llama")}}
            for name in self.models
        ]
        running = [{**tag, "context_length": 8192} for tag in tags if tag["name"] in self.loaded]
        self.pages = {
            "/api/version": Answer(body={"version": "0.12.9"}),
            "/api/tags": Answer(body={"models": tags}),
            "/api/ps": Answer(body={"models": running}),
            "/v1/models": listed(*({"id": name, "owned_by": "library"} for name in self.models)),
            **self.instead,
        }
        if target == "/api/show":
            self.pages = {**self.pages, "/api/show": self._show(json.loads(raw)["model"])}
        return super().answer(method, target, headers, raw)

    def _show(self, name: str) -> Answer:
        can = self.models.get(name)
        return (
            Answer(404, {"error": "not found"})
            if can is None
            else Answer(body={"capabilities": [*can]})
        )
