"""``panel batch export | submit | status | import | forget``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from panel.cli.main import ExitCode
from panel.cli.options import Json, selecting
from panel.cli.output import note, out, plain_table, print_json, safe, say
from panel.cli.run import dollars, print_estimate, tell_waiting, verdicts
from panel.cli.workspace import open_workspace
from panel.engines.base import RunStats, Workers
from panel.engines.batch import BatchFiles, WrittenFile
from panel.engines.batch_results import ResultRun
from panel.frozen.thaw import opened_thawed
from panel.research.arms import plan_arms
from panel.research.asking import Asking, ask_arms
from panel.research.experiments import asking_arms, opened_arms, protocol_of, refuse_alike
from panel.runs import batch as batches
from panel.runs.batch_import import Imported, import_batches, import_files
from panel.runs.batch_submit import submit as submit_files
from panel.runs.run import ProgressReporter
from panel.runs.selection import Selection, prepare
from panel.store.batches import StoredBatch
from panel.text import counted, in_words
from panel.workspace.experiments import load_experiment
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.plain_files import inside, refuse_link_on_the_way

app = typer.Typer(rich_markup_mode=None)
batch = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Write questions into files for a batch service, and take its answers in.",
)
app.add_typer(batch, name="batch")

NAMED = 5  # unknown ids that are named


@batch.command()
@selecting
def export(
    selection: Selection,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where to; the run's own folder by default."),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", help="What the arms of this experiment lack.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the questions that a run would ask into files, as many as the service's limits want.

    Nothing is sent. A reply that could not be read is shown to the model again for a repair, one
    that was cut short gets twice the room. With --experiment, the arms are registered first.
    """
    workspace = open_workspace()
    if out_folder is not None:
        refuse_link_on_the_way(out_folder)
    files = batches.files_for(workspace, out_folder)
    if experiment is not None:
        no_detect = selection.no_detect
        if any((*asdict(replace(selection, no_detect=False)).values(),)):
            raise typer.BadParameter("--experiment says itself what is asked; no other selection.")
        _export_arms(workspace, experiment, files, no_detect)
    else:
        prepared = prepare(workspace, selection)
        tell_waiting(prepared.plan.waiting)
        batches.export(workspace, prepared, _SILENT, files)
        if not as_json and prepared.plan.pending:
            print_estimate(prepared.estimate)
    apart = out_folder is not None and not inside(workspace.runs, out_folder)
    _print_written(files.written, as_json, " with their names" if apart else "")


_SILENT = ProgressReporter(lambda _stats: None, note)


def _export_arms(workspace: WorkspaceFiles, name: str, files: BatchFiles, no_detect: bool) -> None:
    found = load_experiment(workspace.root, name)
    workspace = asking_arms(workspace, found, no_detect)
    with ExitStack() as stack:
        with opened_thawed(workspace.root) as connection:
            arms = stack.enter_context(opened_arms(workspace, found, connection))
            planned = plan_arms(connection, protocol_of(found), arms)
        refuse_alike(found, planned)
        tell_waiting(planned.waiting)
        ask_arms(workspace, protocol_of(found), arms, Asking(_SILENT, workers=Workers(files=files)))


def _print_written(written: Sequence[WrittenFile], as_json: bool, named: str) -> None:
    if as_json:
        print_json([{**asdict(each), "file": str(each.file)} for each in written])
        return
    if not written:
        say("Nothing to ask.")
        return
    for each in written:
        size = f"{counted(each.requests, 'request')}, {each.bytes / 1_000_000:,.1f} MB"
        say(f"{each.file}: {size}.")
    submit = f"'panel batch submit'{named}"
    say(f"{submit} sends them to the service; or have another program answer them.")


