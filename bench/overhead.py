"""What clients of an endpoint cost side by side, in one session on one machine.

    python -m bench.overhead [CLIENT ...] [--peers] [--cells 2000] [--rounds 3] [--delay 0] [--json]

bench/README.md says what is measured, and lists the clients. The table (or, with --json, one JSON
object) is stdout, progress is stderr. Exit code 1: a target is missed, an answer is wrong, or a
client could not be run.
"""

from __future__ import annotations

import argparse
import compileall
import json
import random
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.clients.answer import IN_FLIGHT
from bench.gateways import version_of
from bench.measuring import (
    PANEL,
    REPOSITORY,
    Cost,
    Missed,
    Target,
    arguments,
    child,
    counts,
    report,
    served,
    table,
    tell,
)
from bench.peers import PEERS, Client, Work, asking, missing, told

# The targets: of the CPU that `openai.post` takes, and of peers' by verdicts a CPU second.
CPU_RATIO = 1.5
AHEAD = {"inspect-ai": 20.0, "promptfoo": 9.0, "bespokelabs-curator": 3.0}
WARM = ((2_000, 0.5), (40_000, 4.0))  # cells, and seconds of wall for a run that asks nothing
PERSONAS = len(list((REPOSITORY / "personas").glob("*.md")))
VOCABULARY = (
    "agent answers archive branch builds caches calls charges checks closes cluster compares "
    "composes corpus costs deploys drafts editor exports filters free gateway index keeps ledger "
    "licence limits local logs model monthly needs notes offline open opens paid parser pipeline "
    "plain prompt queue reads repeats report routes runs schema search seats serves shard signs "
    "sorts source spans stores stream team text token trace traces turns updates vendor webhook"
)


# ---- the workspace -----------------------------------------------------------------------


def make_workspace(folder: Path, base_url: str, tools: int) -> None:
    """Write a workspace: the repository's personas and prompts, made-up tools, the mock."""
    for name in ("personas", "prompts"):
        shutil.copytree(REPOSITORY / name, folder / name)
    for name in ("tools", "runs"):
        (folder / name).mkdir()
    for number in range(1, tools + 1):
        description = prose(random.Random(number), 1500)
        (folder / "tools" / f"tool-{number:05d}.md").write_text(
            f"---\nname: Tool {number:05d}\ntagline: {description[:60].strip()}\n"
            f"category: Bench {number % 20}\npricing:\n  entry: Free\n---\n{description}\n"
        )
    (folder / "panel.toml").write_text(
        f'[panel]\nendpoint = "mock"\n\n[endpoints.mock]\nbase_url = "{base_url}"\n'
        f'model = "mock-1"\nconcurrency = {IN_FLIGHT}\n'
    )


def prose(source: random.Random, characters: int) -> str:
    """Return about so many characters of made-up sentences, the same for the same source."""
    vocabulary, sentences, length = VOCABULARY.split(), list[str](), 0
    while length < characters:
        sentences.append(" ".join(source.choices(vocabulary, k=12)).capitalize() + ".")
        length += len(sentences[-1]) + 1
    return " ".join(sentences)


# ---- the clients -------------------------------------------------------------------------


def verdicts(_work: Work, output: str) -> int:
    """Return how many verdicts are there after a run of panel; raises Missed for errors."""
    run = json.loads(output)
    if run["errors"] or run["verdicts"] != run["asked"]:
        raise Missed(f"`panel run` reports {run}.")
    return int(run["verdicts"] + run["reused"])


def loop(kind: str, module: str) -> Client:
    """Return one of the bare loops, which keep nothing."""
    start = [sys.executable, "-c", f"import {module}"]
    return Client(
        asking(sys.executable, "openai_loops.py", kind),
        start,
        told,
        keeps=False,
    )


