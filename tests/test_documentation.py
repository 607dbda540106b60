"""What README.md, CONTRIBUTING.md and docs/ say of the program and the repository is so."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import jinja2
import pytest
from jinja2.filters import FILTERS

from panel.errors import WorkspaceError
from panel.workspace.experiments import load_experiment
from panel.workspace.loading import load_workspace
from panel.workspace.sandbox import render
from panel.workspace.settings_file import load_settings
from panel.workspace.tools import Pricing, Tool, load_catalog
from panel.workspace.verdict import parse
from tests.support import cli_help
from tests.support.markdown_pages import Page, pages
from tests.support.space import ROOT

PAGES = {page.name: page for page in pages()}
EVERY_PAGE = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)

COMMANDS = cli_help.commands()
GROUPS = {path[:-1] for path in COMMANDS if path}
OPTIONS = {path: cli_help.options(command) for path, command in COMMANDS.items()}
# Pages that also name options of other programs.
OTHER_PROGRAMS = {
    *("docs/servers.md", "docs/install.md", "docs/releasing.md"),
    *("bench/README.md", "CONTRIBUTING.md"),
}

TABLES = ("panel", "sampling", "limits", "ci", "site", "endpoints.embedded")
ROOMS = {folder.name for folder in (ROOT / "src" / "panel").iterdir() if folder.is_dir()}
# Folders of this repository that pages name; a workspace's own hold what a run writes.
FOLDERS = ("src", "docs", "tests", "bench", "prompts", "personas", "probes", "tools", ".ci")
# Files that a page has its reader write.
WRITTEN = {
    "docs/editors.md": {"tools/patchwren.md", "tools/wrenpatch.md"},
    "docs/tools.md": {"tools/anvil.md", "tools/blasebalg.md", "tools/zange.md"},
}
FILES = [*ROOT.glob("*"), *(file for name in FOLDERS for file in (ROOT / name).rglob("*"))]


# --- the command line -----------------------------------------------------------------------


def test_the_page_of_the_command_line_is_what_help_prints() -> None:
    assert cli_help.render() == cli_help.PAGE.read_text(encoding="utf-8"), "run `make cli-help`"


def test_every_command_is_on_the_page_of_commands() -> None:
    called = list(PAGES["docs/commands.md"].calls())
    assert not [
        path for path in COMMANDS if not any(tuple(words[: len(path)]) == path for words in called)
    ]


@EVERY_PAGE
def test_every_call_of_the_program_names_a_command_and_its_options(page: Page) -> None:
    for words in page.calls():
        path: tuple[str, ...] = ()
        rest = iter(words)
        for word in rest:
            told = f"{page.name}: {word!r} of {' '.join(['panel', *words])!r}"
            if word.startswith("-"):
                name, given, _ = word.partition("=")
                assert name in OPTIONS[path], told
                if OPTIONS[path][name] and not given:
                    next(rest)
            elif path in GROUPS:
                path = (*path, word)
                assert path in COMMANDS, told


@EVERY_PAGE
def test_every_option_named_alone_is_one_of_some_command(page: Page) -> None:
    if page.name not in OTHER_PROGRAMS:
        named = {re.split(r"[ =]", span)[0] for span in page.spans if span.startswith("--")}
        assert named <= {name for options in OPTIONS.values() for name in options}


# --- panel.toml -----------------------------------------------------------------------------


def accepted(folder: Path, text: str) -> bool:
    """Whether the program reads a panel.toml of this text without a complaint."""
    (folder / "panel.toml").write_text(text, encoding="utf-8")
    try:
        load_settings(folder)
    except WorkspaceError:
        return False
    return True


def accepted_as_experiment(folder: Path, text: str) -> bool:
    """Whether the program reads an experiment with this piece without a complaint."""
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / "piece.toml").write_text(text, encoding="utf-8")
    try:
        load_experiment(folder, "piece")
    except WorkspaceError:
        return False
    return True


EXPERIMENT = "docs/experiments.md"  # whose pieces are of experiments/NAME.toml
_IN_ARMS = ("", "[arms.b.sampling]\n", "[arms.b.form]\n", "[arms.b]\n")


@EVERY_PAGE
def test_every_piece_of_panel_toml_on_a_page_is_accepted(page: Page, tmp_path: Path) -> None:
    if page.name == EXPERIMENT:
        for span in (span for span in page.spans if re.fullmatch(r"[a-z_]+ = \S.*", span)):
            pieces = (f'question = "q"\n[arms.a]\n{table}{span}' for table in _IN_ARMS)
            assert any(accepted_as_experiment(tmp_path, piece) for piece in pieces), span
        texts = [text for _language, text in page.blocks if text.startswith("question = ")]
        assert texts and all(accepted_as_experiment(tmp_path, text) for text in texts)
        return
    for language, text in page.blocks:
        if language == "toml" or (not language and text.startswith("[")):
            assert accepted(tmp_path, text), text
    for span in page.spans:
        if re.fullmatch(r"\[[a-z]+\]", span):
            assert accepted(tmp_path, span), span
        elif re.fullmatch(r"[a-z_]+ = \S.*", span):
            assert any(accepted(tmp_path, f"[{table}]\n{span}") for table in TABLES), span


def test_the_sample_panel_toml_is_accepted_with_all_that_it_comments_out(tmp_path: Path) -> None:
    lines = (ROOT / "panel.toml").read_text(encoding="utf-8").splitlines()
    plain = [re.sub(r"^# (?=\[|[a-z_]+ = )", "", line) for line in lines]
    assert plain != lines
    assert accepted(tmp_path, "\n".join(plain))


# --- the repository -------------------------------------------------------------------------


@EVERY_PAGE
def test_every_file_of_the_repository_that_is_named_exists(page: Page) -> None:
    for word in (word for line in page.code for word in line.split()):
        if re.fullmatch(r"[\w.<>*-]+(?:/[\w.<>*-]+)*/?", word):
            assert is_there(word) or word in WRITTEN.get(page.name, ()), word


def is_there(word: str) -> bool:
    """Whether a word that can only be a file of this repository is one; others pass."""
    pattern = re.sub(r"<[^>]*>", "*", word).rstrip("/")
    first = pattern.partition("/")[0]
    if "/" not in word:
        is_source = re.fullmatch(r".+\.(?:py|j2|toml|yml|sh|css)", word)
        return not is_source or any(file.match(pattern) for file in FILES)
    if first in FOLDERS:
        return any(ROOT.glob(pattern))
    if first in ROOMS - {"runs"}:
        return any((ROOT / "src" / "panel").glob(pattern))
    return True


@EVERY_PAGE
def test_every_module_target_and_test_that_is_named_exists(page: Page) -> None:
    text = "\n".join(page.code)
    for module in re.findall(r"-m (tests(?:\.\w+)+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), module
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", text)) <= set(targets)
    tests = [file for file in FILES if file.match("test_*.py")]
    written = "\n".join(file.read_text(encoding="utf-8") for file in tests)
    for name in re.findall(r"\btest_\w+", text):  # a name may end in an ellipsis
        assert f"def {name}" in written or any(file.stem == name for file in tests), name


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_every_page_can_be_reached_from_the_front_page() -> None:
    seen, to_read = {"README.md"}, ["README.md"]
    while to_read:
        page = PAGES[to_read.pop()]
        for link in page.links:
            target = (page.file.parent / link.partition("#")[0]).resolve()
            name = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else ""
            if name in PAGES and name not in seen:
                seen.add(name)
                to_read.append(name)
    assert not PAGES.keys() - seen


@EVERY_PAGE
def test_every_link_within_the_repository_leads_somewhere(page: Page) -> None:
    for link in page.links:
        path, _, anchor = link.partition("#")
        target = (page.file.parent / path).resolve() if path else page.file
        if not re.match(r"[a-z]+:", link):
            assert target.exists(), link
            if anchor:
                assert anchor in PAGES[target.relative_to(ROOT).as_posix()].anchors, link


# --- prompt templates -----------------------------------------------------------------------


def listed(title: str) -> str:
    """Return one entry of the list in docs/prompts.md."""
    text = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
    return text.partition(f"- **{title}**")[2].partition("\n- ")[0]


def names(text: str) -> set[str]:
    """Return the names in backticks."""
    return set(re.findall(r"`(\w+)(?:\(\))?`", text))


# --- tools and replies ----------------------------------------------------------------------


def test_the_page_of_tools_lists_every_field_and_which_are_needed() -> None:
    told = re.findall(
        r"^\| `([a-z._]+)` \| (yes|) ?\|", PAGES["docs/tools.md"].file.read_text(), re.MULTILINE
    )
    groups = {"pricing": Pricing}
    known = {}
    for name, field in Tool.model_fields.items():
        inner = groups[name].model_fields if name in groups else {"": field}
        known |= {f"{name}.{key}".rstrip("."): each.is_required() for key, each in inner.items()}
    known["slug"] = False  # made of the name or the file
    assert {name: needed == "yes" for name, needed in told} == known


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_tables_of_tools_on_the_page_are_read(ending: str, tmp_path: Path) -> None:
    table = {text[0] == "{": text for _language, text in PAGES["docs/tools.md"].blocks}
    file = tmp_path / f"catalog.{ending}"
    file.write_text(table[ending == "jsonl"], encoding="utf-8")
    [tool] = load_catalog(tmp_path)
    assert (tool.name, tool.pricing.entry) == ("Anvil", "Free")


def test_the_reply_on_the_page_of_prompts_is_read_as_a_verdict() -> None:
    [reply] = [text for _language, text in PAGES["docs/prompts.md"].blocks if '"evidence"' in text]
    builder = next(each for each in load_workspace(ROOT).personas if each.id == "builder")
    beats = tuple(
        builder.beats[0].model_copy(update={"id": name}) for name in ("claim", "verdict_line")
    )
    found = parse(reply, builder.model_copy(update={"beats": beats}))
    assert (found.verdict, found.confidence, len(found.evidence)) == ("ship", 70, 1)


@pytest.fixture(scope="module")
def environment() -> jinja2.Environment:
    """Return what this repository's own prompt templates are compiled with."""
    return load_workspace(ROOT).prompts.system.environment


def test_the_page_lists_the_filters_and_globals_that_a_template_may_use(
    environment: jinja2.Environment,
) -> None:
    def may_use(name: str) -> bool:
        try:
            environment.from_string(f"{{{{ value | {name} }}}}")
        except jinja2.TemplateError:
            return False
        return True

    filters, globals_ = map(names, listed("Filters").split("The one global is"))
    assert {name for name in {*FILTERS, *filters} if may_use(name)} == filters
    assert set(environment.globals) == globals_


@pytest.mark.parametrize("value", ["text", {}, date(2026, 1, 1)], ids=["text", "dict", "date"])
def test_the_page_lists_the_methods_that_a_template_may_call(
    environment: jinja2.Environment, value: object, request: pytest.FixtureRequest
) -> None:
    def may_read(name: str) -> bool:
        template = environment.from_string(f"{{{{ value.{name} is defined }}}}")
        return render(template, value=value) == "True"

    kind = request.node.callspec.id
    told = names(listed("Methods").partition(f"of a {kind} ")[2].partition(";")[0])
    assert {name for name in {*dir(value), *told} if may_read(name)} == told
