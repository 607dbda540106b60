"""``panel probe``: every probe from end to end, on simulated panels whose weakness is planted."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from panel.cli.main import ExitCode
from panel.research.probe_material import Material, load_material
from panel.research.probes import PROBES
from tests.support import simulated_panel as simulated
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.sizes import size
from tests.support.space import ROOT, Panel, Space
from tests.support.weather import answer_of, error, form_of, reply


@pytest.fixture(scope="module")
def material() -> Material:
    return load_material(ROOT)


class Probing:
    """A workspace on a simulated panel: ``probing(chance, "brand", "--tools", 8)``."""

    def __init__(self, space: Space, mock: MockEndpoint, panel: Panel) -> None:
        self.space, self.mock, self._panel = space, mock, panel

    def __call__(self, chance: simulated.Chance, *words: Any) -> dict[str, Any]:
        self.mock.face = simulated.panel_with(chance)
        result = self.run(*words, "--anyway", "--json")
        assert result.code == 0, result.err
        found: dict[str, Any] = json.loads(result.out)
        return found

    def run(self, *words: Any) -> Any:
        return self._panel("probe", *map(str, words), cwd=self.space.root)


@pytest.fixture
def probing(mocked: Space, mock: MockEndpoint, panel: Panel) -> Probing:
    return Probing(mocked, mock, panel)


@pytest.mark.slow
def test_a_panel_that_falls_for_no_name_shows_it_on_sixty_tools_and_not_on_eight(
    probing: Probing,
) -> None:
    few = probing(simulated.settled, "brand", "--tools", 8, "--repeats", 1)
    assert (few["verdict"], few["estimate"], few["n"]) == ("not shown", 0, 8)
    found = probing(simulated.settled, "brand", "--tools", 60, "--repeats", 1)
    assert (found["verdict"], found["estimate"], found["n"]) == ("met", 0, 60)
    assert found["units"] == "tools"
    assert "t interval" in found["method"]


@pytest.mark.slow
def test_a_panel_that_loves_famous_names_is_found_out(probing: Probing) -> None:
    found = probing(simulated.loves_famous_names, "brand", "--tools", 8, "--repeats", 1)
    assert found["verdict"] == "not met"
    assert found["low"] > 5
    assert found["estimate"] == pytest.approx(50, abs=25)
    [nonce] = found["beside"].values()
    assert (nonce["verdict"], nonce["estimate"]) == ("not shown", 0)


def test_a_panel_that_loves_praise_is_found_out(probing: Probing, material: Material) -> None:
    chance = simulated.loves(list(material.edits.hype))
    assert probing(chance, "hype", "--tools", 8, "--repeats", 1)["verdict"] == "not met"


def test_a_panel_that_says_what_is_named_first_is_found_out(probing: Probing) -> None:
    found = probing(simulated.says_the_first, "label-order", "--tools", 8, "--repeats", 1)
    assert found["verdict"] == "not met"
    assert found["estimate"] == -100


def test_a_template_that_does_not_show_the_order_of_labels_is_refused(
    probing: Probing, mocked: Space
) -> None:
    file = mocked.root / "prompts" / "system.md.j2"
    text = file.read_text(encoding="utf-8")
    for joined in (
        """' ~ panel.labels | join('" or "') ~ '""",
        '{{ panel.labels | join(" or ") }}',
    ):
        assert joined in text
        text = text.replace(joined, "ship or skip")
    file.write_text(text, encoding="utf-8")
    result = probing.run("label-order", "--plan")
    assert result.code == ExitCode.USAGE
    assert "panel.labels" in result.err


@pytest.mark.slow
def test_a_panel_that_obeys_is_found_out_and_each_kind_of_order_counted(
    probing: Probing, material: Material
) -> None:
    found = probing(simulated.obeys(material), "injection", "--tools", 12, "--repeats", 1)
    assert (found["verdict"], found["estimate"]) == ("not met", 100)
    kinds = {label for label in found["beside"] if label.startswith("payload ")}
    assert kinds == {f"payload {kind}" for kind in material.edits.payloads}


@pytest.mark.slow
def test_a_panel_that_never_obeys_does_not_meet_the_goal_at_twelve_tools(
    probing: Probing, material: Material
) -> None:
    chance = simulated.obeys(material, rate=0)
    few = probing(chance, "injection", "--tools", 12, "--repeats", 1)
    assert (few["verdict"], few["estimate"]) == ("not shown", 0)


@pytest.mark.long
def test_a_panel_that_never_obeys_meets_the_goal_at_sixty_tools(
    probing: Probing, material: Material
) -> None:
    chance = simulated.obeys(material, rate=0)
    found = probing(chance, "injection", "--tools", 60, "--repeats", 1)
    assert (found["verdict"], found["n"]) == ("met", 60)
    assert found["high"] < 5


@pytest.mark.long
def test_a_panel_that_obeys_now_and_then_is_neither_cleared_nor_blamed_by_few_tools(
    probing: Probing, material: Material
) -> None:
    chance = simulated.obeys(material, rate=0.05)
    found = probing(chance, "injection", "--tools", 24, "--repeats", 1)
    assert found["verdict"] == "not shown"
    assert 0 < found["low"] < 5 < found["high"]


@pytest.mark.slow
def test_a_panel_that_reacts_to_planted_facts_meets_the_goal(
    probing: Probing, material: Material
) -> None:
    found = probing(simulated.reacts(material), "causal", "--tools", 12, "--repeats", 1)
    assert (found["verdict"], found["estimate"], found["units"]) == ("met", 100, "pairs")
    assert len(found["beside"]) == 4


@pytest.mark.slow
def test_a_panel_that_does_not_read_on_is_found_out_by_planted_facts(probing: Probing) -> None:
    found = probing(simulated.settled, "causal", "--tools", 12, "--repeats", 1)
    assert (found["verdict"], found["estimate"]) == ("not met", 0)


@pytest.mark.slow
def test_a_panel_that_judges_facts_does_not_care_for_other_words(probing: Probing) -> None:
    found = probing(simulated.settled, "paraphrase", "--tools", 36, "--repeats", 1)
    assert (found["verdict"], found["estimate"]) == ("met", 0)


@pytest.mark.slow
def test_a_panel_that_judges_letters_is_found_out_by_other_words(probing: Probing) -> None:
    found = probing(simulated.judges_wording, "paraphrase", "--tools", 12, "--repeats", 1)
    assert found["verdict"] == "not met"


@pytest.mark.slow
def test_noise_alone_is_not_blamed_on_other_words(probing: Probing) -> None:
    found = probing(simulated.coin, "paraphrase", "--tools", 8, "--repeats", 1)
    assert found["verdict"] != "not met"
    assert abs(found["estimate"]) < 25


@pytest.mark.slow
def test_personas_that_differ_by_their_texts_change_verdicts(probing: Probing) -> None:
    found = probing(
        simulated.needs_persona_texts, "persona-ablation", "--tools", 12, "--repeats", 2
    )
    assert found["verdict"] == "met"
    named = found["beside"]["with the personas' names alone"]
    assert (named["verdict"], named["estimate"]) == ("not shown", 0)
    assert found["beside"]["what their texts add to their names"]["verdict"] == "met"
    assert len(found["notes"]) == 3


@pytest.mark.slow
def test_personas_in_name_only_do_not_meet_the_goal(probing: Probing) -> None:
    found = probing(simulated.has_no_personas, "persona-ablation", "--tools", 8, "--repeats", 2)
    assert (found["verdict"], found["estimate"]) == ("not shown", 0)


def test_a_panel_that_tosses_coins_does_not_stand_a_retest(probing: Probing) -> None:
    assert probing(simulated.coin, "retest", "--tools", 12, "--repeats", 1)["verdict"] == "not met"


@pytest.mark.slow
def test_a_panel_that_keeps_its_word_stands_it(probing: Probing) -> None:
    found = probing(simulated.settled, "retest", "--tools", 30, "--repeats", 1)
    assert found["verdict"] == "met"
    assert found["high"] < 10


@pytest.mark.slow
def test_a_panel_that_ships_everything_shows_nothing(probing: Probing) -> None:
    for name in size(("hype", "paraphrase"), ("brand", "hype", "retest", "paraphrase")):
        found = probing(lambda _system, _user: 1.0, name, "--tools", 8, "--repeats", 1)
        assert found["verdict"] == "not shown", name
        assert "Every single answer is ship" in found["why"]


@pytest.mark.slow
def test_what_was_answered_is_not_asked_again(probing: Probing, mock: MockEndpoint) -> None:
    words = ("retest", "--tools", 4, "--repeats", 1)
    first = probing(simulated.settled, *words)
    asked = mock.asked
    assert asked == 4 * 4 * 2
    assert probing(simulated.coin, *words) == first
    assert mock.asked == asked


@pytest.mark.slow
def test_another_size_never_mixes_its_votes_with_older_ones(
    probing: Probing, mock: MockEndpoint
) -> None:
    one = probing(simulated.settled, "hype", "--tools", 4, "--repeats", 1)
    other = probing(simulated.settled, "hype", "--tools", 2, "--repeats", 1)
    assert one["experiment"] != other["experiment"]
    assert (one["n"], other["n"]) == (4, 2)


@pytest.mark.slow
def test_a_panel_of_other_personas_can_be_probed_for_orders(
    probing: Probing, material: Material, mocked: Space
) -> None:
    for persona in ("builder", "skeptic", "futurist"):
        (mocked.root / "personas" / f"{persona}.md").unlink()
    found = probing(simulated.obeys(material), "injection", "--tools", 8, "--repeats", 1)
    assert (found["verdict"], found["personas"]) == ("not met", ["business-analyst"])
    causal = probing(simulated.reacts(material), "causal", "--tools", 8, "--repeats", 1)
    assert causal["verdict"] == "met"


@pytest.mark.slow
def test_the_gate_fails_on_not_met_alone(probing: Probing, mock: MockEndpoint) -> None:
    words = ("--tools", 6, "--repeats", 1, "--anyway", "--gate")
    mock.face = simulated.panel_with(simulated.loves_famous_names)
    assert probing.run("brand", *words).code == ExitCode.FAILED
    mock.face = simulated.panel_with(simulated.settled)
    assert probing.run("retest", *words).code == ExitCode.OK


def test_words_say_the_verdict_with_interval_n_and_method(
    probing: Probing, mock: MockEndpoint
) -> None:
    mock.face = simulated.panel_with(simulated.settled)
    result = probing.run("brand", "--tools", 6, "--repeats", 1, "--anyway")
    assert result.out.startswith("brand: not shown. Does a famous maker's name move verdicts?")
    assert "0.0 (-39.3 to 39.3); n = 6 tools; t interval" in result.out


@pytest.mark.slow
def test_a_plan_asks_nothing_and_says_what_a_size_can_show(
    probing: Probing, mock: MockEndpoint
) -> None:
    result = probing.run("brand", "--plan", "--json")
    assert (result.code, mock.asked) == (0, 0)
    plan = json.loads(result.out)
    kept, border, broken = plan["chances"]
    assert (kept["truth"], border["truth"], broken["truth"]) == (0, 5, 10)
    assert kept["met"] > 0.97
    assert border["met"] < 0.06
    assert broken["not_met"] > 0.98
    assert plan["estimate"]["calls"] == 64 * 4 * 10 * 3


@pytest.mark.slow
def test_a_size_that_cannot_decide_is_refused_with_one_that_can(
    probing: Probing, mock: MockEndpoint
) -> None:
    for words in size(((),), (("--plan",), ())):
        result = probing.run("brand", "--tools", 40, "--repeats", 1, *words)
        assert result.code == ExitCode.USAGE
        assert "cannot decide" in result.err
        assert "--repeats 5 would." in result.err
        assert "where the goal is clearly kept, it would say met in " in result.err
    assert mock.asked == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("injection --tools 20", "--tools 64 would."),
        ("brand --tools 6 --repeats 1", "--tools 64 --repeats 3 would."),
        ("injection --tools 20 --sealed", "--tools 100 would."),
        ("causal --tools 4 --persona builder", "--tools 16 would."),
        ("persona-ablation --persona builder", "No size can, with this panel and the 100 tools"),
    ],
)
def test_a_size_that_more_repeats_do_not_help_is_refused_with_the_tools_that_do(
    probing: Probing, words: str, remedy: str
) -> None:
    result = probing.run(*words.split(), "--plan")
    assert result.code == ExitCode.USAGE
    assert f". {remedy}" in result.err


@pytest.mark.slow
def test_sealed_tools_are_the_remedy_where_the_open_ones_do_not_suffice(
    probing: Probing, mocked: Space
) -> None:
    folder = _own_material(mocked)
    (folder / "tools" / "futurist.yaml").unlink()
    words = ("injection", "--tools", 4, "--plan")
    assert ". --tools 84 --sealed would." in probing.run(*words).err
    (folder / "sealed.yaml").unlink()
    assert ". No size can, with this panel and the 48 tools" in probing.run(*words).err


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "hype --tools 80",
            "64 tools for the probe 'hype'. Ask fewer; with --sealed there are 100",
        ),
        ("hype --tools 101 --sealed", "has 100 tools for the probe 'hype'. Ask fewer."),
        ("paraphrase --tools 64", "has 40 tools for the probe 'paraphrase'. Ask fewer."),
        ("paraphrase --tools 64 --sealed", "40 tools for the probe 'paraphrase'. Ask fewer."),
        ("causal --tools 20 --persona builder", "has 16 tools for the probe 'causal'. Ask fewer; "),
    ],
)
def test_sealed_tools_are_offered_only_where_they_add_to_those_of_the_probe(
    probing: Probing, words: str, remedy: str
) -> None:
    result = probing.run(*words.split(), "--plan")
    assert result.code == ExitCode.USAGE
    assert remedy in result.err
    assert ("--sealed" in result.err) == (remedy.count(";") == 1)


def test_material_without_sealed_tools_or_other_wordings_says_so(
    probing: Probing, mocked: Space
) -> None:
    folder = _own_material(mocked)
    (folder / "sealed.yaml").unlink()
    (folder / "paraphrases.yaml").write_text("{}\n", encoding="utf-8")
    assert "64 tools for the probe 'hype'. Ask fewer.\n" in probing.run("hype", "--tools", 65).err
    result = probing.run("paraphrase", "--plan")
    assert result.code == ExitCode.USAGE
    assert "probes/paraphrases.yaml has other wordings of no tool" in result.err


def _own_material(space: Space) -> Path:
    return Path(shutil.copytree(ROOT / "probes", space.root / "probes"))


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize("name", PROBES)
def test_every_probe_can_decide_at_the_size_it_has_by_default(probing: Probing, name: str) -> None:
    result = probing.run(name, "--plan")
    assert result.code == 0, result.err
    assert "not shown" in result.out


@pytest.mark.slow
def test_a_budget_that_ends_decides_nothing(probing: Probing, mock: MockEndpoint) -> None:
    mock.face = simulated.panel_with(simulated.settled)
    words = ("hype", "--tools", 8, "--repeats", 1, "--anyway")
    result = probing.run(*words, "--max-calls", 5)
    assert result.code == ExitCode.BUDGET
    assert "nothing is decided" in result.err
    assert result.out == ""
    assert probing.run(*words).code == 0


@pytest.mark.slow
def test_sealed_tools_are_asked_only_when_told_so(probing: Probing) -> None:
    words = ("hype", "--tools", "80", "--plan", "--json")
    result = probing.run(*words)
    assert result.code == ExitCode.USAGE
    assert "--sealed" in result.err
    assert json.loads(probing.run(*words, "--sealed").out)["tools"] == 80


def test_the_probes_are_listed_with_their_questions(probing: Probing) -> None:
    listed = json.loads(probing.run("--list", "--json").out)
    assert {each["name"] for each in listed} == set(PROBES)
    assert len(listed) == 8
    assert probing.run("barnd", "--plan").err.strip().endswith("Did you mean 'brand'?")


def test_without_scipy_one_line_says_what_to_install(
    probing: Probing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("scipy", "scipy.stats", "numpy"):
        monkeypatch.setitem(sys.modules, module, None)
    result = probing.run("retest", "--plan")
    assert result.code == ExitCode.USAGE
    assert "pip install 'reviewer-panel[research]'" in result.err
    assert "Traceback" not in result.err


@pytest.mark.slow
def test_nothing_is_decided_by_arms_that_were_asked_in_different_output_modes(
    probing: Probing, mock: MockEndpoint
) -> None:
    """The server takes no schema with the order of the words that it meets later."""
    met: list[str] = []
    refused = error(400, "response_format type 'json_schema' is not supported by this model")

    def face(_index: int, body: dict[str, Any]) -> Answer:
        system, (mode, schema) = body["messages"][0]["content"], form_of(body)
        met.append("ship or skip" if "ship or skip" in system else "skip or ship")
        if mode == "json_schema" and met[-1] != met[0]:
            return refused
        word = "ship" if simulated.says_the_first(system, "") else "skip"
        return reply(body, answer_of(body, schema).replace('"ship"', f'"{word}"'))

    mock.face = face
    words = ("label-order", "--tools", 8, "--repeats", 1, "--anyway")
    done = probing.run(*words, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["verdict"] == "not shown" and found["unrealised"]
    assert "asked as json_schema" in found["why"]
    assert probing.run(*words).out.startswith("label-order: not shown.")
    assert probing.run(*words, "--gate").code == ExitCode.OK


@pytest.mark.slow
def test_a_seed_that_the_server_does_not_take_leaves_a_retest_decided(
    probing: Probing, mock: MockEndpoint
) -> None:
    plain = simulated.panel_with(simulated.settled)
    refused = error(400, "Unsupported parameter: 'seed' is not supported with this model.")
    mock.face = lambda index, body: refused if "seed" in body else plain(index, body)
    done = probing.run("retest", "--tools", 30, "--repeats", 1, "--anyway", "--json")
    found = json.loads(done.out)
    assert (found["verdict"], found["unrealised"]) == ("met", {})
