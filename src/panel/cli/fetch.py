"""``panel fetch``: models by name, downloaded, checked, linked, listed and removed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panel.cli.main import ExitCode
from panel.cli.options import Json
from panel.cli.output import Format, err, note, print_json, print_rows, say
from panel.endpoint.gguf import NotGgufError, read_header
from panel.endpoint.machine import disk_free, memory_needed, memory_total
from panel.endpoint.weights import gigabytes, remove
from panel.errors import UsageError
from panel.workspace.catalogue import (
    DEMO,
    RECOMMENDED,
    Pin,
    known_pins,
    model_names,
    own_pin,
    pinned,
)
from panel.workspace.presets import EMBEDDED_MODEL
from panel.workspace.validation import did_you_mean

if TYPE_CHECKING:  # it pulls in the HTTP stack, which a list of models needs not
    from panel.endpoint.download import Told
    from panel.endpoint.fetching import Fetched

app = typer.Typer(rich_markup_mode=None)

CONTEXT = 8192  # tokens of context for which the list says how much memory is needed


@app.command()
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Models to fetch; none: list them all."),
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option("--repo", metavar="OWNER/NAME", help="Another repository of the hub."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="F.gguf", help="With --repo: which file of it.")
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", help="With --repo: a branch, tag or commit (main)."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="With --repo: what to call the model (after its file)."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Hash what is here; ask the hub if it agrees with the pins."),
    ] = False,
    delete: Annotated[
        bool, typer.Option("--remove", help="Remove the models that are named from this machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch models to be served by panel itself; without a name, list them.

    Each is looked for in Ollama's store and the Hugging Face cache first, and linked from there.
    What is downloaded is checked by its SHA-256, and goes on where an interrupted one ended.
    HF_ENDPOINT, HF_TOKEN and proxies are heeded. Exit 1: --verify found a difference.
    """
    if (repo is None) != (file is None) or (repo is None and (revision or name)):
        raise typer.BadParameter("--repo and --file go together; --revision and --name with them.")
    if repo is not None and (names or verify or delete):
        raise typer.BadParameter("--repo names the model to fetch; leave the rest out.")
    if delete and (verify or not names):
        raise typer.BadParameter("--remove wants the names of models, and goes without --verify.")
    pins = [_named(each) for each in names or ()]
    if repo is not None and file is not None:
        pins = [_own(own_pin(repo, file, revision or "main", name), revision)]
    if verify:
        _verify(pins or known_pins(), as_json)
    elif delete:
        _remove(pins, as_json)
    elif pins:
        _fetch_all(pins, as_json)
    else:
        _list(as_json)


def _named(name: str) -> Pin:
    pin = pinned(name)
    if pin is None:
        raise UsageError(
            f"there is no model {name!r}. {did_you_mean(name, model_names())} Any other GGUF file: "
            "panel fetch --repo OWNER/NAME --file F.gguf"
        )
    return pin


def _own(wanted: Pin, revision: str | None) -> Pin:
    """Return what is recorded of a model of this name; raises UsageError for another file.

    A branch stays at the commit that it stood for when the model was fetched.
    """
    known = pinned(wanted.name)
    if known is None:
        return wanted
    commit = revision if revision and re.fullmatch(r"[0-9a-f]{40}", revision) else known.revision
    if (known.repo, known.file, known.revision) != (wanted.repo, wanted.file, commit):
        raise UsageError(
            f"{wanted.name!r} is {known.file} of {known.repo} at {known.revision} already. Call "
            f"this one otherwise with --name, or run 'panel fetch --remove {wanted.name}' first."
        )
    return known


def _fetch_all(pins: Sequence[Pin], as_json: bool) -> None:
    done = []
    if not can_serve():
        note(
            "To serve a model, panel needs its extra 'embedded', which is not installed here: "
            "pip install 'reviewer-panel[embedded]' (docs/install.md says how with uv and pipx)."
        )
    for pin in pins:
        got = fetch_shown(pin)
        if not as_json:
            say(str(got.path))
        done.append(_record(got.pin) | {"path": str(got.path), "source": got.source or "there"})
        demo = pin.name == EMBEDDED_MODEL
        note(f"Ask it: panel run --model {DEMO if demo else pin.name}")
    if as_json:
        print_json(done)


def can_serve() -> bool:
    """Whether what serves models in this process is installed: the extra 'embedded'."""
    return find_spec("xllamacpp") is not None


def fetch_shown(pin: Pin) -> Fetched:
    """Fetch one model, and say how that goes and where it came from; raises EndpointError."""
    from panel.endpoint.fetching import fetch as fetch_weights  # noqa: PLC0415 - the HTTP stack

    with _shown(pin.name) as told:
        got = fetch_weights(pin, told)
    how = {"": "was here already", "download": "downloaded"}.get(
        got.source, f"linked from {got.source}"
    )
    note(f"{got.pin.name}: {how}; SHA-256 {got.pin.sha256} checked.")
    return got


