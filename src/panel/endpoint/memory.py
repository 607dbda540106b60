"""Remembers which server an endpoint is and what it refused, so that the next run need not ask."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from panel.endpoint.client import Client
from panel.endpoint.output_modes import RequestProfile, native_form
from panel.endpoint.servers import Server, identify
from panel.errors import WorkspaceError
from panel.hashing import text_hash
from panel.text import utc
from panel.workspace.endpoints import Endpoint
from panel.workspace.plain_files import read_bytes, write_fresh
from panel.workspace.scaffold import make_runs

KNOWN_FOR = timedelta(days=1)  # after which it is looked again: servers are updated, ports reused


class Memory:
    """Servers and request profiles in one JSON file, by an endpoint's settings and model."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def recognise(self, client: Client, endpoint: Endpoint) -> Server:
        """Return which server answers: the remembered one for a day, else the one found out.

        Where the server does not let itself be found out now, the remembered one counts.
        """
        known = self.server(endpoint)
        if known is not None and _recent(known.seen_at):
            return known
        found = await identify(client, endpoint)
        return found if found.seen_at or known is None else replace(known, seen_at="")

    def server(self, endpoint: Endpoint) -> Server | None:
        """Return the server that answered last, however long ago; None where none did."""
        try:
            entry = self._read()[endpoint_key(endpoint)]
            version = entry["version"] and str(entry["version"])
            slots = entry["slots"] if isinstance(entry.get("slots"), int) else None
            seen = str(entry["seen_at"])
            return Server(str(entry["server"]), version, slots=slots, seen_at=seen)
        except (KeyError, TypeError):
            return None

    def recall(self, endpoint: Endpoint, server: Server) -> RequestProfile:
        """Return the profile remembered of a server and its version, or a fresh one."""
        known = self.server(endpoint)
        try:
            if known is not None and (known.name, known.version) == (server.name, server.version):
                return RequestProfile.of(self._read()[endpoint_key(endpoint)])
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        return RequestProfile(native=native_form(server.name))

    def keep(self, endpoint: Endpoint, server: Server, profile: RequestProfile) -> None:
        """Remember server and profile; one whose ``seen_at`` is "" is found out again next time.

        A file that cannot be written is no error: it is learned again.
        """
        known = self._read()
        old = known.get(endpoint_key(endpoint))
        entry = {
            "endpoint": endpoint.name,
            "server": server.name,
            "version": server.version,
            "slots": server.slots,
            "seen_at": server.seen_at,
            **profile.record(),
        }
        if old == entry:
            return
        if isinstance(old, dict) and old.get("seen_at") == server.seen_at:
            entry["seen_at"] = ""  # it refused what it took before, so it may be another
        known[endpoint_key(endpoint)] = entry
        fresh = self._file.with_suffix(".new")
        try:
            make_runs(self._file.parent)
            write_fresh(fresh, json.dumps(known, indent=1).encode())
            fresh.replace(self._file)
        except OSError:
            pass

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(read_bytes(self._file))
        except (WorkspaceError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def endpoint_key(endpoint: Endpoint) -> str:
    """Return the key of an endpoint in the file; it changes with what decides who answers."""
    sent = [endpoint.api_key_env, dict(endpoint.headers), dict(endpoint.headers_env)]
    return text_hash(json.dumps([endpoint.base_url, endpoint.model, *sent], sort_keys=True))


def _recent(seen_at: str) -> bool:
    try:
        age = datetime.now(UTC) - utc(datetime.fromisoformat(seen_at))
    except ValueError:
        return False
    return timedelta() <= age < KNOWN_FOR
