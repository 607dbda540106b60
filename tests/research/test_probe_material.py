"""The material of probes: fictional tools, what is changed in them, and the sealed part."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.errors import UsageError, WorkspaceError
from panel.research.probe_material import (
    POSITIONS,
    SEVERITIES,
    Material,
    ProbeTool,
    load_material,
)
from panel.workspace.personas import load_personas
from panel.workspace.tools import load_catalog
from tests.support.space import ROOT, edit

LEAST, MOST = 60, 120  # words of a description
SENTENCE = re.compile(r"(?<=[.?!])\s+")
CODE = re.compile(r"`[^`]+`")
FIGURE = re.compile(r"\d[\d,.]*\d|\d")
AMOUNT = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twenty|thirty|forty|fifty|hundred|"
    r"thousand|million|half|thirds?|quarter|fifth|tenth|threefold)\b"
)


@pytest.fixture(scope="module")
def material() -> Material:
    return load_material(ROOT, sealed=True)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Copy the material into a workspace of its own."""
    shutil.copytree(ROOT / "probes", tmp_path / "probes")
    return tmp_path


def test_sixty_tools_are_open_and_a_hundred_are_there_with_the_sealed_ones(
    material: Material,
) -> None:
    opened = load_material(ROOT).tools
    assert len(opened) >= 60
    assert len(material.tools) >= 100
    assert len({each.name for each in opened} - {each.name for each in material.tools}) == 0


def test_each_kind_of_flaw_and_each_style_is_there_equally_often(material: Material) -> None:
    kinds = Counter(each.flaw for each in material.tools)
    assert set(kinds) == {persona.id for persona in load_personas(ROOT / "personas")}
    assert len(set(kinds.values())) == 1
    styles = Counter(each.style for each in material.tools)
    assert abs(styles["plain"] - styles["lively"]) <= len(kinds)


def test_the_first_tools_are_a_fair_mix_of_kinds(material: Material) -> None:
    for many in (8, 20, 60):
        kinds = Counter(each.flaw for each in material.tools[:many])
        assert len(set(kinds.values())) == 1


def test_descriptions_have_like_lengths_at_every_severity(material: Material) -> None:
    for each in material.tools:
        words = [len(each.at(severity).split()) for severity in range(SEVERITIES)]
        assert LEAST <= min(words) <= max(words) <= MOST, each.name
        assert max(words) - min(words) <= 6, (each.name, words)
    mean = [
        sum(len(each.at(severity).split()) for each in material.tools) / len(material.tools)
        for severity in range(SEVERITIES)
    ]
    assert max(mean) - min(mean) <= 2, "length must not give the severity away"


def test_no_two_tools_share_a_name_a_tagline_or_a_sentence(material: Material) -> None:
    assert len({each.name.casefold() for each in material.tools}) == len(material.tools)
    assert len({each.tagline for each in material.tools}) == len(material.tools)
    sentences = Counter(sentence for each in material.tools for sentence in set(_sentences(each)))
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


def _sentences(tool: ProbeTool) -> list[str]:
    text = tool.text.replace("{flaw}", " ".join(tool.severities))
    return [sentence.casefold() for sentence in SENTENCE.split(text)]


def test_no_name_is_that_of_a_sample_tool_or_of_a_maker(material: Material) -> None:
    samples = {tool.name.casefold() for tool in load_catalog(ROOT / "tools")}
    makers = {name.casefold() for _kind, names in material.edits.brands for name in names}
    names = {each.name.casefold() for each in material.tools}
    assert not names & samples
    assert not names & makers


def test_the_makers_of_the_three_kinds_are_equally_many_and_differ(material: Material) -> None:
    kinds = [names for _kind, names in material.edits.brands]
    assert len({len(names) for names in kinds}) == 1
    assert len({name for names in kinds for name in names}) == sum(map(len, kinds))


def test_a_planted_fact_changes_one_sentence_of_the_same_length(material: Material) -> None:
    assert {fact.persona for fact in material.edits.facts} == {each.flaw for each in material.tools}
    for fact in material.edits.facts:
        one, other = fact.source.split(), fact.to.split()
        assert abs(len(one) - len(other)) <= 3, fact.id
        assert Counter(one) & Counter(other), fact.id
        assert fact.source != fact.to
    ids = {fact.id for fact in material.edits.facts}
    assert {"licence", "export", "price"} <= ids


def test_forty_open_tools_or_more_have_other_wordings_and_each_kind_has_equally_many(
    material: Material,
) -> None:
    opened = [each for each in load_material(ROOT).tools if each.name in material.paraphrases]
    assert len(opened) == len(material.paraphrases) >= 40
    kinds = Counter(each.flaw for each in opened)
    assert len(kinds) == 4
    assert len(set(kinds.values())) == 1


