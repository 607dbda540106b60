"""Says in plain words what is wrong with a value: a table by the type of pydantic's error.

People who write files read these words; they know no Python. An error's ``input``, where it has
one, is shown unless it is text in the place of a table, which may be a secret gone astray.
"""

from __future__ import annotations

import re
import reprlib
from typing import Any

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60

TABLE = "a table of fields"
# What a value must be, how to write it, and the types of errors that say it is not that.
_KINDS = (
    ("text", "Write one text, in quotation marks.", "string_type string_sub_type bytes_type"),
    ("readable text", "Write the text again.", "string_unicode bytes_invalid_encoding"),
    (
        *("a whole number", "Write a whole number, such as 5."),
        "int_type int_parsing int_parsing_size int_from_float",
    ),
    (
        *("a number", "Write a number, such as 5 or 0.5."),
        "float_type float_parsing finite_number decimal_type decimal_parsing",
    ),
    ("true or false", "Write true or false.", "bool_type bool_parsing"),
    ("a date", "Write it as 2026-01-31.", "date_type date_parsing date_from_datetime_parsing"),
    ("a date", "Write it as 2026-01-31.", "date_from_datetime_inexact datetime_type"),
    ("a date", "Write it as 2026-01-31.", "datetime_parsing datetime_from_date_parsing"),
    ("a list", "Write a list, even of one entry.", "list_type tuple_type set_type iterable_type"),
    (TABLE, "Write the fields below it.", "dict_type model_type model_attributes_type"),
    (TABLE, "Write the fields below it.", "dataclass_type dataclass_exact_type mapping_type"),
    ("a path", "Write the path of a file, in quotation marks.", "path_type"),
)
_MUST_BE = {kind: (what, remedy) for what, remedy, kinds in _KINDS for kind in kinds.split()}
# Bounds: what is said, with the names of the error's context in braces.
_BOUNDS = {
    "greater_than": ("must be more than {gt:.12g}", "Write a larger number."),
    "greater_than_equal": ("must be at least {ge:.12g}", "Write a larger number."),
    "less_than": ("must be less than {lt:.12g}", "Write a smaller number."),
    "less_than_equal": ("must be at most {le:.12g}", "Write a smaller number."),
    "multiple_of": ("must be a multiple of {multiple_of}", "Correct the number."),
}
_WHOLE = {  # a value is not shown: it is too long, or says nothing
    "string_too_long": ("has more than {max_length} characters", "Shorten it."),
    "too_long": ("has more than {max_length} {unit}", "Shorten it."),
    "string_pattern_mismatch": ("does not have the form that is needed", "Correct the value."),
    "invalid_key": ("has a key that is not text", "Put the key in quotation marks."),
    "none_required": ("must be left out", "Remove it."),
    "recursion_loop": ("stands inside itself", "Write it out."),
}


def in_words(error: Any) -> tuple[str, str]:
    """Return what is wrong and how to mend it, of one item of ``ValidationError.errors()``."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        said = re.sub(r"^(Value error|Assertion failed), ", "", error["msg"])
        message, _, remedy = said.partition(". ")
        return message.rstrip("."), remedy or "Correct the value."
    if kind == "json_invalid":
        deep = "recursion" in error["msg"]
        return "nests too deeply" if deep else "is not valid JSON", "Correct the text."
    if kind in ("too_short", "string_too_short"):
        return _too_short(context["min_length"], _unit(error))
    if kind in ("literal_error", "enum"):
        several = " or " in context["expected"]
        remedy = "Choose one of them." if several else "Correct the value."
        return f"must be {context['expected']}{_but(error)}", remedy
    if kind in _MUST_BE:
        what, remedy = _MUST_BE[kind]
        return f"must be {what}{_but(error, secret=what == TABLE)}", remedy
    if kind in _BOUNDS:
        message, remedy = _BOUNDS[kind]
        return message.format(**context) + _but(error), remedy
    message, remedy = _WHOLE.get(kind, ("cannot be used here", "Correct the value."))
    return message.format(**context, unit=_unit(error)), remedy


def shown(value: Any) -> str:
    """Return a value in its author's words, shortened: 'text', true, 2.5, a list."""
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "nothing"
        case list() | tuple() | set():
            return "a list"
        case dict():
            return TABLE
        case str() | int() | float():
            return _short.repr(value)
        case _:
            return str(value)


def _unit(error: Any) -> str:
    return "characters" if isinstance(error.get("input"), str) else "entries"


def _too_short(least: int, what: str) -> tuple[str, str]:
    if least == 1:
        return "is empty", "Fill it in."
    return f"has fewer than {least} {what}", f"Write at least {least}."


def _but(error: Any, secret: bool = False) -> str:
    """Return ", not VALUE" in the words of the files that people write; "" without a value."""
    if "input" not in error:
        return ""
    value = error["input"]
    return f", not {'text' if secret and isinstance(value, str) else shown(value)}"
