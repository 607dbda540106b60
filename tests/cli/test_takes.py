"""``panel takes``: on a panel whose personas say the same, and on sources that hold nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from panel.research.takes import masked, scaffold
from panel.stats.diversity import words
from panel.store.ingest import opened
from tests.cli.test_labels import thirty
from tests.support.runs import rows
from tests.support.space import Panel, Space
from tests.support.templates import Make

pytestmark = pytest.mark.skipif(not find_spec("sklearn"), reason="scikit-learn is not installed")


@pytest.fixture
def thirty_asked(copied: Callable[[Make], Space]) -> Space:
    return copied(thirty)


@pytest.mark.slow
def test_every_figure_stands_beside_its_n_and_its_method(thirty_asked: Space, panel: Panel) -> None:
    done = panel("takes", "--permutations", "19", "--json", cwd=thirty_asked.root)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["source"], told["takes"], told["tools"]) == ("house", 120, 30)
    for name in ("unmasked", "masked"):
        each = told["attribution"][name]
        assert each["n"] == 120 and each["permutations"] == 19
        low, high = each["interval"]
        assert low <= each["accuracy_percent"] <= high and each["chance_percent"] == 25
        assert sum(map(sum, (row.values() for row in each["confusion"].values()))) == 120
    [first, *_] = told["diversity"]["personas"]
    assert len(told["diversity"]["personas"]) == 4
    assert first["n"] >= 10 and first["words"] >= 1 and first["vendi"] >= 1


def test_a_run_and_a_model_are_sources_too(asked: Space, panel: Panel) -> None:
    [(run_id, model)] = rows(asked, "SELECT run_id, model_identity FROM runs")
    for source in (f"run:{run_id}", f"model:{model}"):
        done = panel("takes", source, "--json", cwd=asked.root)
        assert json.loads(done.out)["takes"] == 8, source


def test_few_takes_are_refused_with_the_reason(asked: Space, panel: Panel) -> None:
    done = panel("takes", cwd=asked.root)
    assert done.code == 0
    assert "Attribution, unmasked: not estimable: 2 tools are fewer than 10" in done.out
    assert "Diversity: not estimable: " in done.out


@pytest.mark.parametrize("source", ["run:none", "model:none", "nothing", "nothing/arm"])
def test_a_source_without_takes_is_named_in_one_line(
    asked: Space, panel: Panel, source: str
) -> None:
    done = panel("takes", source, cwd=asked.root)
    assert done.code == 2 and repr(source) in done.err and done.err.count("\n") == 1


def test_what_the_prompt_dictates_is_hidden_in_all_its_forms_and_in_every_take(
    asked: Space,
) -> None:
    """Of all personas alike: were each one's own words missing, that would tell it."""
    with opened(asked.root / "runs") as connection:
        dictated = scaffold(connection, {"builder", "skeptic"})
        builders = scaffold(connection, {"builder"})
    text = "The primitive's primitives; shipping, shipped, SHIPS. A walrus complexities breaking!"
    assert words(masked(text, dictated)) == ["walrus", "complexities"]
    assert "breaking" in words(masked(text, builders)), "a word of the skeptic's file alone"


def test_an_experiment_and_one_of_its_arms_are_sources(asked: Space, panel: Panel) -> None:
    file = asked.root / "experiments" / "twice.toml"
    file.parent.mkdir()
    file.write_text('question = "Is it stable?"\n[arms.a]\n[arms.b.sampling]\ntemperature = 0.1\n')
    done = panel("experiment", "run", "twice", cwd=asked.root)
    assert done.code == 0, done.err
    for source, takes in (("twice", 16), ("twice/a", 8)):
        done = panel("takes", source, "--json", cwd=asked.root)
        assert done.code == 0 and json.loads(done.out)["takes"] == takes, done.err


def test_without_the_extra_one_line_says_what_to_install(
    thirty_asked: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    done = panel("takes", "--permutations", "19", cwd=thirty_asked.root)
    assert done.code == 2 and "pip install 'reviewer-panel[research]'" in done.err
    assert done.err.count("\n") == 1