@batch.command()
def submit(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Of 'panel batch export'; all in runs/ when none."),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also files whose requests have answers, or wait elsewhere."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Send files to the service and have it make batches of them.

    Killed at any point, it goes on where it was: nothing is submitted twice. Exit 3: the service
    refused, or is not there.
    """
    done = submit_files(open_workspace(), files or (), anyway, note)
    if as_json:
        print_json(asdict(done))
        return
    for name in done.made:
        say(f"{name}: submitted.")
    for name in done.found:
        say(f"{name}: had been submitted; the service has it.")
    for name, why in done.left.items():
        note(f"{name} was left alone: {why.rstrip('.')}.")
    if not (done.made or done.found):
        say("Nothing was submitted.")


@batch.command()
def status(as_json: Json = False) -> None:
    """List the batches, and ask their services how far they are."""
    found = batches.status(open_workspace())
    if as_json:
        print_json([_record(each) for each in found])
        return
    if not found:
        say("There are no batches. 'panel batch export' writes the files of one.")
        return
    table = plain_table(["Batch", "Asked of", "State", "Service"], ["requests", "answered"])
    for each in found:
        stored = each.stored
        state = stored.state if stored.status is None else f"{stored.state} ({stored.status})"
        table.add_row(
            safe(stored.batch), safe(stored.model_identity), safe(state), safe(_far(each)),
            f"{stored.requests:,}", f"{stored.answered:,}",
        )  # fmt: skip
    out().print(table)
    for each in found:
        if each.stored.detail and each.stored.state != "submitted":
            note(f"{each.stored.batch}: {each.stored.detail}")
        if each.why:
            note(f"{each.stored.batch}: {each.why}")


def _far(each: batches.BatchNow) -> str:
    told = each.service
    if told is None:
        return ""
    counts = [f"{told.done:,} done"] if told.done is not None else []
    counts += [f"{told.failed:,} failed"] if told.failed else []
    return f"{told.status}: {', '.join(counts)}" if counts else told.status


def _record(each: batches.BatchNow) -> dict[str, Any]:
    told = each.service
    times = ("written_at", "submitted_at", "ended_at")
    moments = {name: _moment(each.stored, name) for name in times}
    service = asdict(told) if told else None
    return {**asdict(each.stored), **moments, "at_service": service, "why": each.why}


def _moment(stored: StoredBatch, name: str) -> str | None:
    value = getattr(stored, name)
    return value.isoformat(timespec="seconds") + "Z" if value else None


@batch.command("import")
def import_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Results; none: fetch them from the services."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in the results of batches that have ended, or of files (`vllm run-batch`), each once.

    What failed or got no answer is asked by the next run or batch. Exit 1: cells ended in error, or
    lines are no results of this workspace. 3: a service refused, or is not there.
    """
    workspace = open_workspace()
    done = import_files(workspace, files) if files else import_batches(workspace, note)
    if as_json:
        print_json(_imported(done))
    else:
        _print_imported(done)
    if done.failed:
        raise typer.Exit(ExitCode.ENDPOINT)
    errors = sum(run.stats.errors for run in done.runs)
    raise typer.Exit(ExitCode.FAILED if errors or done.unknown or done.unreadable else ExitCode.OK)


def _imported(done: Imported) -> dict[str, Any]:
    return {
        "taken": done.taken,
        "before": done.before,
        "unknown": done.unknown,
        "unreadable": done.unreadable,
        "unanswered": done.unanswered,
        "ended": done.ended,
        "open": done.open,
        "failed": done.failed,
        "runs": [_run_record(run) for run in done.runs],
    }


def _run_record(run: ResultRun) -> dict[str, Any]:
    stats = run.stats
    return {
        "run_id": run.writer.run_id,
        "model_identity": str(run.model),
        "experiment": run.experiment,
        "requests": stats.requests,
        "asked": stats.asked,
        "verdicts": stats.ships + stats.skips,
        "abstains": stats.abstains,
        "errors": stats.errors,
        "canaries": stats.canaries,
        "follow_ups": run.follow_ups,
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.completion_tokens,
        "cached_tokens": stats.cached_tokens,
        "cost_usd": stats.cost_usd,
    }


def _print_imported(done: Imported) -> None:
    for run in done.runs:
        _print_run(run)
    if not done.taken:
        say("No new results.")
    if done.before:
        say(
            f"{counted(done.before, 'result was', 'results were')} there before, or twice; each "
            "counts once."
        )
    for name, ended in done.ended.items():
        say(f"{name}: {ended} at the service.")
    if done.unanswered:
        say(
            f"{counted(done.unanswered, 'request')} of ended batches got no result; the next run "
            "asks them."
        )
    for name, far in done.open.items():
        say(f"{name}: {far}; not over yet.")
    for name, why in done.failed.items():
        note(f"{name}: {why}")
    if done.unreadable:
        note(
            f"{counted(done.unreadable, 'line is no result', 'lines are no results')} of a batch, "
            f"and {'was' if done.unreadable == 1 else 'were'} left out."
        )
    if done.unknown:
        shown = ", ".join(done.unknown[:NAMED])
        more = f" and {len(done.unknown) - NAMED:,} more" if len(done.unknown) > NAMED else ""
        note(
            f"{counted(len(done.unknown), 'result is', 'results are')} to no request of this "
            f"workspace: {shown}{more}."
        )


def _print_run(run: ResultRun) -> None:
    stats: RunStats = run.stats
    of = f"experiment {run.experiment}, " if run.experiment else ""
    say(
        f"{counted(stats.requests, 'result')} of {of}{run.model}: {verdicts(stats, run.demo)}, "
        f"{stats.abstains:,} abstained, {counted(stats.errors, 'error')}. Run {run.writer.run_id}."
    )
    for reason, count in sorted(stats.reasons.items()):
        say(f"  {count:,} × {in_words(reason)}")
    if stats.canaries:
        say(f"{stats.canaries:,} of them on cells that had an answer: kept, and no outcomes.")
    if run.follow_ups:
        say(
            f"{counted(run.follow_ups, 'reply', 'replies')} cannot be used yet: 'panel batch "
            "export' writes what to ask about them next."
        )
    if stats.cost_usd:
        say(f"Cost {dollars(stats.cost_usd)}.")


@batch.command()
def forget(
    name: Annotated[str, typer.Argument(metavar="BATCH", help="Of 'panel batch status'.")],
) -> None:
    """Wait for a batch no longer, such as one that was deleted at its service.

    It is not cancelled there. Results that come all the same can be imported from a file.
    """
    forgotten = batches.forget(open_workspace(), name)
    left = forgotten.requests - forgotten.answered
    say(
        f"{name}: forgotten. {counted(left, 'request waits', 'requests wait')} no more; the next "
        "run asks their cells."
    )
