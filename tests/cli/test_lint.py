"""``panel lint`` on what the store holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.space import Panel, Space, edit

CLAIM = "I tried it on a laptop. Rivals such as Tablecrow (MIT, but weaker) ask for $77 a month."


def answering(text: str, quote: str = "writes Parquet") -> MockEndpoint:
    """Make an endpoint whose takes say this in every beat, and quote this."""

    def face(_index: int, body: dict[str, object]) -> Answer:
        schema = body["response_format"]["json_schema"]["schema"]  # type: ignore[index,call-overload]
        reply = dict.fromkeys(schema["properties"], text)
        reply |= {"evidence": [quote], "verdict": "ship", "verdict_confidence": 50}
        return Answer(body=completion(json.dumps(reply)))

    return MockEndpoint(face=face)


def asked(space: Space, panel: Panel, text: str) -> None:
    with answering(text) as mock:
        space.point_at(mock)
        assert panel("run", cwd=space.root).code == 0


def test_an_error_is_printed_with_words_message_and_remedy_and_makes_exit_1(
    space: Space, panel: Panel
) -> None:
    asked(space, panel, CLAIM)
    result = panel("lint", "anvil", "--persona", "skeptic", cwd=space.root)
    assert result.code == 1
    assert "Anvil · Skeptic: ship" in result.out and "Anvil · Builder" not in result.out
    assert "“I tried”: a claim of own use" in result.out
    assert "Tablecrow" in result.out and "licence-about-another" in result.out
    assert "nobody here has used the tool" in result.out
    assert result.err.startswith("1 take:") and "Bellows · " not in result.out


def test_foreign_text_cannot_act_on_the_terminal(space: Space, panel: Panel) -> None:
    with answering("It reads lines.", "an invented\x1b[2J quote") as mock:
        space.point_at(mock)
        panel("run", cwd=space.root)
    result = panel("lint", "--notes", cwd=space.root)
    assert "\x1b" not in result.out + result.err and "\ufffd[2J" in result.out


def test_json_gives_every_finding_with_places_in_the_take(space: Space, panel: Panel) -> None:
    asked(space, panel, CLAIM)
    result = panel("lint", "--json", cwd=space.root)
    assert result.code == 1
    takes = json.loads(result.out)
    assert [(one["tool"], one["persona"]) for one in takes][:2] == [
        ("anvil", "builder"),
        ("anvil", "skeptic"),
    ]
    assert len(takes) == 8
    checks = set()
    for one in takes:
        for finding in one["findings"]:
            checks.add(finding["check"])
            assert finding["severity"] in ("error", "warning", "note") and finding["remedy"]
            if finding["span"]:
                start, end = finding["span"]
                assert one["take"][start:end] == finding["quote"]
    assert {"first-person-use", "licence-about-another", "price-outside-source"} <= checks
    assert "near-duplicate" in checks, "all eight takes say the same"


@pytest.mark.slow
def test_fail_on_says_from_which_severity_on_the_exit_code_is_1(space: Space, panel: Panel) -> None:
    """A take in which a name is marked as outside knowledge fails only those who ask for notes."""
    (space.root / "tools" / "bellows.md").unlink()
    words = " ".join(f"word{number} thing" for number in range(13)) + " of Tabula [unverified]"
    with answering(words) as mock:
        space.point_at(mock)
        panel("run", "--persona", "builder", cwd=space.root)
    for words_, code in ((), 0), (("--fail-on", "warning"), 0), (("--fail-on", "note"), 1):
        result = panel("lint", *words_, cwd=space.root)
        assert result.code == code, result.out
    assert "marked as such" in result.out, "asked for notes, one sees them"
    assert "marked as such" not in panel("lint", cwd=space.root).out


@pytest.mark.slow
def test_a_take_has_the_same_findings_alone_and_among_all(space: Space, panel: Panel) -> None:
    """What is worn is told on the first take that has it; who looks at another hears of it."""
    space.tool("cordage")
    asked(space, panel, "It is, at heart, one long word after another of them.")
    every = json.loads(panel("lint", "--json", cwd=space.root).out)
    assert "worn-opening" in {each["check"] for take in every for each in take["findings"]}
    for slug in ("anvil", "cordage"):
        alone = json.loads(panel("lint", slug, "--json", cwd=space.root).out)
        assert alone == [take for take in every if take["tool"] == slug]
    told = panel("lint", "cordage", cwd=space.root).err
    assert "worn phrases of these takes are told on the first" in told and "(Anvil)." in told
    assert "worn phrase" not in panel("lint", cwd=space.root).err


@pytest.mark.slow
def test_the_summary_says_how_to_see_the_notes_that_it_counts(space: Space, panel: Panel) -> None:
    asked(
        space,
        panel,
        " ".join(f"word{number} thing" for number in range(13)) + " of Tabula [unverified]",
    )
    assert "notes (shown with --notes)" in panel("lint", cwd=space.root).err
    for words in (("--notes",), ("--json",), ("--fail-on", "note")):
        assert "(shown with" not in panel("lint", *words, cwd=space.root).err


def test_the_summary_says_that_takes_are_a_demo_model_s(space: Space, panel: Panel) -> None:
    with MockEndpoint() as mock:
        space.point_at(mock, 'profile = "extractive"\n')
        panel("run", "--tool", "anvil", cwd=space.root)
        assert "4 takes of a demo model: " in panel("lint", cwd=space.root).err


def test_without_any_verdict_and_with_a_wrong_word_it_says_so(mocked: Space, panel: Panel) -> None:
    assert "has nothing from mock/mock-1 yet" in panel("lint", cwd=mocked.root).err
    panel("run", cwd=mocked.root)
    result = panel("lint", "anvli", cwd=mocked.root)
    assert result.code == 2 and "Did you mean 'anvil'?" in result.err
    assert panel("lint", "--fail-on", "everything", cwd=mocked.root).code == 2


def test_takes_in_another_language_are_said_to_be_read_in_part(space: Space, panel: Panel) -> None:
    asked(space, panel, "Il lit JSON et il écrit Parquet.")
    assert "read English" not in panel("lint", cwd=space.root).err
    edit(space.root / "panel.toml", "[panel]", '[panel]\nlanguage = "fr"')
    assert "in 'fr', and the checks read English" in panel("lint", cwd=space.root).err


@pytest.mark.process
@pytest.mark.slow
def test_no_module_of_the_workspace_runs_where_other_processes_check(
    space: Space, panel: Panel, tmp_path: Path
) -> None:
    asked(space, panel, CLAIM)
    file = space.root / "multiprocessing" / "__init__.py"
    file.parent.mkdir()
    file.write_text(f"open({str(tmp_path / 'started')!r}, 'w')\n")
    script = tmp_path / "bin" / "panel"  # as pip installs it: its own folder is looked into first
    script.parent.mkdir()
    script.write_text(
        "import panel.checks.many\n"
        "from panel.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    panel.checks.many.ALONE = 0\n"
        "    main()\n"
    )
    asking = [sys.executable, str(script), "lint"]
    done = subprocess.run(asking, check=False, cwd=space.root, capture_output=True, text=True)
    assert done.returncode == 1 and "Anvil · Builder: ship" in done.stdout
    assert not (tmp_path / "started").exists()
