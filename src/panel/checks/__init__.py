"""The checks on a take: what an editor should look at before a reader does, by rule alone."""

from panel.checks.across import check_catalog
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
]
