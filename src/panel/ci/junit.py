"""A diff as JUnit XML: one test case for each tool × persona, failed if a gate is shut on it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from panel.ci.changes import Diff, PairChange
from panel.ci.gates import Failure
from panel.frozen.verdicts import FrozenVerdict

# Characters that XML 1.0 cannot hold even when escaped. And, since people read the file in logs and
# terminals, other control characters and those that change the direction of text.
_UNFIT = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def render_junit(diff: Diff, shut: list[Failure]) -> str:
    """Return the suite: a case for every pair, and one for every failure that is about no pair.

    A case has at most one failure, which names all gates that are shut on it: some readers of
    JUnit files take only one.
    """
    changes = {(pair.tool, pair.persona): pair for pair in diff.changes}
    unanswered = sorted(set().union(*(failure.pairs for failure in shut)))
    keys = dict.fromkeys([*diff.pairs, *changes, *unanswered])
    general = [failure for failure in shut if not failure.pairs]
    failed = sum(any(key in failure.pairs for failure in shut) for key in keys) + len(general)
    suite = Xml.Element(
        "testsuite",
        {
            "name": "reviewer-panel",
            "tests": str(len(keys) + len(general)),
            "failures": str(failed),
            "errors": "0",
            "skipped": "0",
        },
    )
    for tool, persona in keys:
        case = Xml.SubElement(
            suite, "testcase", {"classname": _clean(tool), "name": _clean(persona)}
        )
        _fail(case, [failure for failure in shut if (tool, persona) in failure.pairs])
        out = _told(changes.get((tool, persona)), diff.pairs.get((tool, persona)))
        Xml.SubElement(case, "system-out").text = _clean(out)
    for failure in general:
        case = Xml.SubElement(suite, "testcase", {"classname": "panel", "name": failure.gate})
        _fail(case, [failure])
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )


def _fail(case: Xml.Element, shut: list[Failure]) -> None:
    if shut:
        sentences = " ".join(failure.sentence for failure in shut)
        told = {"message": _clean(sentences), "type": " ".join(failure.gate for failure in shut)}
        Xml.SubElement(case, "failure", told)


def _told(change: PairChange | None, now: FrozenVerdict | None) -> str:
    lines = []
    if now is not None:
        lines.append(f"{now.verdict or 'no verdict'}, {now.ships} of {now.n} ship")
    if change is not None:
        cause = f" ({change.cause})" if change.cause else ""
        lines.append(f"{change.kind}{cause}")
        lines += [f"{label}: {take}" for label, take in change.takes()]
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
