"""The checks on a take: what an editor should look at before a reader does, by rule alone."""

from panel.checks.across import check_catalog
from panel.checks.closing import closing_verdict
from panel.checks.evidence import locate_evidence
from panel.checks.findings import SEVERITIES, Finding, Severity, Subject, in_order
from panel.checks.others import OtherTools
from panel.checks.take import check_take

__all__ = [
    "SEVERITIES",
    "Finding",
    "OtherTools",
    "Severity",
    "Subject",
    "check_catalog",
    "check_take",
    "closing_verdict",
    "in_order",
    "locate_evidence",
]
