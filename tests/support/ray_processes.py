"""The processes that Ray starts for a run, found by who their parents are."""

from __future__ import annotations

from pathlib import Path

ASKER = "ray::MapWorker(MapBatches(Asker))"


def children_of(pid: int) -> dict[int, str]:
    """Return all processes that descend from one, and the command line of each."""
    parents: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The second field, a name in parentheses, may hold anything.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                names[int(entry.name)] = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                )
            except OSError:  # it has ended since
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, left = dict[int, str](), [pid]
    while left:
        for child in parents.get(left.pop(), []):
            found[child] = names[child]
            left.append(child)
    return found


def askers_of(pid: int) -> list[int]:
    """Return the workers of a run, by the process that began it."""
    return [child for child, name in children_of(pid).items() if name.startswith(ASKER)]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
