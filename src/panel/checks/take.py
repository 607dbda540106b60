"""Runs all checks on one take, and lets one check only report on the same words."""

from __future__ import annotations

from collections.abc import Sequence

from panel.checks.closing import check_closing
from panel.checks.evidence import check_evidence
from panel.checks.experience import check_experience
from panel.checks.figures import check_code, check_figures, code_spans
from panel.checks.findings import Finding, Span, Spans, Subject, in_order
from panel.checks.form import check_form
from panel.checks.licences import check_licences
from panel.checks.mentions import licence_mentions
from panel.checks.names import check_names
from panel.checks.others import OtherTools, check_others, index_of
from panel.checks.quotations import check_quotations
from panel.checks.scenario import Scenario
from panel.checks.sentences import Sentences
from panel.checks.source import source_of
from panel.checks.wording import check_wording
from panel.workspace.tools import Tool


def check_take(subject: Subject, others: OtherTools | Sequence[Tool]) -> list[Finding]:
    """Check one take against what its persona was shown; findings come sorted by span.

    others: the rest of the catalog, or all of it. For many takes, pass one ``OtherTools``,
    which is indexed once. Raises nothing, whatever the text.
    """
    text = subject.text
    plain = Sentences(text)
    sentences = plain.ending_at([end for _start, end in subject.parts()])
    scenario = Scenario(sentences)
    source = source_of(subject.tool)
    found = check_evidence(subject) + check_form(subject)
    found += [] if subject.picked else check_closing(subject, plain)
    mentions = licence_mentions(text)
    licences = check_licences(text, mentions, sentences, source)
    used = check_experience(text, sentences, source)
    # Words are reported by the check that knows most about them, and by no other.
    told = [*licences, *_without(used, licences)]
    told += [] if subject.picked else _without(check_wording(subject, source), told)
    code = code_spans(text)
    quoted = check_quotations(subject, Spans(code))
    told += [finding for finding in quoted if finding.severity != "note"]
    exact = code + [mention.span for mention in mentions]
    taken = Spans(exact + _spans(told))
    figures = check_figures(text, scenario, source, taken)
    told += _without(check_others(subject, index_of(others), source, figures), told)
    told += check_names(subject, scenario, source, Spans(exact + _spans(told)))
    told += _without([finding for finding, _read in figures], told)
    told += [finding for finding in quoted if finding.severity == "note"]
    return in_order([*found, *told, *check_code(text, source)])


def _spans(findings: Sequence[Finding]) -> list[Span]:
    return [finding.span for finding in findings if finding.span is not None]


def _without(findings: Sequence[Finding], told: Sequence[Finding]) -> list[Finding]:
    """Return the findings on words that no other one is about yet."""
    spans = Spans(_spans(told))
    return [
        finding for finding in findings if finding.span is None or not spans.touch(finding.span)
    ]
