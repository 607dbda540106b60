"""Measures `panel publish`: a generated catalog of 2,000 tools and 5,000 comparisons.

Usage: python bench/site.py [--tools 2000] [--comparisons 5000] [--out FOLDER]
Builds into an empty folder, once more with nothing changed, and once with one take
changed; prints seconds, files written and the largest page with its stylesheet and script.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from panel.cells.cells import ModelIdentity
from panel.scorecard import PersonaLine, Scorecard, Take, VerdictChange
from panel.site.build import Built, build
from panel.site.publication import Publication, PublishedTool
from panel.stats import Tally, combine
from panel.workspace.personas import Persona, load_personas
from panel.workspace.prompts import load_prompts
from panel.workspace.settings import SiteSettings
from panel.workspace.tools import PricePlan, Pricing, Tool

ROOT = Path(__file__).parents[1]
CATEGORIES = 20
TEXT = (
    "the tool reads lines of plain text and writes a table that other programs can open without "
    "asking its maker first because every format it keeps is written down and every limit stated "
    "before somebody finds it which costs a little speed on large folders and saves an afternoon"
)
WORDS = TEXT.split()


def prose(chance: random.Random, words: int) -> str:
    """Return so many made-up words."""
    return (" ".join(chance.choice(WORDS) for _ in range(words)) + ".").capitalize()


def a_take(chance: random.Random, persona: Persona, day: date) -> Take:
    """Return an approved take of four beats, about 130 words."""
    beats = tuple((beat.label, prose(chance, 32)) for beat in persona.beats)
    return Take(
        outcome="verdict",
        verdict=chance.choice(("ship", "ship", "skip")),
        confidence=chance.randint(40, 95),
        take=" ".join(text for _label, text in beats),
        beats=beats,
        evidence=(prose(chance, 8), prose(chance, 8), prose(chance, 8)),
        reason=None,
        asked_at=f"{day}T12:00:00Z",
        output_mode="json_schema",
        stale=chance.random() < 0.05,
        state="approved",
        editor=chance.choice(("Ada", "Grace")),
    )


def an_edition(chance: random.Random, number: int, personas: list[Persona]) -> PublishedTool:
    """Return a made-up tool with a take of each persona."""
    day = date(2026, 1, 1) + timedelta(days=chance.randint(0, 320))
    tool = Tool(
        slug=f"tool-{number:05}",
        name=f"{chance.choice(WORDS).title()}{chance.choice(WORDS).title()} {number}",
        tagline=prose(chance, 11),
        category=f"Category {number % CATEGORIES + 1}",
        description="\n\n".join(prose(chance, 60) for _ in range(3)),
        pricing=Pricing(
            entry=chance.choice(("Free", "$10 a month", "$0.002 a page")),
            plans=(PricePlan(name="Team", price="$20 a seat and month", includes="support"),),
            verified=day,
        ),
        url=f"https://tool-{number}.example/",
        tags=tuple(chance.sample(("code", "local", "api", "voice", "search", "agents"), 3)),
    )
    lines = []
    for persona in personas:
        take = a_take(chance, persona, day)
        tally = Tally().plus("verdict", take.verdict)
        lines.append(PersonaLine(persona.id, persona.name, persona.motto, tally, take))
    card = Scorecard(
        tool=tool.slug,
        name=tool.name,
        tagline=tool.tagline,
        category=tool.category,
        entry_price=tool.pricing.entry,
        description=tool.description,
        url=tool.url,
        model="lab/some-model",
        lines=tuple(lines),
        result=combine([line.tally for line in lines]),
    )
    return PublishedTool(tool, card)


def a_publication(tools: int, comparisons: int) -> Publication:
    """Return a publication of that size, the same each time."""
    chance = random.Random(5)
    personas = load_personas(ROOT / "personas")
    prompts = load_prompts(ROOT / "prompts")
    editions = [an_edition(chance, number, personas) for number in range(tools)]
    changes = [
        VerdictChange(
            edition.tool.slug,
            line.persona,
            None if first else "skip",
            "ship",
            "2026-01-02T12:00:00Z",
            "new" if first else "description changed",
            "lab/some-model",
        )
        for edition in editions
        for line in edition.card.lines
        for first in (False, True)
    ]
    return Publication(
        site=SiteSettings(
            title="Bench Weekly",
            base_url="https://bench.example/",
            max_pairs_per_category=-(-comparisons // CATEGORIES),
        ),
        tools=tuple(editions),
        personas=tuple(personas),
        model=ModelIdentity("lab", "some-model"),
        today=date(2026, 11, 24),
        changes=tuple(changes),
        systems={persona.id: prompts.system_text(persona) for persona in personas},
        review=prompts.review_text(editions[0].tool),
        review_of=editions[0].tool.name,
        votes={edition.tool.slug: Tally(ships=7, skips=3) for edition in editions[::3]},
        version="bench",
    )


def with_one_change(publication: Publication) -> Publication:
    """Return the publication with one take reworded."""
    first, *rest = publication.tools
    line, *others = first.card.lines
    assert line.take is not None
    line = replace(line, take=replace(line.take, take="Rewritten by an editor."))
    card = replace(first.card, lines=(line, *others))
    return replace(publication, tools=(replace(first, card=card), *rest))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(name: str, publication: Publication, out: Path) -> Built:
    """Build, and print how long it took and what it wrote."""
    started, worked = time.perf_counter(), cpu_seconds()
    built = build(publication, out)
    seconds, worked = time.perf_counter() - started, cpu_seconds() - worked
    print(
        f"{name:22} {seconds:6.1f} s ({worked:5.1f} s of CPU)  {len(built.written):6,} written  "
        f"{built.unchanged:6,} unchanged  {len(built.removed):3} removed"
    )
    return built


def main() -> None:
    """Run the three builds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=2000)
    parser.add_argument("--comparisons", type=int, default=5000)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    publication = a_publication(chosen.tools, chosen.comparisons)
    out = chosen.out or Path(tempfile.mkdtemp(prefix="panel-site-"))
    try:
        built = timed("into an empty folder", publication, out)
        timed("nothing changed", publication, out)
        timed("one take changed", with_one_change(publication), out)
        files = [file for file in out.rglob("*") if file.is_file()]
        shared = sum(
            f.stat().st_size for f in (out / "assets").iterdir() if f.suffix in (".css", ".js")
        )
        largest = max((f for f in files if f.suffix == ".html"), key=lambda f: f.stat().st_size)
        memory = [
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        print(
            f"{built.tools:,} tools, {built.comparisons:,} comparisons, {built.pages:,} pages, "
            f"{len(files):,} files, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB"
        )
        print(
            f"largest page {largest.relative_to(out)}: {largest.stat().st_size / 1000:.1f} kB + "
            f"{shared / 1000:.1f} kB stylesheet and script; "
            f"peak {memory[0]:.0f} MB, largest worker {memory[1]:.0f} MB"
        )
    finally:
        if chosen.out is None:
            shutil.rmtree(out)


if __name__ == "__main__":
    main()
