"""The checks on a take: what an editor should look at before a reader does, by rule alone."""

# A name is imported when it is first asked for: the rules have some 400 patterns, and what shows a
# scorecard wants hardly any of them.

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from panel.checks.across import Catalog, check_catalog, worn_elsewhere
    from panel.checks.closing import closing_verdict
    from panel.checks.evidence import find_quote, locate_evidence, published_quotes
    from panel.checks.findings import SEVERITIES, Finding, Severity, Subject, in_order
    from panel.checks.many import checking
    from panel.checks.others import OtherTools
    from panel.checks.shown import DESCRIPTION, ShownField, shown_source
    from panel.checks.take import check_take

__all__ = [
    "DESCRIPTION",
    "SEVERITIES",
    "Catalog",
    "Finding",
    "OtherTools",
    "Severity",
    "ShownField",
    "Subject",
    "check_catalog",
    "check_take",
    "checking",
    "closing_verdict",
    "find_quote",
    "in_order",
    "locate_evidence",
    "published_quotes",
    "shown_source",
    "worn_elsewhere",
]
_HOMES = {
    **dict.fromkeys(("Catalog", "check_catalog", "worn_elsewhere"), "across"),
    **dict.fromkeys(("closing_verdict",), "closing"),
    **dict.fromkeys(("find_quote", "locate_evidence", "published_quotes"), "evidence"),
    **dict.fromkeys(("SEVERITIES", "Finding", "Severity", "Subject", "in_order"), "findings"),
    **dict.fromkeys(("checking",), "many"),
    **dict.fromkeys(("OtherTools",), "others"),
    **dict.fromkeys(("DESCRIPTION", "ShownField", "shown_source"), "shown"),
    **dict.fromkeys(("check_take",), "take"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
