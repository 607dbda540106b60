"""What this machine has room for: memory, with the limit of a container heeded, and disk."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from panel.errors import EndpointError

RESERVE = 128 * 2**20  # bytes of the program itself, and of what a model computes with
BATCH = 512  # tokens computed at once (llama.cpp's n_ubatch); each has a score for every token


def memory_needed(weights: int, kv_bytes: int, vocabulary: int, tokens: int) -> int:
    """Return the bytes that a model takes while it is asked, on the safe side.

    Its file, the cache of so many tokens of context (of all slots together), and the scores of
    one batch over the vocabulary as 32-bit numbers, which is what llama.cpp sets aside.
    """
    return weights + kv_bytes * tokens + BATCH * vocabulary * 4 + RESERVE


def memory_available(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that a process can have now; None where the system tells none.

    root: where /proc and /sys are found.
    """
    known = [_of_system(root), *_of_groups(root)]
    return min((each for each in known if each is not None), default=None)


def memory_total(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that a process can ever have; None where none are told."""
    known = [_pages("SC_PHYS_PAGES"), *(limit for _folder, limit in _limits(root))]
    return min((each for each in known if each is not None), default=None)


def disk_free(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is, or will be, on; raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def no_room(folder: Path, error: OSError) -> EndpointError:
    """Return the error of a folder that does not take a file."""
    return EndpointError(
        f"the weights cannot be kept in {folder}: {error.strerror or error}. Make room or mend the "
        "rights, or set PANEL_CACHE to another folder."
    )


def _of_system(root: Path) -> int | None:
    """Linux tells what can be had without swapping; elsewhere, all that there is counts."""
    found = re.search(r"^MemAvailable:\s++(\d+) kB", _read(root / "proc/meminfo"), re.M)
    return int(found[1]) * 1024 if found else _pages("SC_PHYS_PAGES")


def _pages(name: str) -> int | None:
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _of_groups(root: Path) -> list[int]:
    """Return what the control groups leave; pages of files count as free, which they are."""
    left = []
    for folder, limit in _limits(root):
        used = _number(folder / "memory.current", folder / "memory.usage_in_bytes") or 0
        stat = _read(folder / "memory.stat")
        files = re.search(r"^(?:total_)?inactive_file (\d+)", stat, re.M)
        left.append(max(0, limit - max(0, used - int(files[1] if files else 0))))
    return left


def _limits(root: Path) -> list[tuple[Path, int]]:
    """Return the folders of the control groups that this process is in, and their limits.

    A process is in a group and in all above it; the kernel of v1 writes a huge number for none.
    """
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _number_of, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        inside = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(inside), -1, -1):
            folder = top.joinpath(*inside[:depth])
            limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
            if limit is not None and limit < 2**60:
                found.append((folder, limit))
    return found


def _number(*files: Path) -> int | None:
    for file in files:
        if (text := _read(file).strip()).isdigit():
            return int(text)
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError):
        return ""