@contextmanager
def _shown(name: str) -> Iterator[Told]:
    """Show how a download goes: as a bar on a terminal; elsewhere only what is noticed."""
    from panel.endpoint.download import Told  # noqa: PLC0415

    if not err.is_terminal:
        yield Told(note)
        return
    from panel.cli.progress import download_bar  # noqa: PLC0415

    with download_bar(name) as progress:
        yield Told(note, progress)


def _list(as_json: bool) -> None:
    rows = [_row(pin) for pin in known_pins()]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "size", "memory", "licence", "fits", "there")
    print_rows(columns, [_cells(row) for row in rows], Format.TABLE)
    note(
        f"Recommended: {RECOMMENDED}. 'panel fetch NAME' fetches a model, 'panel run --model NAME' "
        f"asks it. '{DEMO}' is another name of {EMBEDDED_MODEL}. Memory: with a context of "
        f"{CONTEXT:,} tokens."
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    there = "linked" if row["linked_to"] else "yes"
    part = f"{100 * row['bytes_here'] // row['bytes']} %" if row["bytes_here"] else "no"
    return (
        row["name"],
        gigabytes(row["bytes"]),
        gigabytes(row["memory_bytes"]) if row["memory_bytes"] else "?",
        row["licence"] or "?",
        row["fits_not"] or "yes",
        there if row["there"] else part,
    )


def _record(pin: Pin) -> dict[str, Any]:
    return {
        "name": pin.name,
        "repo": pin.repo or None,
        "revision": pin.revision,
        "file": pin.file,
        "bytes": pin.bytes,
        "sha256": pin.sha256,
        "licence": pin.licence or None,
    }


def _row(pin: Pin) -> dict[str, Any]:
    memory, total, here = _memory(pin), memory_total(), _bytes_here(pin)
    there = pin.fetched() and here == pin.bytes
    lacks = []
    if memory is not None and total is not None and memory > total:
        lacks.append(f"no: needs {gigabytes(memory)} of memory, has {gigabytes(total)}")
    if not there and (free := _free(pin)) is not None and pin.bytes - here > free:
        lacks.append(f"no: {gigabytes(free)} free on the disk")
    return _record(pin) | {
        "recommended": pin.name == RECOMMENDED,
        "memory_bytes": memory,
        "fits": not lacks,
        "fits_not": "; ".join(lacks) or None,
        "there": there,
        "bytes_here": here,
        "path": str(pin.path) if there else None,
        "linked_to": str(pin.path.readlink()) if pin.path.is_symlink() else None,
    }


def _bytes_here(pin: Pin) -> int:
    """Return the bytes of a model that are here: of its file, else of a fetch that was ended."""
    for file in (pin.path, pin.partial):
        with suppress(OSError):
            return file.stat().st_size
    return 0


def _memory(pin: Pin) -> int | None:
    """Return the memory that a model needs; of one's own it is known once its file is there."""
    if pin.kv_bytes:
        return memory_needed(pin.bytes, pin.kv_bytes, pin.vocabulary, CONTEXT)
    try:
        header = read_header(pin.path)
    except (NotGgufError, OSError):
        return None
    return memory_needed(header.bytes, header.kv_bytes, header.vocabulary, CONTEXT)


def _free(pin: Pin) -> int | None:
    try:
        return disk_free(pin.path.parent)
    except OSError:
        return None


def _remove(pins: Sequence[Pin], as_json: bool) -> None:
    gone = [pin.name for pin in pins if remove(pin)]
    for pin in pins:
        note(f"{pin.name}: {'removed' if pin.name in gone else 'was not here'}.")
    if as_json:
        print_json({"removed": gone})


def _verify(pins: Sequence[Pin], as_json: bool) -> None:
    from panel.endpoint.hub import Hub  # noqa: PLC0415 - the HTTP stack
    from panel.endpoint.pin_check import check_pin  # noqa: PLC0415

    hub, found = Hub(), []
    for pin in pins:
        if pin.fetched():
            note(f"Hashing {pin.path} ...")
        found.append(check_pin(pin, hub))
        if not as_json:
            say(f"{pin.name}: {found[-1].here}; {found[-1].hub}")
    if as_json:
        print_json([asdict(each) for each in found])
    if any(each.differs for each in found):
        raise typer.Exit(ExitCode.FAILED)
    if any(each.agrees is None and pin.repo for each, pin in zip(found, pins, strict=True)):
        raise typer.Exit(ExitCode.ENDPOINT)
