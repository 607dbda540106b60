"""The whole way, with the real embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.processes import Child
from tests.support.sizes import size
from tests.support.space import Panel


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)  # a busy machine is slow, not wrong
def test_real_verdicts_from_the_embedded_model(tmp_path: Path, child: Child, panel: Panel) -> None:
    """A fresh workspace, one tool, its personas: verdicts, scorecard, page, and no second ask."""
    assert child("init", "demo", cwd=tmp_path).returncode == 0
    root = tmp_path / "demo"
    # Two threads would wait for each other in a busy loop, wherever another test has their cores.
    with (root / "panel.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[endpoints.embedded]\nthreads = 1\n")
    asked = size(("builder", "skeptic"), ("builder", "skeptic", "futurist", "business-analyst"))
    many = len(asked)
    named = [word for persona in asked for word in ("--persona", persona)]
    pair = ("--tool", "codestral-2-0", "--endpoint", "embedded", *named)
    ran = child("run", *pair, "--json", cwd=root, timeout=800)
    assert ran.returncode == 0, ran.stderr
    assert "Its verdicts are no judgement" in ran.stderr
    summary = json.loads(ran.stdout)
    assert (summary["asked"], summary["verdicts"]) == (many, many)
    assert summary["cached_tokens"] > 0, "the shared rules are read once"
    again = json.loads(child("run", *pair, "--json", cwd=root).stdout)
    assert (again["asked"], again["reused"]) == (0, many)

    query = "SELECT verdict, take, len(evidence) AS quotes FROM takes"
    rows = json.loads(panel("sql", query, "--format", "json", cwd=root).out)
    assert len(rows) == many and {row["verdict"] for row in rows} <= {"ship", "skip"}
    assert all(len(row["take"]) > 200 and row["quotes"] == 1 for row in rows)
    linted = child("lint", "codestral-2-0", cwd=root)
    assert linted.returncode == 0, linted.stdout
    assert f"{many} takes of a demo model: 0 errors, 0 warnings" in linted.stderr

    shown = child("show", "codestral-2-0", cwd=root)
    assert "demo" in shown.stdout and "%" not in shown.stdout
    pages = ("codestral-2-0", "mistral-8x22b-instruct-v2", "--html", "page.html")
    assert child("compare", *pages, cwd=root).returncode == 0
    page = (root / "page.html").read_text()
    assert "no judgement" in page and "Codestral 2.0" in page

    names = ("attempts", "verdicts", "takes", "ship_percentages", "runs", "tools", "personas")
    queries = [f"FROM {name} ORDER BY ALL" for name in names]
    before = [panel("sql", query, "--format", "json", cwd=root).out for query in queries]
    assert child("rebuild", cwd=root).returncode == 0
    after = [panel("sql", query, "--format", "json", cwd=root).out for query in queries]
    assert after == before and all(len(rows) > 100 for rows in after)
