"""``panel verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panel.cells.journal import find_journals
from panel.cells.verify import kept_receipts, receipt
from panel.cells.verify import verify as verify_journal
from panel.cli.main import ExitCode
from panel.cli.options import Json
from panel.cli.output import note, print_json, say
from panel.frozen.files import FOLDER, read_frozen
from panel.frozen.receipts import compare_receipts
from panel.readers.community.ledger import ledgers
from panel.text import counted
from panel.workspace.loading import RUNS, find_root

app = typer.Typer(rich_markup_mode=None)


@app.command()
def verify(
    kept: Annotated[
        Path | None,
        typer.Option(
            "--receipt",
            help="What 'panel verify --json' printed earlier: is that still there?",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether every journal is as it was written. Exit 1 when one is not.

    Looks at each line of the journals in runs/ and of the files in community/, and compares
    them with the receipts that 'panel freeze' keeps in verdicts/. Prints the receipt of the
    journals as they are now.
    """
    root = find_root(Path.cwd())
    journals = [verify_journal(each.file, root) for each in find_journals(root / RUNS)]
    readers = [verify_journal(file, root) for file in ledgers(root)]
    faults, elsewhere = compare_receipts(read_frozen(root / FOLDER), journals)
    faults += kept_receipts(kept, journals) if kept else []
    found = [*journals, *readers]
    lines = sum(each.lines for each in found)
    unsealed = sum(each.unsealed for each in found)
    faults = [f"{each.file}:{n}: {what}." for each in found for n, what in each.faults] + faults
    if as_json:
        print_json(
            {
                "whole": not faults,
                "lines": lines,
                "unsealed": unsealed,
                "receipt": receipt(found),
                "receipts_elsewhere": elsewhere,
                "faults": faults,
                "journals": [each.record() for each in found],
            }
        )
    else:
        for fault in faults:
            say(fault)
        state = counted(len(faults), "fault") if faults else f"whole. Receipt: {receipt(found)}"
        say(f"{counted(len(found), 'journal')}, {counted(lines, 'line')}: {state}")
        if unsealed:
            note(
                f"{counted(unsealed, 'line is', 'lines are')} of older versions, which wrote no "
                "seals."
            )
        if elsewhere:
            note(f"{FOLDER}/ has {counted(elsewhere, 'receipt')} of journals that are not here.")
    if faults:
        raise typer.Exit(ExitCode.FAILED)
