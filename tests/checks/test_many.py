"""Many takes, checked in several processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panel.checks import OtherTools, Subject, check_take, checking, many
from panel.checks.findings import Finding
from panel.errors import UsageError
from panel.workspace.tools import Tool
from tests.support.check_subjects import PERSONAS, a_take, a_tool
from tests.support.labelled_takes import takes
from tests.support.large_catalogs import many_takes

TOOLS, TAKES = many_takes(30)


def one_by_one(subjects: list[Subject], catalog: list[Tool]) -> list[list[Finding]]:
    others = OtherTools(catalog)
    return [check_take(subject, others) for subject in subjects]


@pytest.mark.slow
def test_several_processes_find_what_one_does_in_the_order_of_the_takes() -> None:
    """Takes of other tools' names, with beats and quotes, in no order of tools, some twice."""
    names = [
        replace(take, text=f"{take.text} {TOOLS[-1 - place % 7].name} asks for $77.31 a month.")
        for place, take in enumerate(TAKES)
    ]
    labelled = [one.subject for one in takes("development")]
    subjects = [*names[::-1], *labelled, *names[::3]]
    catalog = list({one.tool.slug: one.tool for one in subjects}.values())
    with checking(catalog, [*PERSONAS.values()], len(subjects), processes=3) as check:
        several = list(check(subjects))
    assert several == one_by_one(subjects, catalog)
    checks = {finding.check for findings in several for finding in findings}
    assert {"other-tools-fact", "evidence-not-found", "name-outside-source"} <= checks


@pytest.mark.slow
def test_a_tool_or_persona_of_a_take_need_not_be_among_those_that_are_known() -> None:
    stranger = a_take(f"A rival of {TOOLS[3].name}, at $77.31.", a_tool("Bellowfax"))
    subjects = [*TAKES[:8], stranger]
    with checking(TOOLS, [], len(subjects), processes=2) as check:
        assert list(check(subjects)) == one_by_one(subjects, TOOLS)


def test_of_names_that_begin_alike_the_first_of_the_catalog_is_told_in_either_way() -> None:
    """With two processes one has the first and the last tool, the other the one between."""
    catalog = [a_tool(name) for name in ("Anvilo", "Bellow", "Bellow Fax")]
    subjects = [a_take("Bellow Fax is a rival.", catalog[0])]
    with checking(catalog, [], len(subjects), processes=2) as check:
        assert list(check(subjects)) == one_by_one(subjects, catalog)


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_takes_are_no_trouble_to_several_processes(count: int) -> None:
    with checking(TOOLS[:count], [], count, processes=4) as check:
        assert list(check(TAKES[:count])) == one_by_one(TAKES[:count], TOOLS[:count])


@pytest.mark.slow
def test_a_process_is_started_for_each_core_but_for_few_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1}, raising=False)
    with checking(TOOLS, [], len(TAKES)) as check:
        assert multiprocessing.active_children() == []
        alone = list(check(TAKES))
    monkeypatch.setattr(many, "ALONE", len(TAKES) - 1)
    with checking(TOOLS, [], len(TAKES)) as check:
        assert len(multiprocessing.active_children()) == 2
        assert list(check(TAKES)) == alone
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_what_ends_the_block_ends_the_processes() -> None:
    with pytest.raises(KeyboardInterrupt), checking(TOOLS, [], 120, processes=2) as check:
        next(check(TAKES))
        raise KeyboardInterrupt
    assert multiprocessing.active_children() == []
    assert gc.isenabled()


class Counted(Tool):
    """A tool that says in a file when a process has got it, and takes a while where it should."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        time.sleep(float(os.environ["SECONDS"]))
        with Path(os.environ["COUNTED"]).open("ab") as file:
            file.write(b".")


@pytest.mark.slow
def test_an_error_before_the_takes_are_found_ends_the_processes_without_their_reading_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of 3,000 tools each of two processes reads a few pieces at most.

    Each piece takes a third of a second then: on a loaded machine, too, the end comes between.
    """
    monkeypatch.setenv("COUNTED", str(tmp_path / "read"))
    monkeypatch.setenv("SECONDS", "0")
    tools = [Counted(**dict(tool)) for _again in range(3000 // len(TOOLS)) for tool in TOOLS]
    with checking(tools, [], len(tools), processes=2) as check:
        list(check([]))
    assert (tmp_path / "read").stat().st_size == len(tools)
    (tmp_path / "read").write_bytes(b"")
    monkeypatch.setenv("SECONDS", "0.005")
    with pytest.raises(UsageError), checking(tools, [], len(tools), processes=2):
        raise UsageError("the store has nothing")
    assert (tmp_path / "read").stat().st_size < len(tools) / 2
