"""The pages' data for search engines, held against schema.org's own definitions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from panel.cells.renames import Rename
from panel.site.publication import Publication
from panel.stats import Tally
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import Reading, files_of, made_up, with_forms, with_take
from tests.support.site_publication import demo_publication, seed_publication

Kind = Callable[[Any], bool] | frozenset[str]


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _url(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https")


def _date(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _source(value: Any) -> bool:
    """Whether it is a member of IPTCDigitalSourceEnumeration."""
    return value in (
        "https://schema.org/TrainedAlgorithmicMediaDigitalSource",
        "https://schema.org/CompositeWithTrainedAlgorithmicMediaDigitalSource",
        "https://schema.org/DigitalCreationDigitalSource",
    )


# type → property → what its value may be: a kind, or types of things. From schema.org 29.
THING: dict[str, Kind] = {"name": _text, "description": _text, "url": _url, "image": _url}
WORK: dict[str, Kind] = THING | {
    "about": frozenset({"SoftwareApplication"}),
    "aggregateRating": frozenset({"AggregateRating"}),
    "author": frozenset({"Organization", "Person"}),
    "creditText": _text,
    "dateModified": _date,
    "datePublished": _date,
    "digitalSourceType": _source,
    "headline": _text,
    "mainEntity": frozenset({"SoftwareApplication"}),
    "publisher": frozenset({"Organization"}),
    "review": frozenset({"Review"}),
    "text": _text,
}
SHAPES: dict[str, dict[str, Kind]] = {
    "WebSite": WORK,
    "WebPage": WORK,
    "SoftwareApplication": WORK | {"applicationCategory": _text},
    "Review": WORK | {"reviewBody": _text},
    "AggregateRating": THING
    | {
        "ratingValue": _number,
        "bestRating": _number,
        "worstRating": _number,
        "ratingCount": _integer,
    },
    "Organization": THING,
    "Person": THING,
    "BreadcrumbList": THING | {"itemListElement": frozenset({"ListItem"})},
    "ListItem": THING | {"position": _integer, "item": _url},
}


def faults(record: dict[str, Any], way: str = "") -> list[str]:
    """Return one line for each type and property that schema.org does not know so."""
    kind = record.get("@type")
    if kind not in SHAPES:
        return [f"{way}: no type {kind!r}"]
    found = []
    for name, value in record.items():
        if name in ("@type", "@context"):
            continue
        place, wanted = f"{way}/{kind}.{name}", SHAPES[kind].get(name)
        for each in value if isinstance(value, list) else [value]:
            if wanted is None:
                found.append(f"{place}: no such property")
            elif not isinstance(wanted, frozenset):
                found += [] if wanted(each) else [f"{place}: {each!r}"]
            elif not isinstance(each, dict) or each.get("@type") not in wanted:
                found.append(f"{place}: {each!r} is none of {sorted(wanted)}")
            else:
                found += faults(each, place)
    return found


def _rated() -> Publication:
    return with_forms(seed_publication(votes={CODESTRAL: Tally(ships=3, skips=1)}))


@pytest.mark.parametrize(
    "publication",
    [_rated(), demo_publication(seed_publication()), with_take(seed_publication(), state="draft")],
)
def test_every_record_has_only_types_and_properties_of_schema_org(publication: Publication) -> None:
    """Each value is of a kind that its property takes, on every page of the site."""
    seen = set()
    for path, content in files_of(publication).items():
        if path.endswith(".html"):
            for record in Reading(content).linked:
                assert record["@context"] == "https://schema.org"
                assert faults(record, path) == []
                seen.add(record["@type"])
    assert seen == {"WebSite", "WebPage", "BreadcrumbList"}


def test_what_schema_org_does_not_know_is_found() -> None:
    """The table bites: a wrong type, an unknown property and a wrong kind of value."""
    wrong = {"@type": "WebPage", "mainEntity": {"@type": "Tool"}, "stars": 5, "dateModified": "now"}
    assert len(faults(wrong)) == 3


def _heads(publication: Publication) -> dict[str, Reading]:
    pages = files_of(publication).items()
    return {path: Reading(content) for path, content in pages if path.endswith(".html")}


def _title(reading: Reading) -> str:
    return reading.text.partition(" Skip to the content")[0]


def test_titles_are_unique_and_short_where_the_names_allow() -> None:
    """Also of two tools with one name; a long name is kept and the rest of the title goes."""
    base = made_up(8)
    first, second, *others = base.tools
    long = "A tool whose vendor could not stop before the seventy characters were over"
    named = [replace(first, tool=first.tool.model_copy(update={"name": "T003"})),
             replace(second, tool=second.tool.model_copy(update={"name": long}))]  # fmt: skip
    titles = {
        path: _title(reading)
        for path, reading in _heads(replace(base, tools=(*named, *others))).items()
    }
    assert len(set(titles.values())) == len(titles)
    assert "T003 (t000): ship or skip?" in titles["tools/t000.html"]
    assert titles["tools/t001.html"] == f"{long}: ship or skip?"
    assert all(len(title) <= 70 or long in title for title in titles.values())


def test_every_page_names_its_own_address_and_a_sorted_list_that_of_the_list() -> None:
    """What was renamed names the new address; only 404.html names none."""
    renamed = replace(made_up(8), renames=(Rename("tool", "was", "t001"),))
    for path, content in files_of(renamed).items():
        if not path.endswith(".html"):
            continue
        text = content.decode()
        found = re.findall(
            r'<link rel="canonical" href="https://verdicts.example/panel/([^"]*)">', text
        )
        wanted = path
        if path.startswith("sorted/"):
            wanted = path.split("/", 2)[2]
        elif 'http-equiv="refresh"' in text:
            wanted = path.replace("was", "t001")
            assert wanted != path
        else:
            wanted = "" if path == "index.html" else path
        assert found == ([] if path == "404.html" else [wanted]), path