OURS = {
    "raw aiohttp": loop("raw", "aiohttp"),
    "openai.post": loop("post", "openai"),
    "openai.create": loop("create", "openai"),
    "panel run": Client(
        lambda _work: [*PANEL, "run", "--json"],
        [*PANEL, "--help"],
        verdicts,
        prepare=lambda work: make_workspace(work.folder, work.base_url, work.cells // PERSONAS),
    ),
}
CLIENTS = OURS | PEERS


def variables(client: Client, folder: Path) -> dict[str, str]:
    """Return the environment of a client; a peer has a home of its own, and not this source."""
    if not client.package[0]:
        return {}
    places = ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    own = {name: str(folder / "home") for name in places}
    return own | {"PYTHONPATH": ""} | client.variables


def measure(client: Client, base_url: str, cells: int) -> dict[str, Cost | int]:
    """Start a client, let it ask every question, and let it do so again where it keeps answers."""
    with tempfile.TemporaryDirectory(prefix="panel-bench-") as temporary:
        folder = Path(temporary)
        texts = folder / "questions.json"
        rules, description = prose(random.Random("rules"), 900), prose(random.Random("tool"), 1500)
        work = Work(folder / "work", base_url, cells, texts)
        work.folder.mkdir()
        texts.write_text(json.dumps({"rules": rules, "description": description}))
        client.prepare(work)
        given = variables(client, folder)
        found: dict[str, Cost | int] = {"start": child(client.start, folder, **given)[0]}
        for turn in ("cold", "warm") if client.keeps else ("cold",):
            before = counts(base_url)["asked"]
            found[turn], output = child(client.command(work), work.folder, **given)
            asked = counts(base_url)["asked"] - before
            answers = client.answers(work, output)
            if answers != cells:
                raise Missed(f"{answers} answers came back in place of {cells}.")
            if not (cells if turn == "cold" else 0) <= asked <= cells + client.more:
                raise Missed(f"{asked} questions were asked of {cells}, {turn}.")
            found[f"{turn}_asked"] = asked
    return found


def measure_all(
    given: argparse.Namespace, names: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Measure the clients in turn, round by round; returns medians, and why some are missing."""
    samples: dict[str, list[dict[str, Any]]] = {}
    failed = missing([name for name in names if name in PEERS])
    for number in range(1, given.rounds + 1):
        for name in names:
            client = CLIENTS[name]
            cells = min(given.cells, client.most)
            if name in failed:
                continue
            try:
                with served(given.delay / 1000, client.fields) as base_url:
                    found = measure(client, base_url, cells)
            except Missed as missed:
                failed[name] = str(missed)
                tell(f"{name}: {missed}")
                continue
            samples.setdefault(name, []).append(found | {"cells": cells})
            cost = samples[name][-1]["cold"]
            tell(f"round {number}, {name}: {cost.wall:.2f} s, {cost.cpu:.2f} s of CPU")
    return {name: medians(name, found) for name, found in samples.items()}, failed


def medians(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the rounds of a client together."""
    cells = found[0]["cells"]
    package = CLIENTS[name].package
    told: dict[str, Any] = {
        "cells": cells,
        "version": version_of(*package) if package[0] else "",
        "warm_asked": found[0].get("warm_asked"),
    }
    for turn in ("start", "cold", "warm"):
        costs = [asdict(one[turn]) for one in found if turn in one]
        if costs:
            middle = {key: statistics.median(each[key] for each in costs) for key in costs[0]}
            told[turn] = middle | {"samples": costs}
    told["cpu_ms"] = 1000 * told["cold"]["cpu"] / cells
    told["per_second"] = cells / told["cold"]["wall"]
    return told


# ---- the report --------------------------------------------------------------------------


def warm_limit(cells: int) -> float:
    """Return the seconds that a run which asks nothing may take: a line through the targets."""
    (few, quick), (many, slow) = WARM
    return quick + max(0, cells - few) * (slow - quick) / (many - few)


def targets(clients: dict[str, Any], delay: float) -> list[Target]:
    """Return what the figures of `panel run` have to be beside the others'."""
    if "panel run" not in clients:
        return []
    ours, found = clients["panel run"], []
    what = "CPU of `panel run` in that of `openai.post`"
    if "openai.post" in clients and not delay:
        found.append(Target(what, ours["cpu_ms"] / clients["openai.post"]["cpu_ms"], CPU_RATIO))
    for peer, factor in AHEAD.items():
        if peer in clients and not delay:
            what = f"verdicts a CPU second in those of {peer}"
            ahead = clients[peer]["cpu_ms"] / ours["cpu_ms"]
            found.append(Target(what, ahead, factor, least=True))
    if not delay:
        what = f"`panel run` with nothing to ask, {ours['cells']:,} cells"
        found.append(Target(what, ours["warm"]["wall"], warm_limit(ours["cells"]), "s"))
    return found


HEADER = (
    *("client", "version", "calls", "CPU ms/verdict", "verdicts/s", "peak MB", "start s"),
    *("again s", "again asked"),
)


def row(name: str, told: dict[str, Any]) -> list[str]:
    """Return a client's line of the table."""
    warm, asked = told.get("warm"), told["warm_asked"]
    return [
        name,
        told["version"].split(" ")[-1],
        f"{told['cells']:,}",
        f"{told['cpu_ms']:.2f}",
        f"{told['per_second']:.0f}",
        f"{told['cold']['peak_mb']:.0f}",
        f"{told['start']['wall']:.2f}",
        f"{warm['wall']:.2f}" if warm else "",
        "" if asked is None else f"{asked:,}",
    ]


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(CLIENTS))
    parser.add_argument("--peers", action="store_true", help="all clients, those of others too")
    parser.add_argument("--cells", type=int, default=2_000, help="questions of each client")
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument("--delay", type=float, default=0, help="ms before each answer")
    given = parser.parse_args()
    names = given.clients or list(CLIENTS if given.peers else OURS)
    if unknown := set(names) - set(CLIENTS):
        parser.error(f"no client {', '.join(sorted(unknown))}; there are {', '.join(CLIENTS)}")
    given.cells = max(1, given.cells // PERSONAS) * PERSONAS
    compileall.compile_dir(REPOSITORY / "src", quiet=2)  # not in the first of the rounds
    clients, failed = measure_all(given, names)
    rows = [row(name, told) for name, told in clients.items()]
    text = f"an answer after {given.delay:g} ms, medians of {given.rounds}\n\n{table(HEADER, rows)}"
    found = {"delay_ms": given.delay, "rounds": given.rounds, "clients": clients, "failed": failed}
    code = report(given, found, targets(clients, given.delay), text)
    return code or (1 if failed else 0)


if __name__ == "__main__":
    raise SystemExit(main())