def test_every_wording_has_the_length_of_the_original_and_none_of_its_sentences(
    material: Material,
) -> None:
    for name, number, written, text in _reworded(material):
        assert text.count("{name}") == 1, (name, number)
        words = len(text.split())
        assert LEAST <= words <= MOST, (name, number)
        assert words == pytest.approx(len(written.split()), rel=0.15), (name, number)
        assert not set(SENTENCE.split(text)) & set(SENTENCE.split(written)), (name, number)


def test_every_wording_has_each_figure_and_each_amount_of_the_original_and_no_other(
    material: Material,
) -> None:
    for name, number, written, text in _reworded(material):
        assert set(FIGURE.findall(text)) == set(FIGURE.findall(written)), (name, number)
        amounts = set(AMOUNT.findall(written.casefold()))
        assert set(AMOUNT.findall(text.casefold())) == amounts, (name, number)


def test_every_wording_has_each_name_of_the_original_and_no_other(material: Material) -> None:
    for name, number, written, text in _reworded(material):
        assert _names(written) <= set(_tokens(text)), (name, number)
        assert _names(text) <= set(_tokens(written)), (name, number)
        assert set(CODE.findall(text)) == set(CODE.findall(written)), (name, number)


def _reworded(material: Material) -> Iterator[tuple[str, int, str, str]]:
    """Yield the tool's name, the number of a wording, the original, and the wording."""
    tools = {each.name: each for each in material.tools}
    for name, texts in material.paraphrases.items():
        assert len(set(texts)) == 3, name
        for number, text in enumerate(texts, 1):
            yield name, number, tools[name].at(0), text


def _tokens(text: str) -> list[str]:
    return [word.strip("`\"'(),.:;?!").removesuffix("'s") for word in text.split()]


def _names(text: str) -> set[str]:
    """Return what has a capital inside a word, or at the start of one that starts no sentence."""
    names, starts = set(), True
    for word, token in zip(text.split(), _tokens(text), strict=True):
        starts = starts or word.startswith('"')
        if any(map(str.isupper, token[1:] if starts else token)):
            names.add(token)
        starts = word.rstrip('"')[-1:] in ".?!"
    return names


def test_there_are_six_kinds_of_payload_and_as_many_look_alikes(material: Material) -> None:
    payloads = material.edits.payloads
    assert len(payloads) == 6
    assert len(material.edits.look_alikes) >= 6
    for kind, texts in payloads.items():
        assert len(texts) >= 3
        for text in texts:
            seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
            assert "ship" in seen, kind
    hidden = "".join(payloads["hidden"])
    assert "<!--" in hidden
    assert any(unicodedata.category(character) == "Cf" for character in hidden)
    for text in material.edits.look_alikes:
        assert "ship" not in text.split()


def test_an_insertion_stands_at_the_start_in_the_middle_or_at_the_end(material: Material) -> None:
    tool = material.tools[0]
    texts = {where: tool.at(3, "INSERTED.", where) for where in POSITIONS}
    assert texts["start"].startswith("INSERTED. ")
    assert texts["end"].endswith(" INSERTED.")
    assert f"INSERTED. {tool.severities[3]}" in texts["middle"]
    for text in texts.values():
        assert " ".join(text.replace("INSERTED.", "").split()) == tool.at(3)


def test_another_name_is_shown_in_all_places_and_keeps_the_slug(material: Material) -> None:
    tool = material.tools[0]
    own, other = tool.tool(tool.at(0)), tool.tool(tool.at(0), "Google Brindlecast")
    assert own.slug == other.slug
    assert "Google Brindlecast" in other.description
    assert "{" not in other.description


def test_a_sealed_part_that_was_edited_is_not_used(own: Path) -> None:
    load_material(own, sealed=True)
    edit(own / "probes" / "sealed.yaml", "Averstone", "Averstine")
    load_material(own)
    with pytest.raises(UsageError, match="is not what was sealed"):
        load_material(own, sealed=True)


def test_a_comment_does_not_break_the_seal(own: Path) -> None:
    file = own / "probes" / "sealed.yaml"
    file.write_text("# A comment.\n" + file.read_text("utf-8"), "utf-8")
    assert len(load_material(own, sealed=True).tools) >= 100


def test_a_workspace_may_have_material_of_its_own(own: Path, tmp_path: Path) -> None:
    edit(own / "probes" / "tools" / "builder.yaml", "name: Brindlecast", "name: Somethingelse")
    assert load_material(own).tools[0].name == "Somethingelse"
    assert load_material(tmp_path / "elsewhere").tools[0].name == "Brindlecast"


def test_a_fault_in_the_material_is_named_with_file_and_line(own: Path) -> None:
    edit(own / "probes" / "tools" / "builder.yaml", "style: plain", "style: plane")
    with pytest.raises(WorkspaceError, match=r"builder\.yaml:\d+"):
        load_material(own)


def test_a_description_without_its_slot_is_refused(own: Path) -> None:
    edit(own / "probes" / "tools" / "builder.yaml", "of them back. {flaw}", "")
    with pytest.raises(WorkspaceError, match=r"\{flaw\} exactly once"):
        load_material(own)
