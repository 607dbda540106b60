"""Options that several commands share, and what they come to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from panel.cells.shards import Shard
from panel.engines.base import Workers
from panel.errors import UsageError
from panel.runs.run import Recording
from panel.runs.selection import Selection
from panel.workspace.plain_files import STDIN

Tools = Annotated[
    list[str] | None, typer.Option("--tool", help="Only this tool (slug or name); repeatable.")
]
Personas = Annotated[
    list[str] | None, typer.Option("--persona", help="Only this persona; repeatable.")
]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Only this category; repeatable.")
]
EndpointName = Annotated[
    str | None, typer.Option("--endpoint", help="An endpoint of panel.toml, or a preset.")
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="A name it is reached by; repeatable."),
]
TrustProxy = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-proxy",
        metavar="ADDRESS",
        help="A proxy (or network) whose X-Forwarded-* are believed; repeatable.",
    ),
]
NoDetect = Annotated[
    bool,
    typer.Option("--no-detect", help="Look for no server where no endpoint is configured."),
]
Model = Annotated[str | None, typer.Option("--model", help="The model to ask.")]
StoredModel = Annotated[str | None, typer.Option("--model", help="Whose verdicts.")]
ToolNames = Annotated[
    list[str] | None, typer.Argument(metavar="TOOL", help="Slug or name; all when none.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
MaxCalls = Annotated[int | None, typer.Option(min=1, help="Stop before more requests than this.")]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Stop before more tokens than this, both ways.")
]
MaxCost = Annotated[
    float | None, typer.Option(min=0, help="Stop before more US dollars than this.")
]


def stdin_for_dash(file: Path | None) -> Path | None:
    """Return where a file to be read is: of "-", stdin."""
    return STDIN if file is not None and str(file) == "-" else file


Record = Annotated[
    Path | None, typer.Option("--record", help="Write every answer into this new file.")
]
Replay = Annotated[
    Path | None,
    typer.Option(
        "--replay",
        help="Take the answers from such a file, or stdin (-); no model is asked.",
        callback=stdin_for_dash,
    ),
]


Engine = Annotated[
    str,
    typer.Option(
        "--engine", metavar="local|ray", help="Who asks: this process, or workers of Ray."
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="A Ray cluster; else Ray is started on this machine."),
]
WorkerCount = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Workers of Ray; else one on each machine."),
]


def asking_with(
    engine: str, address: str | None, workers: int | None, tape: Path | None
) -> Workers:
    """Return who asks; raises typer.BadParameter for options that do not go together."""
    if engine not in ("local", "ray"):
        raise typer.BadParameter(f"--engine {engine!r} is not known. Write local or ray.")
    if engine == "local" and (address is not None or workers is not None):
        raise typer.BadParameter("--address and --workers are of Ray. Add --engine ray.")
    if engine == "ray" and tape is not None:
        raise typer.BadParameter("a recording is of one process. Leave --engine ray out.")
    return Workers(engine, address, workers)


def _selection(
    tool: Tools = None,
    persona: Personas = None,
    category: Categories = None,
    endpoint: EndpointName = None,
    model: Model = None,
    repeats: Annotated[
        int | None,
        typer.Option("--repeats", min=1, max=1000, help="Ask every cell this many times (1)."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask all cells once more, as new repeats.")
    ] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask only cells that ended in an error.")
    ] = False,
    retry_abstained: Annotated[
        bool, typer.Option("--retry-abstained", help="Ask only cells that abstained.")
    ] = False,
    changed: Annotated[
        bool,
        typer.Option("--changed", help="Ask only what verdicts/ does not hold, and the canaries."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", help="With --changed: only what differs from this git revision."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only the cells of part I of N, as in 2/8."),
    ] = None,
    batched: Annotated[
        bool, typer.Option("--batched", help="Ask also what waits in a batch already.")
    ] = False,
    no_detect: NoDetect = False,
) -> Selection:
    """Make a selection of the options; raises typer.BadParameter for those that exclude others."""
    if again and (retry_errors or retry_abstained):
        raise typer.BadParameter("--again asks every cell; it goes with no --retry-... option.")
    if changed and (again or retry_errors or retry_abstained):
        raise typer.BadParameter(
            "--changed asks what is stale; it goes with neither --again nor --retry-...."
        )
    if since is not None and not changed:
        raise typer.BadParameter("--since narrows --changed. Add --changed.")
    retry = frozenset(("error",) * retry_errors + ("abstain",) * retry_abstained)
    chosen = (tool or [], persona or [], category or [], endpoint, model)
    part = Shard.parse(shard) if shard is not None else None
    more = {"shard": part, "batched": batched, "no_detect": no_detect}
    return Selection(*chosen, repeats, again, retry, changed, since, **more)  # type: ignore[arg-type]


def recording(record: Path | None, replay: Path | None) -> Recording:
    """Return where answers go to or come from; raises typer.BadParameter for both, and stdout."""
    if record is not None and replay is not None:
        raise typer.BadParameter("--record asks a model and --replay none; name one of them.")
    if record is not None and str(record) == "-":
        raise typer.BadParameter("a recording needs a file of its own: stdout has the summary.")
    return Recording(record, replay)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that select cells to ask; it takes them as ``selection``."""
    shared = inspect.signature(_selection, eval_str=True).parameters
    own = dict(inspect.signature(command, eval_str=True).parameters)
    del own["selection"]

    @wraps(command)
    def called(**values: Any) -> None:
        chosen = {name: values.pop(name) for name in shared}
        command(selection=_selection(**chosen), **values)

    parameters = [*shared.values(), *own.values()]
    called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    )
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called


def host_names(names: list[str] | None) -> frozenset[str]:
    """Return the names of --allow-host in lower case; raises UsageError for what is none."""
    for name in names or ():
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]+\]", name):
            raise UsageError(
                f"--allow-host {name!r} is not a host name. Write it like example.org, without "
                "https:// and port."
            )
    return frozenset(name.lower().rstrip(".") for name in names or ())
