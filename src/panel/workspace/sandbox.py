"""The sandbox that prompt templates are rendered in.

A template may come from a stranger's branch, so it is treated as untrusted text. It sees only
plain data (str, int, float, list, dict, date), may use only the names listed here, cannot read
outside its folder, and is stopped when it makes too much or takes too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import jinja2.compiler
import jinja2.environment
import jinja2.filters
import jinja2.runtime
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from panel.workspace.documents import inside
from panel.workspace.render_budget import (
    CALL,
    LONGEST_TEXT,
    MOST_WORK,
    STEP,
    TooMuchError,
    as_text,
    budgeted,
    counted,
    joined,
    measured,
    take,
)

LARGEST_BITS = 256  # of a whole number
ENDING = ".j2"

# Filters whose result is no longer than their input, or that are bounded further down.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items"),
    *("last", "length", "list", "lower", "round", "sort", "title", "trim", "truncate"),
    *("unique", "upper", "wordcount"),
)

# What may be read from an object that is not a plain key of a dict.
_ATTRIBUTES: dict[type, frozenset[str]] = {
    dict: frozenset({"get", "items", "keys", "values"}),
    str: frozenset(
        {"capitalize", "endswith", "lower", "lstrip", "rstrip", "split", "splitlines"}
        | {"startswith", "strip", "title", "upper"}
    ),
    date: frozenset({"day", "isoformat", "month", "year"}),
    jinja2.runtime.LoopContext: frozenset(
        {"changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length"}
        | {"nextitem", "previtem", "revindex", "revindex0"}
    ),
}


@jinja2.pass_context
def _finalize(_context: jinja2.runtime.Context, value: Any) -> str:
    # With the context asked for, the compiler computes no constants: nothing runs unbudgeted.
    return as_text(value)


def _join(value: Iterable[Any], d: Any = "", attribute: Any = None) -> str:
    """Join the items of a list by a separator; the template engine's `join`, bounded."""
    if attribute is not None:
        raise TypeError("join takes no attribute here; loop over the items")
    separator = as_text(d)
    texts = [as_text(item) for item in value]
    take(len(separator) * len(texts))
    return joined([separator.join(texts)])


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text, many = as_text(value), -1 if count is None else count
    # An empty `old` is found before every character and at the end.
    found = text.count(old) if old else len(text) + 1
    size = len(text) + (min(found, many) if many >= 0 else found) * max(0, len(new) - len(old))
    if size > LONGEST_TEXT:
        raise TooMuchError(f"makes a text of more than {LONGEST_TEXT:,} characters")
    take(size)
    return text.replace(old, new, many)


