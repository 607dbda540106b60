"""A publication with hostile text in every field."""

from __future__ import annotations

from dataclasses import replace

from panel.scorecard import PersonaLine, VerdictChange
from panel.site.publication import Publication, PublishedTool
from panel.workspace.settings import SiteSettings
from panel.workspace.tools import Fact, PricePlan, Pricing, Tool
from tests.support.site_publication import seed_publication

BAD = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</script></style></title></svg><iframe srcdoc=x>",
    "javascript:alert(1)",
    "{{ 777*77 }}{% raw %}<!--",
    "&lt;b onclick=x&gt;",
    "../../../etc/passwd",
    "]]><x/>\r\nUser-agent: *\r\nDisallow: /",
    "\u2028\u2029</ScRiPt\n>",
    "[x](javascript:alert(1)) ![y](https://e.example/p.png)",
    "# <https://e.example/a>\n\n[b][c] `<script>` [](//e.example)\n\n[c]: data:text/html,x",
    '| <img src=x> |\n|---|\n| [c](vbscript:x "onerror=y") <svg/onload=z> |',
]


def poisoned(bad: str) -> Publication:
    """Return the seed's publication with the given text in every field that can hold one."""
    plain = seed_publication()

    def edition(each: PublishedTool, slug: str) -> PublishedTool:
        # Past the checks of the catalog on purpose: nothing may stand on them alone.
        tool = Tool.model_construct(
            slug=slug,
            name=bad,
            tagline=bad,
            category=bad,
            description=bad,
            pricing=Pricing.model_construct(
                entry=bad,
                plans=(PricePlan.model_construct(name=bad, price=bad, includes=bad),),
                verified=None,
            ),
            url=bad,
            links={bad: bad},
            tags=(bad, bad + "2"),
            released=None,
            facts={bad: Fact.model_construct(value=bad, source=bad, checked=None)},
        )
        lines = tuple(map(line, each.card.lines))
        card = replace(
            each.card, tool=slug, name=bad, tagline=bad, category=bad, entry_price=bad,
            description=bad, url=bad, model=bad, lines=lines,
        )  # fmt: skip
        return PublishedTool(tool, card)

    def line(each: PersonaLine) -> PersonaLine:
        assert each.take
        take = replace(
            each.take, take=bad, beats=((bad, bad),), evidence=(bad, bad), asked_at=bad,
            output_mode=bad, editor=bad, reason=bad, stale=True,
        )  # fmt: skip
        return replace(each, name=bad, motto=bad, take=take)

    personas = tuple(
        each.model_copy(
            update={
                "name": bad,
                "motto": bad,
                "ship_bar": bad,
                "skip_bar": bad,
                "beats": tuple(
                    beat.model_copy(update={"label": bad, "ask": bad}) for beat in each.beats
                ),
            }
        )
        for each in plain.personas
    )
    slugs = ("one", "two")
    return replace(
        plain,
        site=SiteSettings.model_construct(
            title=bad, base_url="https://verdicts.example/", description=bad, author=bad,
            contact=bad, pairs=(), all_pairs=True, max_pairs_per_category=5, stale_price_days=90,
        ),
        tools=tuple(map(edition, plain.tools, slugs)),
        personas=personas,
        pairs=(),
        changes=tuple(
            VerdictChange(slug, who, before, "ship", bad, bad, bad)
            for slug in slugs
            for who in ("builder", bad)
            for before in (None, "skip")
        ),
        systems={each.id: bad for each in personas},
        review=bad,
        review_of=bad,
        sampling={bad: bad},
        version=bad,
    )  # fmt: skip
