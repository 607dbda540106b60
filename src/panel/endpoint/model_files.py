"""Looks at a GGUF file before llama.cpp loads it: whether it is a model, whole, and fits."""

from __future__ import annotations

import mmap
from pathlib import Path

from panel.endpoint.gguf import Header, Kind, NotGgufError, read_header
from panel.endpoint.machine import memory_available, memory_needed
from panel.endpoint.weights import gigabytes
from panel.errors import EndpointError
from panel.workspace.catalogue import CATALOGUE
from panel.workspace.endpoints import Endpoint
from panel.workspace.presets import EMBEDDED_MODEL

_NO_MODEL: dict[Kind, str] = {
    "projector": "what a model sees pictures with (mmproj), and no model that can be asked",
    "adapter": "an adapter (LoRA), and no model that can be asked",
    "embedding": "a model of embeddings, which answers no questions",
    "part": "one part of a model that is split over several files, which are not put together",
}


def check_model(weights: Path) -> Header:
    """Return the header of a whole model that can be asked; raises EndpointError for others."""
    try:
        header = read_header(weights)
    except NotGgufError as error:
        raise EndpointError(
            f"{weights} cannot be loaded: {error}. Is it a GGUF file? Fetch it again, or name "
            "another."
        ) from None
    except OSError as error:
        raise EndpointError(f"{weights} cannot be read: {error.strerror or error}.") from None
    if header.kind != "model":
        raise EndpointError(
            f"{weights} is {_NO_MODEL[header.kind]}. Name the file of a chat model; 'panel fetch' "
            "lists some."
        )
    if header.needed > header.bytes:
        raise EndpointError(
            f"{weights} is cut off: it has {header.bytes:,} bytes, and its header speaks of "
            f"{header.needed:,} at least. Fetch it again."
        )
    return header


def check_room(endpoint: Endpoint, header: Header, context: int) -> None:
    """Raise EndpointError where a model does not fit into memory, and say what would."""
    free, slots = memory_available(), endpoint.concurrency
    needed = _needed(header, context * slots)
    if free is None or needed <= free or needed <= free + _of_devices():
        return
    remedies = []
    if slots > 1 and _needed(header, context) <= free:
        remedies.append(f"set concurrency = 1 for the endpoint {endpoint.name!r}")
    smaller = (free - _needed(header, 0)) // max(1, header.kv_bytes * slots) // 1024 * 1024
    if smaller >= context // 2:
        remedies.append(f"shorten the questions and set context = {smaller}")
    fitting = [
        pin
        for pin in CATALOGUE.values()
        if memory_needed(pin.bytes, pin.kv_bytes, pin.vocabulary, context) <= free
        and pin.bytes < header.bytes
        and pin.name != EMBEDDED_MODEL  # which is no judge
    ]
    if fitting:
        largest = max(fitting, key=lambda pin: pin.bytes)
        remedies.append(f"take a smaller model: --model {largest.name}")
    advice = ", or ".join(remedies) or "end other programs, or ask a model on another machine"
    raise EndpointError(
        f"{endpoint.model} needs about {gigabytes(needed)} of memory with {slots} x {context:,} "
        f"tokens of context, and {gigabytes(free)} are free. {advice[0].upper()}{advice[1:]}."
    )


def _needed(header: Header, tokens: int) -> int:
    return memory_needed(header.bytes, header.kv_bytes, header.vocabulary, tokens)


def _of_devices() -> int:
    """Return the free bytes of memory that graphics cards have of their own."""
    try:
        import xllamacpp  # noqa: PLC0415 - optional and large
    except ImportError:
        return 0
    devices = xllamacpp.get_device_info()
    return sum(int(each["memory_free"]) for each in devices if each["type"].name.endswith("_GPU"))


def load_error(weights: Path, said: str, library: str) -> EndpointError:
    """Return the error of a model that llama.cpp did not load; it says itself only that."""
    architecture = read_header(weights).architecture
    if architecture and not _holds(Path(library), architecture):
        return EndpointError(
            f"{weights} is a model of the architecture {architecture!r}, which the llama.cpp of "
            "this xllamacpp does not know. Install a newer one, or take another model."
        )
    return EndpointError(
        f"{weights} cannot be loaded: {said} It may be damaged, or of a kind that this llama.cpp "
        "does not know. Fetch it again, or take another model."
    )


def _holds(library: Path, architecture: str) -> bool:
    """Whether the library names an architecture: it has no function that lists them."""
    try:
        with (
            library.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held,
        ):
            return held.find(architecture.encode() + b"\0") >= 0
    except (OSError, ValueError):
        return True  # not known to lack it
