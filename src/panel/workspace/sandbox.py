"""The sandbox that prompt templates are rendered in.

A template may come from a stranger's branch, so it is treated as untrusted text. It sees only
plain data (str, int, float, list, dict, date), may use only the names listed here, cannot read
outside its folder, and is stopped when it makes too much or takes too long.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import jinja2.compiler
import jinja2.environment
import jinja2.runtime
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from panel.workspace.render_budget import (
    CALL,
    INCLUDE,
    LARGEST_BITS,
    Allowance,
    TooMuchError,
    as_text,
    budgeted,
    counted,
    joined,
    measured,
    take,
)
from panel.workspace.template_folder import Compiled, TemplateFolder
from panel.workspace.template_words import (
    FILTERS,
    GLOBALS,
    SCANNING,
    TESTS,
    charged,
    compare,
    scanned,
)

LONGEST_TEMPLATE = 200_000  # characters
MOST_PARTS = 5_000  # expressions and statements of a template; compiling takes a second for them

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
    """Routes what takes time through the environment, which charges for it.

    Loops, comparisons, concatenations, literals and slices; it is asked for all others anyway.
    """

    def visit_For(self, node: nodes.For, frame: Any) -> None:  # noqa: N802
        node.iter = self._through("stepped", node.iter)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:  # noqa: N802
        self.visit(self._through("concatenated", *node.nodes), frame)

    def visit_Compare(self, node: nodes.Compare, frame: Any) -> None:  # noqa: N802
        # In a < b < c, b is computed once, and c only where a < b.
        left = ""
        for operand in node.ops:
            self.write(f"{' and ' if left else '('}environment.compare({operand.op!r}, ")
            self.write(left) if left else self.visit(node.expr, frame)
            left = self.temporary_identifier()
            self.write(f", {left} := ")
            self.visit(operand.expr, frame)
            self.write(")")
        self.write(")")

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


class _Template(jinja2.Template):
    """A template that remembers nothing of one rendering in the next."""

    def _get_default_module(
        self, _ctx: jinja2.runtime.Context | None = None
    ) -> jinja2.environment.TemplateModule:
        # The engine keeps what it once imported, and with it whatever a macro there has counted:
        # what a model is asked would be another text than the one that was hashed.
        return self.make_module()


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Compiler
    template_class = _Template
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)
    concat = staticmethod(joined)
    measured = staticmethod(measured)
    compare = staticmethod(compare)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.allowance = Allowance()

    def stepped(self, items: Any) -> Any:
        if isinstance(items, Mapping):
            return _Counted(list(items))
        return _Counted(items) if isinstance(items, Sequence) else counted(items)

    def concatenated(self, *values: Any) -> str:
        return joined([as_text(value) for value in values])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "%" and not numbers:
            raise SecurityError("% is for numbers; put texts together with ~")
        if operator == "**" and not (numbers and abs(right) <= LARGEST_BITS):
            raise TooMuchError("makes too large a number")
        if numbers:
            measured((left, right))  # a literal may have more digits than a number may
        elif operator == "*":
            many, thing = (left, right) if isinstance(left, int) else (right, left)
            if isinstance(many, int) and isinstance(thing, str | list | tuple):
                take(max(0, many) * len(thing))
        return measured(super().call_binop(context, operator, left, right))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        take(CALL)
        measured([args, kwargs])  # what a macro gets as varargs is a list that nobody measured
        if isinstance(text := getattr(obj, "__self__", None), str) and obj.__name__ in SCANNING:
            scanned(text, args)
        made = super().call(context, obj, *args, **kwargs)
        if isinstance(made, KeysView | ValuesView | ItemsView):
            made = list(made)  # nothing that measures a list would see what is behind a view
        return measured(made) if isinstance(made, str | list | tuple | dict) else made

    def join_path(self, template: str, parent: str) -> str:
        take(INCLUDE)  # an include that includes itself twice ends too
        return template

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Refuse what would take long to compile, and what is computed when compiled."""
        if len(source) > LONGEST_TEMPLATE:
            message = f"has more than {LONGEST_TEMPLATE:,} characters"
            raise TemplateSyntaxError(message, 1, name, filename)
        tree = super()._parse(source, name, filename)
        for number, node in enumerate(tree.find_all(nodes.Node)):
            if number > MOST_PARTS:
                message = f"has more than {MOST_PARTS:,} expressions and statements"
                raise TemplateSyntaxError(message, node.lineno, name, filename)
            if isinstance(node, nodes.EvalContextModifier):
                message = "'autoescape' is not for prompts, which are plain text"
                raise TemplateSyntaxError(message, node.lineno, name, filename)
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if _may_read(obj, attribute):
            return getattr(obj, attribute)
        if isinstance(obj, jinja2.runtime.TemplateReference) and not attribute.startswith("_"):
            return super().getitem(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        measured(argument)  # the hash of a tuple is made of all of it, each time
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


Texts = tuple[Path, dict[str, str]]  # a folder of templates, and what was read of it


def texts_of(template: jinja2.Template) -> Texts:
    """Return what was read to make a template, and those that it has included so far."""
    loader = template.environment.loader
    assert isinstance(loader, TemplateFolder), "compiled with template_environment()"
    return loader.folder, loader.texts


def template_environment(
    folder: Path, filters: Mapping[str, Callable[..., Any]], texts: Mapping[str, str] | None = None
) -> jinja2.Environment:
    """Return the environment for the templates of a folder; ``filters`` are added to its own.

    texts: by name, those that are not to be read from the folder. Templates compiled with it must
    be rendered by ``render``.
    """
    environment = _Environment(
        loader=TemplateFolder(folder, texts or {}),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # prompts are plain text
        finalize=_finalize,
        bytecode_cache=Compiled(),
        cache_size=-1,  # what was read once stays: a cell's messages are rendered again when asked
        optimized=False,  # constants are computed when rendered, under the budget
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters = FILTERS | {name: charged(made) for name, made in filters.items()}
    environment.tests = dict(TESTS)
    environment.globals = dict(GLOBALS)
    return environment


def render(template: jinja2.Template, **values: Any) -> str:
    """Render a template from ``template_environment`` with plain copies of the values.

    Raises TooMuchError when it makes too much or takes too long, and whatever else a template
    can raise (jinja2.TemplateError, TypeError, RecursionError, ...).
    """
    environment = template.environment
    assert isinstance(environment, _Environment), "compiled with template_environment()"
    with budgeted(environment.allowance):
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
