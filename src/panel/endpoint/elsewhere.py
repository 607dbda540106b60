"""Where the same file may be: Ollama's store, the Hugging Face cache, a checkout's own cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from panel.workspace.catalogue import Pin
from panel.workspace.scaffold import shipped
from panel.workspace.settings import at_home

# Where Ollama keeps its models when it runs as a service of the system (Linux).
OLLAMA_SERVICE = Path("/usr/share/ollama/.ollama/models")


def places(pin: Pin) -> Iterator[tuple[str, Path]]:
    """Yield whose store it is and where a file would be in it, in the order they are looked at.

    Ollama names a file by its SHA-256. The Hugging Face cache has it under its revision, or, where
    another revision has brought it, by its SHA-256. The Makefile of a checkout keeps it there.
    """
    if pin.sha256:
        for folder in _ollama():
            yield "Ollama's store", folder / "blobs" / f"sha256-{pin.sha256}"
    if pin.repo:
        cache = hugging_face_cache() / f"models--{pin.repo.replace('/', '--')}"
        yield "the Hugging Face cache", cache / "snapshots" / pin.revision / pin.file
        if pin.sha256:
            yield "the Hugging Face cache", cache / "blobs" / pin.sha256
    yield "the checkout's .cache", shipped() / ".cache" / pin.path.name


def _ollama() -> Iterator[Path]:
    chosen = os.environ.get("OLLAMA_MODELS", "").strip()
    if chosen:
        yield at_home(Path(chosen))
    yield from (_home(".ollama/models"), OLLAMA_SERVICE)


def hugging_face_cache() -> Path:
    """Return the folder that the libraries of Hugging Face download into."""
    chosen = os.environ.get("HF_HUB_CACHE", "").strip()
    home = os.environ.get("HF_HOME", "").strip()
    if chosen:
        return at_home(Path(os.path.expandvars(chosen)))
    if home:
        return at_home(Path(os.path.expandvars(home))) / "hub"
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(base) if base else _home(".cache")) / "huggingface" / "hub"


def _home(path: str) -> Path:
    try:
        return Path.home() / path
    except RuntimeError:  # no home: nothing is found below the root's
        return Path("/nonexistent") / path
