"""How many prompt tokens llama.cpp takes from its cache, in the order of a run and in others.

    python -m bench.token_cache [--workspace FOLDER] [--slots 1 4] [--json]

Sends the real messages of every cell of a catalogue to the embedded endpoint's own server, in three
orders, and adds up what the server says of each prompt. Cells go through the queue and the limiter
of `panel run`. The model is cut down to its first layer, since tokens are all that counts; replies
have 1 to 24 tokens, so that slots come free in another order than they were taken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import urllib.request
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.one_layer import cut_to_one_layer

from panel.cells.cells import Cell, Target
from panel.endpoint.embedded import Served, serve
from panel.endpoint.limits import ConcurrencyLimiter
from panel.endpoint.target import Chosen, resolve_target
from panel.engines.queue import CellQueue
from panel.workspace.catalogue import CATALOGUE
from panel.workspace.loading import load_workspace
from panel.workspace.presets import EMBEDDED_MODEL

REPOSITORY = Path(__file__).resolve().parents[1]
LONGEST_REPLY = 24  # tokens
AS_A_RUN = "as `panel run` asks"


@dataclass(frozen=True, slots=True)
class Measured:
    """One pass over all cells; tokens of their prompts, and how many of them were cached.

    expected: the share of the order's own arithmetic, for one slot; None where there are more.
    """

    slots: int
    order: str
    cells: int
    tokens: int
    cached: int
    expected: float | None

    @property
    def share(self) -> float:
        """The share of the prompts' tokens that came from the cache, from 0 to 1."""
        return self.cached / self.tokens


def orders(target: Target) -> dict[str, tuple[list[Cell], bool]]:
    """Return the orders by name; whether cells go as in a run, or as they come."""
    cells = target.lay_out()
    tools = {tool.slug: place for place, tool in enumerate(target.tools)}
    personas = {persona.id: place for place, persona in enumerate(target.personas)}
    by_tool = sorted(cells, key=lambda cell: tools[cell.tool.slug])
    by_persona = sorted(by_tool, key=lambda cell: personas[cell.persona.id])
    return {
        AS_A_RUN: (cells, True),
        "persona by persona, as they come": (by_persona, False),
        "tool by tool, as they come": (by_tool, False),
    }


def measure(target: Target, slots: int, weights: Path, order: str = AS_A_RUN) -> Measured:
    """Ask all cells in one of the orders, of a fresh server with so many slots."""
    served_here = replace(target.endpoint, weights=weights, concurrency=slots, threads=1)
    cells, spread = orders(target)[order]
    with serve(served_here) as served:
        cached, read = asyncio.run(_ask_all(cells, served, slots, spread))
    expected = target.order([1]).cached_share(target.places(cells)) if slots == 1 else None
    found = (slots, order, len(cells), cached + read, cached, expected)
    return Measured(*found)


async def _ask_all(
    cells: Sequence[Cell], served: Served, slots: int, spread: bool
) -> tuple[int, int]:
    queue, counts = CellQueue(cells), [0, 0]
    limiter, loop = ConcurrencyLimiter(slots, slots, spread=spread), asyncio.get_running_loop()

    async def work() -> None:
        while await queue.more():
            cell, lane = queue.take((), limiter.lanes)
            slot = await limiter.acquire(1, lane.number)
            timings = await loop.run_in_executor(threads, _asked, served, cell)
            limiter.answered(slot, 1)
            queue.ended(lane)
            for place, name in enumerate(("cache_n", "prompt_n")):
                counts[place] += timings[name]

    with ThreadPoolExecutor(slots) as threads:
        await asyncio.gather(*(work() for _ in range(2 * slots)))
    return counts[0], counts[1]


def _asked(served: Served, cell: Cell) -> dict[str, Any]:
    body = {
        "messages": [{"role": role, "content": content} for role, content in cell.messages],
        "max_tokens": 1 + zlib.crc32(cell.fingerprint.encode()) % LONGEST_REPLY,
        "seed": 7,
    }
    headers = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{served.base_url}/chat/completions", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        timings: dict[str, Any] = json.load(answer)["timings"]
    return timings


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workspace", type=Path, default=REPOSITORY)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    target = resolve_target(load_workspace(arguments.workspace), Chosen(endpoint="embedded"))
    found: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "one-layer.gguf"
        cut_to_one_layer(CATALOGUE[EMBEDDED_MODEL].path, weights)
        found += [
            measure(target, slots, weights, order)
            for slots in arguments.slots
            for order in orders(target)
        ]
    if arguments.json:
        print(json.dumps([asdict(each) | {"share": each.share} for each in found], indent=1))
        return
    print("| slots | order | prompt tokens | from the cache | worked out |")
    print("|---|---|---|---|---|")
    for each in found:
        expected = "" if each.expected is None else f"{100 * each.expected:.0f} %"
        print(
            f"| {each.slots} | {each.order} | {each.tokens:,} | "
            f"{100 * each.share:.1f} % | {expected} |"
        )


if __name__ == "__main__":
    main()
