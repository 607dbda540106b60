"""Reads the fields of a form that a page of the desk sends."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from panel.desk.filters import Filter
from panel.desk.limits import is_quote, refuse_long, refuse_longer
from panel.errors import UsageError
from panel.stats import ShipOrSkip


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a POST with plain line ends, and the filter it came from.

    picks: the takes that are selected, as tool/persona.
    """

    fields: dict[str, str]
    picks: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def evidence(self) -> tuple[str, ...] | None:
        """The quotes in the fields, without the one to remove; None for a form without them."""
        if not self["quotes"]:
            return None
        numbered = ((int(name[6:]), value) for name, value in self.fields.items() if is_quote(name))
        kept = [quote for number, quote in sorted(numbered) if str(number) != self["remove"]]
        return tuple(quote for quote in kept if quote.strip())

    @property
    def verdict(self) -> ShipOrSkip | None:
        """The verdict in the fields; None for a form without one."""
        given = self["verdict"]
        return given if given in ("ship", "skip") else None  # type: ignore[return-value]

    @property
    def filter(self) -> Filter:
        """The filter under which the take was opened."""
        return Filter.of_query(self["filter"])


async def read_form(request: Request, most: int = 200, decides: bool = False) -> Form:
    """Read the fields of a POST; raises UsageError for more than ``most``, and for a long one.

    decides: the fields are those of a decision, which have bounds of their own. Every text that
    comes to the desk comes by here, so nothing works on a longer one.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=most)
    except ValueError:
        raise UsageError("the form has too many fields.") from None
    picks = tuple(value for name, value in pairs if name == "pick")
    fields = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if decides:
        refuse_long(fields)
    else:
        for name, value in fields.items():
            refuse_longer(name, "", value)
    return Form(fields, picks)
