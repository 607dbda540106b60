"""A diff as JUnit XML: one test case for each tool × persona, failed if a gate is shut on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from panel.ci.changes import Diff, PairChange
from panel.ci.context import PLAIN, Context
from panel.ci.gates import Failure
from panel.frozen.verdicts import FrozenVerdict

# Characters that XML 1.0 cannot hold even when escaped. And, since people read the file in logs and
# terminals, other control characters and those that change the direction of text.
_UNFIT = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def render_junit(diff: Diff, shut: Sequence[Failure], context: Context = PLAIN) -> str:
    """Return the suite: a case for every pair, and one for every failure that is about no pair.

    A case has at most one failure, which names all gates that are shut on it: some readers of
    JUnit files take only one. A run that left cells unasked is an error of the case "run", and
    the pairs that do not hold for want of an answer are skipped.
    """
    changes = {(pair.tool, pair.persona): pair for pair in diff.changes}
    stopped: dict[tuple[str, str], list[Failure]] = {}
    for failure in shut:
        for pair in failure.pairs:
            stopped.setdefault(pair, []).append(failure)
    unasked = {pair for failure in context.warned for pair in failure.pairs} - stopped.keys()
    keys = dict.fromkeys([*diff.pairs, *changes, *sorted(stopped.keys() | unasked)])
    general = [failure for failure in shut if not failure.pairs]
    trouble = context.trouble
    suite = Xml.Element(
        "testsuite",
        {
            "name": "reviewer-panel",
            "tests": str(len(keys) + len(general) + (trouble is not None)),
            "failures": str(len(stopped) + len(general)),
            "errors": str(int(trouble is not None)),
            "skipped": str(len(unasked)),
        },
    )
    if trouble is not None:
        case = Xml.SubElement(suite, "testcase", {"classname": "panel", "name": "run"})
        Xml.SubElement(case, "error", {"message": _clean(trouble), "type": "run"})
    for key in keys:
        case = Xml.SubElement(suite, "testcase", _named(key, context))
        if key in stopped:
            _fail(case, stopped[key])
        elif key in unasked:
            Xml.SubElement(case, "skipped", {"message": _clean(_unasked(trouble))})
        out = _told(changes.get(key), diff.pairs.get(key))
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


def _named(pair: tuple[str, str], context: Context) -> dict[str, str]:
    """Return the attributes of a case: its names, and where its tool is written."""
    tool, persona = pair
    told = {"classname": _clean(tool), "name": _clean(persona)}
    if place := context.places.get(tool):
        told |= {"file": _clean(place.file), "line": str(place.line)}
    return told


def _fail(case: Xml.Element, shut: list[Failure]) -> None:
    if shut:
        sentences = " ".join(failure.sentence for failure in shut)
        told = {"message": _clean(sentences), "type": " ".join(failure.gate for failure in shut)}
        Xml.SubElement(case, "failure", told)


def _unasked(trouble: str | None) -> str:
    return " ".join(filter(None, ("Not answered as the files are now.", trouble)))


def _told(change: PairChange | None, now: FrozenVerdict | None) -> str:
    lines = []
    if now is not None:
        lines.append(f"{now.verdict or 'no verdict'}, {now.ships} of {now.n} ship")
    if change is not None:
        why = "; ".join(filter(None, (change.cause, change.decided)))
        lines.append(f"{change.said} ({why})" if why else change.said)
        lines += [f"{label}: {take}" for label, take in change.takes()]
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
