"""``panel compare-arms``: two sets of votes on the same tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from panel.cli.comparing import print_comparison, print_flips, print_split, record
from panel.cli.options import Json
from panel.cli.output import note, print_json, say
from panel.cli.workspace import open_store
from panel.errors import UsageError
from panel.research.canaries import Split, split
from panel.research.flips import expected_flips
from panel.research.frame import FORMS, Frame, Source, load_frame, not_asked
from panel.research.paired import Comparison, compare
from panel.research.realised import caveat, unrealised_sources
from panel.store.connection import Connection
from panel.store.frames import answers_in_both, persona_names, reviews_by_tool, takes_by_vote
from panel.text import counted

app = typer.Typer(rich_markup_mode=None)


@app.command("compare-arms")
def compare_arms(
    a: Annotated[str, typer.Argument(metavar="A", help=f"Votes: {FORMS}.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Other votes on the same tools.")],
    margin: Annotated[
        float | None,
        typer.Option(help="Ask whether B is unchanged within this many points (TOST)."),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(help="more or fewer: test one side alone, that B ships so than A."),
    ] = None,
    canary: Annotated[
        list[str] | None,
        typer.Option(
            "--canary",
            help="A tool that nobody changed; repeatable. By default those whose review is the "
            "same on both sides.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two sets of votes on the same tools: the difference, the flips, whose change it is.

    Differences are B minus A, in points. A sign-flip test over tools decides; it takes six tools.
    """
    if expect not in (None, "more", "fewer"):
        raise typer.BadParameter(f"{expect!r} is neither more nor fewer.", param_hint="--expect")
    sources = Source.parse(a), Source.parse(b)
    if sources[0] == sources[1]:
        raise UsageError(f"{a!r} is compared with itself. Name two sets of votes.")
    with open_store() as connection:
        frames = [load_frame(connection, source) for source in sources]
        found = compare(frames[0], frames[1], margin, expect)  # type: ignore[arg-type]
        places = [source.place for source in sources]
        shared = answers_in_both(connection, places[0], places[1])
        _refuse_overlap(found, frames, shared)
        flipped = [tool.tool for tool in found.flips]
        takes = [takes_by_vote(connection, place, flipped) for place in places]
        parts, why = _split(connection, found, sources, canary)
        wrong = unrealised_sources(connection, sources)
        names = persona_names(connection)
        waiting = {str(each): sum(not_asked(connection, each).values()) for each in sources}
    noise = expected_flips(found)
    if as_json:
        more = {"answers_in_both": shared, "unrealised": wrong, "not_asked": waiting}
        print_json(record(found, noise, parts, why, takes) | more)
    else:
        print_comparison(found, noise)
        print_split(parts, why)
        print_flips(found, takes, names)
        interim = ", ".join(f"{many:,} of {name}" for name, many in waiting.items() if many)
        if interim:
            say(f"An interim look, which decides nothing: cells are not asked yet, {interim}.")
        say(found.sentence + caveat(wrong, wrong))
    if shared:
        note(
            f"{counted(shared, 'answer is', 'answers are')} in both: the two sides are closer than "
            "two that were asked."
        )
    for source, many in waiting.items():
        if many:
            note(f"{source}: {counted(many, 'cell is', 'cells are')} not asked yet.")
    for frame in frames:
        if pooled := _pooled(frame):
            note(f"{frame.source} adds up the votes of {pooled}.")


def _pooled(frame: Frame) -> str:
    """Say what a source adds up; "" where all its votes are of one arm, model and prompt."""
    kinds = {"arms": {row.arm for row in frame.rows}, "models": frame.models}
    kinds["prompts"] = frame.prompts
    many = [f"{len(each):,} {kind}" for kind, each in kinds.items() if len(each) > 1]
    return " and ".join(", ".join(many).rsplit(", ", 1))


def _refuse_overlap(found: Comparison, frames: Sequence[Frame], shared: int) -> None:
    """Raise UsageError where one side holds the other, or is a pool with answers of the other.

    Such a difference is partly one of answers with themselves, and no test knows of it.
    """
    if not shared:
        return
    pairs = [pair for tool in found.tools for pair in tool.cells.values()]
    for side, (frame, other) in enumerate((frames, frames[::-1])):
        if shared == sum(pair[side].n for pair in pairs):
            raise UsageError(
                f"every vote of {frame.source!r} on the tools in common is also one of "
                f"{other.source!r}, so they cannot be compared: name two sets that were asked "
                "separately, such as two arms or runs."
            )
    for frame in frames:
        if pooled := _pooled(frame):
            raise UsageError(
                f"{frame.source!r} adds up the votes of {pooled}, and {shared:,} of them are also "
                f"in the other set, so the two cannot be compared: name one of them ({FORMS})."
            )


def _split(
    connection: Connection,
    found: Comparison,
    sources: tuple[Source, Source],
    named: list[str] | None,
) -> tuple[Split | None, str | None]:
    """Return the split of the shift, or why there is none."""
    if named:
        return split(found, named), None
    reviews = [reviews_by_tool(connection, source.place) for source in sources]
    tools = [tool.tool for tool in found.tools]
    same = [tool for tool in tools if reviews[0].get(tool) == reviews[1].get(tool)]
    if len(same) == len(tools):
        return None, (
            "both sides saw the same text of every tool, so the whole shift belongs to what "
            "differs for all tools at once: the rules (prompts/system.md.j2), the personas, the "
            "model or its sampling."
        )
    if not same:
        return None, (
            "the text of every tool differs (a changed prompts/review.md.j2 changes all), so no "
            "unchanged tool shows what the model does. Name unchanged ones with --canary."
        )
    try:
        return split(found, same), None
    except UsageError as error:
        return None, str(error)
