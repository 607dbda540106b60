"""Every regular expression of the program, and the ways in which the program runs each."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import panel

Pattern = re.Pattern[Any]
ALTERNATIVES, MOST = 3, 40  # of a pattern that are tried; how often a piece is repeated
ONCE = ("match", "fullmatch")  # these try one place of a text; all others try every one
FLAGS_AT = {"compile": 1, "split": 3, "sub": 4, "subn": 4}  # elsewhere the third argument


@functools.cache
def patterns() -> dict[str, tuple[Pattern, frozenset[str]]]:
    """Return the patterns by the place where each stands, with the ways in which it is run.

    They are those that modules hold, in tables and data classes too, and those that are written
    where they are used. One that is passed on or kept in a table may be run in any way.
    """
    places: dict[Pattern, str] = {}
    ways: dict[Pattern, set[str]] = {}
    for module in _modules():
        for name, value in vars(module).items():
            for place, pattern in held(f"{module.__name__}.{name}", value, re.Pattern):
                places.setdefault(pattern, place)
                if pattern is not value:
                    ways.setdefault(pattern, set()).add("finditer")
        for place, pattern, way in _used(module):
            places.setdefault(pattern, place)
            ways.setdefault(pattern, set()).add(way)
    found = {
        place: (pattern, frozenset(ways.get(pattern, ()))) for pattern, place in places.items()
    }
    return dict(sorted(found.items()))


def shortest(pattern: Pattern) -> list[str]:
    """Return short texts that match a pattern, or nearly: one for each of its first alternatives.

    Nothing is repeated more often than it must be, and what looks around is left out.
    """
    text = pattern.pattern
    source = text.decode("latin-1") if isinstance(text, bytes) else text
    parsed = re._parser.parse(source, pattern.flags & ~re.U)  # type: ignore[attr-defined]
    return list(dict.fromkeys(_short(parsed, which) for which in range(ALTERNATIVES)))


def _short(parsed: Any, which: int) -> str:
    made = ""
    for kind, value in parsed:
        name = str(kind)
        if name == "LITERAL":
            made += chr(value)
        elif name == "NOT_LITERAL":
            made += "a" if value != ord("a") else "b"
        elif name == "ANY":
            made += "a"
        elif name == "IN":
            made += _one_of(value)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            made += _short(value[2], which) * min(value[0], MOST)
        elif name == "SUBPATTERN":
            made += _short(value[-1], which)
        elif name == "ATOMIC_GROUP":
            made += _short(value, which)
        elif name == "BRANCH":
            made += _short(value[1][which % len(value[1])], which)
    return made


def _one_of(values: Any) -> str:
    """Return a character of a set."""
    kinds = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
    kinds |= {"CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_SPACE": "a", "CATEGORY_NOT_WORD": "."}
    for kind, value in values:
        if str(kind) in ("LITERAL", "RANGE"):
            if str(values[0][0]) != "NEGATE":
                return chr(value if str(kind) == "LITERAL" else value[0])
        elif str(kind) == "CATEGORY" and str(values[0][0]) != "NEGATE":
            return kinds[str(value)]
    return "~"


def held(name: str, value: object, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a value holds of a kind, in tables and data classes too, each with its place."""
    if isinstance(value, kind):
        yield name, value
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, tuple | list | set | frozenset):
        items = enumerate(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = [(one.name, getattr(value, one.name)) for one in dataclasses.fields(value)]
    for key, item in items:
        yield from held(f"{name}[{key}]", item, kind)


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(panel.__path__, "panel."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _used(module: ModuleType) -> Iterator[tuple[str, Pattern, str]]:
    """Yield the patterns that a module's source uses, with the place and the way."""
    if not any(map(_may_lead_to_one, vars(module).values())):
        return
    nodes = [*ast.walk(ast.parse(inspect.getsource(module) or ""))]
    called = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
    owners = {id(node.value): node for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        value, owner = _value(node, module), owners.get(id(node))
        line = f"{module.__name__}:{node.lineno}"
        if isinstance(value, re.Pattern):
            yield line, value, owner.attr if owner and id(owner) in called else "finditer"
        elif value is re and owner is not None and (call := called.get(id(owner))):
            pattern = _written(call, owner.attr, module)
            if pattern is not None:
                yield line, pattern, owner.attr


def _may_lead_to_one(value: object) -> bool:
    if isinstance(value, ModuleType):
        return value is re or value.__name__.startswith("panel.")
    return isinstance(value, re.Pattern)


def _written(call: ast.Call, way: str, module: ModuleType) -> Pattern | None:
    """Return the pattern that is written in a call of ``re``; None where it is made of values."""
    at = FLAGS_AT.get(way, 2)
    flags = [word.value for word in call.keywords if word.arg == "flags"] or call.args[at : at + 1]
    text = _value(call.args[0], module) if call.args else None
    if way in ("escape", "compile") or not isinstance(text, str | bytes):
        return None
    return re.compile(text, _value(flags[0], module) if flags else 0)


def _value(node: ast.expr, module: ModuleType) -> Any:
    """Return what an expression of a module's own names is; None where it has others, or calls."""
    if isinstance(node, ast.Name):
        return vars(module).get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, module), node.attr, None)
    if any(isinstance(part, ast.Call | ast.Subscript) for part in ast.walk(node)):
        return None
    try:
        code = compile(ast.Expression(node), "pattern", "eval")
        return eval(code, {"__builtins__": {}, **vars(module)})  # of our own source
    except (NameError, AttributeError, TypeError):
        return None
