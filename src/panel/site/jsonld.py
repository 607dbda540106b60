"""JSON-LD, the pages' data for search engines. Personas never count as a rating.

An AggregateRating holds only votes of real readers, with their count.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from panel.scorecard import PICKED, PersonaLine
from panel.site.formats import web_address, whose_words
from panel.site.index import SiteIndex, published_date, published_takes
from panel.site.publication import PublishedTool
from panel.site.wording import asked_in_words, signed
from panel.text import clean, day, sentence
from panel.workspace.editorial import Editorial

CONTEXT = "https://schema.org"
# The IPTC's term for text made by a trained model, as schema.org uses it.
BY_MACHINE = "https://schema.org/TrainedAlgorithmicMediaDigitalSource"
WITH_MACHINE = "https://schema.org/CompositeWithTrainedAlgorithmicMediaDigitalSource"  # edited


def embed(record: dict[str, Any]) -> Markup:
    """Return JSON that is safe inside a script element, whatever its strings hold."""
    text = json.dumps(_cleaned(record), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - nothing in it can end the element


def organisation(index: SiteIndex) -> dict[str, Any]:
    """Return who publishes the site."""
    name = index.site.author or index.site.title
    return _without_none({"@type": "Organization", "name": name, "url": index.site.base_url})


def website(index: SiteIndex) -> dict[str, Any]:
    """Return the site itself."""
    record = {
        "@context": CONTEXT,
        "@type": "WebSite",
        "name": index.site.title,
        "description": index.site.description,
        "url": index.site.base_url,
        "publisher": organisation(index),
        "creditText": credit(index),
        "digitalSourceType": BY_MACHINE,
        "hasPart": own_words(index.publication.editorial.front),
    }
    return _without_none(record)


def credit(index: SiteIndex) -> str:
    """Return who wrote the takes."""
    if index.publication.demo:
        return f"{PICKED} ({index.publication.model})"
    return f"Takes written by a language model ({index.publication.model})"


def software(index: SiteIndex, published: PublishedTool) -> dict[str, Any]:
    """Return a tool, with readers' votes as its rating if there are any."""
    tool = published.tool
    record: dict[str, Any] = {
        "@type": "SoftwareApplication",
        "name": tool.name,
        "description": tool.tagline,
        "applicationCategory": tool.category,
        "url": web_address(tool.url),
        "datePublished": tool.released.isoformat() if tool.released else None,
        "aggregateRating": _rating(index, tool.slug),
    }
    return _without_none(record)


def _rating(index: SiteIndex, slug: str) -> dict[str, Any] | None:
    votes = index.publication.votes.get(slug) if index.publication.has_forms else None
    if votes is None or votes.ship_percent is None:
        return None
    return {
        "@type": "AggregateRating",
        "name": "Share of readers who would ship it, in percent",
        "ratingValue": round(votes.ship_percent, 1),
        "bestRating": 100,
        "worstRating": 0,
        "ratingCount": votes.n,
    }


def tool_page(index: SiteIndex, published: PublishedTool, absolute: str | None) -> dict[str, Any]:
    """Return a tool's page: the tool, and each published take as an editorial review."""
    reviews = [
        _review(index, line)
        for line in published.card.lines
        if line.take and line.take.outcome == "verdict" and line.take.take and not line.take.demo
    ]
    record = software(index, published) | {"review": reviews if reviews else None}
    page = {
        "@context": CONTEXT,
        "@type": "WebPage",
        "name": published.tool.name,
        "url": absolute,
        "dateModified": published_date(published) or None,
        "publisher": organisation(index),
        "creditText": credit(index),
        "digitalSourceType": BY_MACHINE,
        "mainEntity": _without_none(record),
        "hasPart": own_words(index.said_of(published)),
    }
    return _without_none(page)


def own_words(said: Editorial | None) -> dict[str, Any] | None:
    """Return what an editor wrote on a page, with that person as the author of it alone.

    None without a name or without words: nobody else is said to have written them.
    """
    text = "\n\n".join(part for part in (said.why, said.text) if part) if said else ""
    if said is None or not said.by or not (said.headline or said.standfirst or text):
        return None
    return _without_none(
        {
            "@type": "Article",
            "headline": said.headline,
            "abstract": said.standfirst,
            "articleBody": text or None,
            "author": {"@type": "Person", "name": said.by},
            "datePublished": said.date.isoformat() if said.date else None,
        }
    )


def _review(index: SiteIndex, line: PersonaLine) -> dict[str, Any]:
    take = line.take
    assert take is not None
    checked = f", {whose_words(take)}" if whose_words(take) else ""
    if take.verdict_reason:
        checked += f", verdict by the editor: {take.verdict_reason}"
    if take.asked_again:
        checked = f"{sentence(checked)} {asked_in_words(take.asked_again, line.name)}"
    return {
        "@type": "Review",
        "name": f"{line.name}: {signed(take)}",
        "reviewBody": take.take,
        "datePublished": day(take.asked_at),
        "author": organisation(index),
        "creditText": f"{credit(index)} as the persona {line.name}{checked}",
        "digitalSourceType": WITH_MACHINE if take.edited else BY_MACHINE,
    }


def comparison_page(
    index: SiteIndex, left: PublishedTool, right: PublishedTool, absolute: str | None
) -> dict[str, Any]:
    """Return a comparison's page."""
    dates = [published_date(each) for each in (left, right) if published_takes(each)]
    page = {
        "@context": CONTEXT,
        "@type": "WebPage",
        "name": f"{left.tool.name} vs {right.tool.name}",
        "url": absolute,
        "dateModified": max(dates, default=None),
        "publisher": organisation(index),
        "creditText": credit(index),
        "digitalSourceType": BY_MACHINE,
        "about": [software(index, left), software(index, right)],
        "hasPart": own_words(index.said_of_both(left, right)),
    }
    return _without_none(page)


def crumbs(steps: list[tuple[str, str | None]]) -> dict[str, Any] | None:
    """Return the breadcrumbs of (name, full address) steps; None when an address is unknown."""
    if any(address is None for _name, address in steps):
        return None
    return {
        "@context": CONTEXT,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": address}
            for place, (name, address) in enumerate(steps, 1)
        ],
    }


def _without_none(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list) else value