def _range(*bounds: int) -> Iterable[int]:
    numbers = range(*bounds)  # lazy: a loop over it is charged by the step
    if numbers[MOST_WORK // STEP :]:
        raise TooMuchError("makes or does too much for one prompt")
    return numbers


def _charged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Charge for what a filter is given and makes; keep its calling convention."""

    def filtered(*values: Any, **options: Any) -> Any:
        for value in values:
            if not isinstance(value, jinja2.Environment | jinja2.runtime.Context):
                measured(value)
        made = function(*values, **options)
        if isinstance(made, Iterator):
            return counted(made)
        return measured(made)

    wants = getattr(function, "jinja_pass_arg", None)
    if wants is not None:
        filtered.jinja_pass_arg = wants  # type: ignore[attr-defined]
    return filtered


class _Counted(Sequence[Any]):
    """A list or text in a loop: every step is charged, and the length is known."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    def __iter__(self) -> Iterator[Any]:
        return counted(self.items)


class _Compiler(jinja2.compiler.CodeGenerator):
    """Routes loops, concatenations and literals through the environment, which charges for them."""

    def visit_For(self, node: nodes.For, frame: Any) -> None:  # noqa: N802
        node.iter = self._through("stepped", node.iter)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:  # noqa: N802
        self.visit(self._through("concatenated", *node.nodes), frame)

    def visit_List(self, node: nodes.List, frame: Any) -> None:  # noqa: N802
        self._made(super().visit_List, node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Any) -> None:  # noqa: N802
        if node.ctx == "load":
            self._made(super().visit_Tuple, node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Any) -> None:  # noqa: N802
        self._made(super().visit_Dict, node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Any) -> None:  # noqa: N802
        if isinstance(node.arg, nodes.Slice):
            self._made(super().visit_Getitem, node, frame)
        else:
            super().visit_Getitem(node, frame)

    def _made(self, visit: Callable[[Any, Any], None], node: nodes.Node, frame: Any) -> None:
        self.write("environment.measured(")
        visit(node, frame)
        self.write(")")

    def _through(self, name: str, *values: nodes.Node) -> nodes.Call:
        method = nodes.EnvironmentAttribute(name, environment=self.environment)
        return nodes.Call(method, list(values), [], None, None, environment=self.environment)


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Compiler
    intercepted_binops = frozenset({"+", "*", "**", "%"})
    concat = staticmethod(joined)
    measured = staticmethod(measured)

    def stepped(self, items: Any) -> Any:
        if isinstance(items, Mapping):
            return _Counted(list(items))
        return _Counted(items) if isinstance(items, Sequence) else counted(items)

    def concatenated(self, *values: Any) -> str:
        return joined([as_text(value) for value in values])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        whole = isinstance(left, int) and isinstance(right, int)
        if operator == "%" and not numbers:
            raise SecurityError("% is for numbers; put texts together with ~")
        if operator == "**" and not (numbers and abs(right) <= LARGEST_BITS):
            raise TooMuchError("makes too large a number")
        if whole and operator in ("*", "**"):
            bits = left.bit_length() * right if operator == "**" else left.bit_length()
            if bits + (right.bit_length() if operator == "*" else 0) > LARGEST_BITS:
                raise TooMuchError("makes too large a number")
        if not numbers and operator == "*":
            many, thing = (left, right) if isinstance(left, int) else (right, left)
            if isinstance(many, int) and isinstance(thing, str | list | tuple):
                take(max(0, many) * len(thing))
        return measured(super().call_binop(context, operator, left, right))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        take(CALL)
        made = super().call(context, obj, *args, **kwargs)
        return measured(made) if isinstance(made, str | list | tuple | dict) else made

    def join_path(self, template: str, parent: str) -> str:
        take(10 * CALL)  # an include that includes itself twice ends too
        return template

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if _may_read(obj, attribute):
            return getattr(obj, attribute)
        if isinstance(obj, jinja2.runtime.TemplateReference) and not attribute.startswith("_"):
            return super().getitem(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict | list | tuple | str):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return self.undefined(obj=obj, name=argument)


def _may_read(obj: Any, attribute: str) -> bool:
    if isinstance(obj, jinja2.environment.TemplateModule):  # the macros of an imported template
        return not attribute.startswith("_") and isinstance(
            getattr(obj, attribute, None), jinja2.runtime.Macro
        )
    return any(isinstance(obj, kind) and attribute in names for kind, names in _ATTRIBUTES.items())


class _Folder(jinja2.FileSystemLoader):
    """Loads ``*.j2`` of one folder; a link that leads out of it is refused."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        if not template.endswith(ENDING):
            raise jinja2.TemplateNotFound(
                template, f"{template!r} is not a template; its name does not end in {ENDING}"
            )
        for folder in map(Path, self.searchpath):
            if not inside(folder, folder / template):
                raise jinja2.TemplateNotFound(template, f"{template!r} leads out of the folder")
        source, _file, current = super().get_source(environment, template)
        return source, template, current  # named without its folder: compiled once for all


class _Compiled(jinja2.BytecodeCache):
    """Keeps what was compiled for as long as the process: workspaces are loaded again in it."""

    _codes: ClassVar[dict[tuple[str, str], Any]] = {}

    def load_bytecode(self, bucket: Any) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Any) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


def template_environment(
    folder: Path, filters: Mapping[str, Callable[..., Any]]
) -> jinja2.Environment:
    """Return the environment for the templates of a folder; ``filters`` are added to its own.

    Templates compiled with it must be rendered by ``render``.
    """
    environment = _Environment(
        loader=_Folder(folder, encoding="utf-8-sig"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # prompts are plain text
        finalize=_finalize,
        bytecode_cache=_Compiled(),
        optimized=False,  # constants are computed when rendered, under the budget
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = {name: _charged(jinja2.filters.FILTERS[name]) for name in _FILTERS}
    environment.filters = {**known, "join": _join, "replace": _replace, "string": as_text}
    environment.filters |= {name: _charged(made) for name, made in filters.items()}
    environment.globals = {"range": _range}
    return environment


def render(template: jinja2.Template, **values: Any) -> str:
    """Render a template from ``template_environment`` with plain copies of the values.

    Raises TooMuchError when it makes too much or takes too long, and whatever else a template
    can raise (jinja2.TemplateError, TypeError, RecursionError, ...).
    """
    with budgeted():
        return template.render({name: plain(value) for name, value in values.items()})


def plain(value: Any) -> Any:
    """Return a value made of str, int, float, bool, None, list, dict and date; a model as its dict.

    Raises TypeError for anything else.
    """
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or type(value) in (str, int, float, bool, date):
        return value
    raise TypeError(f"a template may not be given a {type(value).__name__}")
