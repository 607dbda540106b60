"""Reads panel.toml into ``Settings``, and says what is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from panel.errors import Problem, WorkspaceError
from panel.workspace.documents import FieldPath, Lines, reason_of
from panel.workspace.endpoint_settings import EndpointSettings
from panel.workspace.headers import holds_secret
from panel.workspace.plain_files import read_text
from panel.workspace.presets import PRESETS
from panel.workspace.settings import Settings
from panel.workspace.toml_lines import toml_lines
from panel.workspace.validation import did_you_mean, validate

FILE = "panel.toml"
MOST_DOTS = 1000  # in one of its lines: reading a key takes the square of its parts
LONGEST = 1_000_000  # characters of panel.toml
DEEPEST = 32  # levels of tables and lists
_SECRET_KEYS = (
    *("api_key", "apikey", "key", "token", "access_token", "bearer", "bearer_token"),
    *("secret", "password", "authorization"),
)


def load_settings(root: Path) -> Settings:
    """Read ``panel.toml`` below ``root``; raises WorkspaceError with all its problems."""
    file = root / FILE
    return settings_of(file, read_text(file))


def settings_of(file: Path, source: str) -> Settings:
    """Return the settings that a text of panel.toml holds; raises as ``load_settings``."""
    fields, lines = parse_toml(file, source)
    settings = validate(Settings, fields, file, lines)
    if problems := _endpoint_problems(settings, file, lines):
        raise WorkspaceError(problems)
    return settings


def read_toml(file: Path) -> tuple[str, dict[str, Any], Lines]:
    """Read a TOML file that people write: its text, its fields, and where each stands.

    Raises WorkspaceError for what is not TOML, too large or too deep, and for secrets in it.
    """
    source = read_text(file)
    return source, *parse_toml(file, source)


def parse_toml(file: Path, source: str) -> tuple[dict[str, Any], Lines]:
    """Return the fields of a text of such a file, and where each stands; raises likewise."""
    if len(source) > LONGEST or any(line.count(".") > MOST_DOTS for line in source.split("\n")):
        message = f"has more than {LONGEST:,} characters, or {MOST_DOTS:,} dots in one line"
        raise WorkspaceError.single(file, None, "", message, "Shorten it.")
    try:
        fields = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else None
        raise WorkspaceError.single(
            file, line, "", f"is not valid TOML: {reason_of(error)}", "Correct that line."
        ) from None
    lines = toml_lines(source)
    if problems := _refused_secrets(fields, file, lines):
        raise WorkspaceError(problems)
    return fields, lines


def _endpoint_problems(settings: Settings, file: Path, lines: Lines) -> list[Problem]:
    problems = []
    for name, table in settings.endpoints.items():
        place = f"endpoints.{name}"
        if table.preset is not None and table.preset not in PRESETS:
            message, remedy = (
                f"unknown preset {table.preset!r}",
                did_you_mean(table.preset, PRESETS),
            )
            line = lines(("endpoints", name, "preset"))
            problems.append(Problem(file, line, f"{place}.preset", message, remedy))
        elif (table.preset or name) not in PRESETS and not (
            table.base_url or table.base_urls or table.weights
        ):
            message = "has no base_url and no preset"
            remedy = "Add base_url, or preset = one of " + ", ".join(PRESETS) + "."
            problems.append(Problem(file, lines(("endpoints", name)), place, message, remedy))
        problems += _address_problems(table, file, lines, name)
        for header in _twice(table):
            message, line = "is set twice", lines(("endpoints", name, "headers_env", header))
            field = f"{place}.headers_env.{header}"
            problems.append(Problem(file, line, field, message, "Remove one of the two."))
    chosen = settings.panel.endpoint
    if chosen is not None and chosen not in settings.endpoint_names():
        remedy = did_you_mean(chosen, settings.endpoint_names())
        message, line = f"there is no endpoint {chosen!r}", lines(("panel", "endpoint"))
        problems.append(Problem(file, line, "panel.endpoint", message, remedy))
    return problems


def _address_problems(
    table: EndpointSettings, file: Path, lines: Lines, name: str
) -> list[Problem]:
    addresses, line = table.base_urls or (), lines(("endpoints", name, "base_urls"))
    message = None
    if addresses and (table.base_url or table.weights):
        message, remedy = "stands beside base_url or weights", "Keep one of them."
    elif len(set(addresses)) < len(addresses):
        message, remedy = "names an address twice", "Remove one of the two."
    if message is None:
        return []
    return [Problem(file, line, f"endpoints.{name}.base_urls", message, remedy)]


def _twice(table: EndpointSettings) -> list[str]:
    """Return the secret headers whose names stand elsewhere in the table, in capitals or not."""
    names = Counter(name.lower() for name in (*table.headers, *table.headers_env))
    return [name for name in table.headers_env if names[name.lower()] > 1]


def _refused_secrets(
    table: dict[Any, Any], file: Path, lines: Lines, above: FieldPath = ()
) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in table.items():
        path = (*above, key)
        header = above[-1:] == ("headers",)
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inner, dict):
            if len(path) > DEEPEST:  # what sends it could not nest as deep
                message, place = f"nests deeper than {DEEPEST} levels", ".".join(map(str, path))
                problem = Problem(file, lines(path), place, message, "Write it more plainly.")
                return [*problems, problem]
            if key != "headers_env":  # that holds names of variables
                problems += _refused_secrets(inner, file, lines, path)
        elif str(key).lower().replace("-", "_") in _SECRET_KEYS or (
            header and holds_secret(key, value)
        ):
            message = "a secret must not be in this file"
            written = f"headers_env = {{{key} = " if header else "api_key_env = "
            written += '"NAME_OF_THE_VARIABLE"' + ("}" if header else "")
            remedy = f"Set it in the environment and write {written}."
            problems.append(Problem(file, lines(path), ".".join(map(str, path)), message, remedy))
    return problems
