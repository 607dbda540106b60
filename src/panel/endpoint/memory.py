"""Remembers what endpoints refused, so that the next run does not ask for it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from panel.endpoint.output_modes import RequestProfile, native_form
from panel.endpoint.servers import Server
from panel.hashing import text_hash
from panel.workspace.endpoints import Endpoint


class Memory:
    """Request profiles in one JSON file, by the endpoint's address, model, server and version."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def recall(self, endpoint: Endpoint, server: Server) -> RequestProfile:
        """Return the remembered profile, or a fresh one for an endpoint that is not known."""
        try:
            return RequestProfile.of(self._read()[endpoint_key(endpoint, server)])
        except (KeyError, TypeError, ValueError, AttributeError):
            return RequestProfile(native=native_form(server.name))

    def keep(self, endpoint: Endpoint, server: Server, profile: RequestProfile) -> None:
        """Remember a profile. A file that cannot be written is no error: it is learned again."""
        known = self._read()
        entry = {"endpoint": endpoint.name, "server": server.name, **profile.record()}
        if known.get(endpoint_key(endpoint, server)) == entry:
            return
        known[endpoint_key(endpoint, server)] = entry
        fresh = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(known, indent=1))
            fresh.replace(self._file)
        except OSError:
            pass

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def endpoint_key(endpoint: Endpoint, server: Server) -> str:
    """Return the key of an endpoint in the file."""
    parts = [endpoint.base_url, endpoint.model, server.name, server.version]
    return text_hash(json.dumps(parts))
