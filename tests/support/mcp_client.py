"""The MCP SDK's own client: of the real command over its pipes, or of a server in this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from mcp.types import Tool

from mcp import StdioServerParameters
from panel.desk.session import Desk
from panel.endpoint.target import Chosen
from panel.mcp.serving import make_server


class ToolRefusedError(Exception):
    """A tool answered with an error; the message is what it said."""


@dataclass
class Session:
    """A client that is connected. said: where the server's stderr goes, of the command."""

    portal: BlockingPortal
    client: Client
    said: Path | None = None

    def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool; returns its structured answer, raises ToolRefusedError."""
        answer = self.portal.call(self.client.call_tool, tool, arguments)
        if answer.is_error:
            raise ToolRefusedError(answer.content[0].text)
        assert answer.structured_content is not None
        return answer.structured_content

    def tools(self) -> dict[str, Tool]:
        """Return what the server lists, by name."""
        return {each.name: each for each in self.portal.call(self.client.list_tools).tools}

    @property
    def instructions(self) -> str:
        """What the server says of itself."""
        return self.client.instructions or ""


@contextmanager
def _connected(client: Client, said: Path | None = None) -> Iterator[Session]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client) as opened:
        yield Session(portal, opened, said)


@contextmanager
def command_session(programs: Path, root: Path, *words: str) -> Iterator[Session]:
    """Start `panel mcp` in a workspace and connect to it."""
    with tempfile.NamedTemporaryFile("w+") as errors:
        command = StdioServerParameters(
            command=str(programs / "panel"),
            args=["mcp", *words],
            cwd=root,
            env=os.environ | {"CI": "true"},
        )
        with _connected(Client(stdio_client(command, errors)), Path(errors.name)) as session:
            yield session


@contextmanager
def session_here(root: Path, editor: str | None = None) -> Iterator[Session]:
    """Connect to a server of a workspace in this process; editor: who drafts, None for nobody."""
    desk = Desk(root, editor or "")
    try:
        with _connected(Client(make_server(desk, Chosen(), editor is not None))) as session:
            yield session
    finally:
        desk.close()
