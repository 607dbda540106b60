"""``panel takes``: the takes as texts, by persona."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from panel.cli.options import Json
from panel.cli.output import note, out, percent, plain_table, print_json, safe, say
from panel.cli.workspace import open_store
from panel.research.attribution import (
    PERMUTATIONS,
    Attribution,
    attribute,
    sample_of_tools,
    why_no_attribution,
)
from panel.research.frame import FORMS, Source
from panel.research.takes import Diversity, Take, diversity, load_takes, masked, scaffold
from panel.stats import ends
from panel.store.frames import demo_models, persona_names
from panel.text import counted

app = typer.Typer(rich_markup_mode=None)

METHOD = (
    "tf-idf of words (1-2) and characters (3-5), logistic regression, five folds by tool; 95 % "
    "interval by Wilson; p by permuting the personas within each tool"
)
MATCHED = "matched: the same number of takes of each persona, cut to the same number of words"
_Attributed = dict[str, Attribution | str]  # unmasked and masked; or why not


@app.command()
def takes(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=f"{FORMS}.")] = "house",
    permutations: Annotated[
        int, typer.Option("--permutations", min=19, max=9999, help="For p.")
    ] = PERMUTATIONS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of draws and permutations.")] = 0,
    as_json: Json = False,
) -> None:
    """Say whether takes tell their personas apart, and how alike they are.

    Of each question the take of the first repeat. Masked: without the words that the prompt
    dictates. Needs the extra 'research'. docs/takes.md describes each figure.
    """
    chosen = Source.parse(source)
    with open_store() as connection:
        found = load_takes(connection, chosen)
        demo = demo_models(connection, chosen.place)
        names = persona_names(connection)
        dictated = scaffold(connection, {take.persona for take in found})
    sampled = sample_of_tools(found, seed)
    hide = partial(masked, dictated=dictated)
    changes: dict[str, Callable[[str], str]] = {"unmasked": str, "masked": hide}
    attributed: _Attributed = {
        name: why_no_attribution(sampled, change) or attribute(sampled, change, permutations, seed)
        for name, change in changes.items()
    }
    alike = diversity(found, seed)
    if demo:
        note(f"Left out, since their words are the vendor's: takes of {', '.join(demo)}.")
    if as_json:
        print_json(_record(str(chosen), found, attributed, alike) | {"left_out": demo})
        return
    say(f"{counted(len(found), 'take')} of {chosen}: one for each tool, persona and model.")
    for name, each in attributed.items():
        _print_attribution(name, each, names)
    _print_diversity(alike, names)
    note(f"Attribution: {METHOD}.")
    note(f"Diversity, {MATCHED}. docs/takes.md has the formulas.")


def _print_attribution(name: str, found: Attribution | str, names: Mapping[str, str]) -> None:
    if isinstance(found, str):
        say(f"Attribution, {name}: not estimable: {found}.")
        return
    low, high = found.interval.low, found.interval.high
    say(
        f"Attribution, {name}: {percent(100 * found.accuracy)} of {counted(found.n, 'take')} "
        f"({low:.0f}–{high:.0f} %), chance {percent(100 * found.chance)}, p = {found.p:.3f} of "
        f"{found.permutations:,} permutations."
    )
    table = plain_table(["Takes of"], [f"as {names[persona]}" for persona in found.confusion])
    for persona, row in found.confusion.items():
        table.add_row(safe(names[persona]), *(f"{many:,}" for many in row.values()))
    out().print(table)


def _print_diversity(found: list[Diversity] | str, names: Mapping[str, str]) -> None:
    if isinstance(found, str):
        say(f"Diversity: not estimable: {found}.")
        return
    first = found[0]
    say(f"Diversity over {counted(first.n, 'take')} of each persona, {first.words} words each:")
    heads = ("zlib", "BLEU", "dist-1", "dist-2", "Vendi", "phrases", "opening")
    table = plain_table(["Persona"], heads)
    for each in found:
        table.add_row(
            safe(names[each.persona]),
            _number(each.compression, 2),
            _number(each.self_bleu, 1),
            _number(each.distinct_1, 3),
            _number(each.distinct_2, 3),
            _number(each.vendi, 1),
            percent(None if each.repeated is None else 100 * each.repeated),
            percent(None if each.opening_share is None else 100 * each.opening_share),
        )
    out().print(table)


def _number(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"


def _record(
    source: str, found: list[Take], attributed: _Attributed, alike: list[Diversity] | str
) -> dict[str, Any]:
    return {
        "source": source,
        "takes": len(found),
        "tools": len({take.tool for take in found}),
        "attribution": {
            "method": METHOD,
            **{name: _attribution_record(each) for name, each in attributed.items()},
        },
        "diversity": {
            "method": MATCHED,
            "not_estimable": alike if isinstance(alike, str) else None,
            "personas": [] if isinstance(alike, str) else [asdict(each) for each in alike],
        },
    }


def _attribution_record(found: Attribution | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"n": None, "accuracy_percent": None, "not_estimable": found}
    return {
        "n": found.n,
        "correct": found.correct,
        "accuracy_percent": 100 * found.accuracy,
        "interval": ends(found.interval),
        "chance_percent": 100 * found.chance,
        "p": found.p,
        "permutations": found.permutations,
        "confusion": found.confusion,
        "not_estimable": None,
    }
