"""Loads a workspace: the folder of files that people write, read and checked as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from panel.errors import Problem, UsageError, WorkspaceError
from panel.text import composed, counted, letters
from panel.workspace.editorial import FOLDER as EDITORIAL
from panel.workspace.editorial import KINDS, EditorialFiles, load_editorial
from panel.workspace.git import FOLDERS, VERDICTS
from panel.workspace.media import FOLDER as MEDIA
from panel.workspace.personas import Persona, choose_personas, load_personas
from panel.workspace.plain_files import refuse_astray
from panel.workspace.prompts import Prompts, load_prompts
from panel.workspace.settings import Settings
from panel.workspace.settings_file import FILE, load_settings
from panel.workspace.tools import KeptTools, Tool, load_catalog, load_named
from panel.workspace.validation import did_you_mean, nearest

Part = TypeVar("Part")
RUNS = "runs"
MOST_TOLD = 5  # canaries that are unknown; each is compared with every tool


@dataclass(frozen=True, slots=True)
class WorkspaceFiles:
    """Everything read from a workspace folder.

    personas: the panel, in order; tools: the whole catalog, sorted by slug, unless ``partial``:
    then those that were asked for, and nothing of ``editorial/``.
    """

    root: Path
    settings: Settings
    personas: list[Persona]
    tools: list[Tool]
    prompts: Prompts
    partial: bool = False
    editorial: EditorialFiles = field(default_factory=EditorialFiles)

    @property
    def runs(self) -> Path:
        """The folder of journals and of the database."""
        return self.root / RUNS

    def select_tools(self, slugs: list[str], categories: list[str]) -> list[Tool]:
        """Return the tools with these slugs (or names) and categories; all for empty lists.

        Raises UsageError naming the nearest valid word.
        """
        chosen = self.tools
        if slugs:
            wanted = {self._slug(composed(word)) for word in slugs}
            chosen = [tool for tool in chosen if tool.slug in wanted]
        if categories:
            categories = [composed(category) for category in categories]
            existing = {tool.category for tool in self.tools}
            for category in categories:
                if category not in existing:
                    hint = did_you_mean(category, existing)
                    raise UsageError(f"there is no category {category!r}. {hint}")
            chosen = [tool for tool in chosen if tool.category in categories]
        return chosen

    def _slug(self, word: str) -> str:
        """Return the slug of the tool with this slug or, where there is none, this name.

        Case and signs ("PatchWren 🐦") count only where several tools would fit without them.
        """
        slugs = [tool.slug for tool in self.tools]
        if word in slugs:
            return word
        named = [tool.slug for tool in self.tools if tool.name == word]
        if len(named) == 1:
            return named[0]
        if named:
            few = ", ".join(named[:5])
            raise UsageError(
                f"{counted(len(named), 'tool is', 'tools are')} named {word!r}. Use a slug: {few}."
            )
        bare = letters(word).replace(" ", "")
        alike = {
            tool.slug
            for tool in self.tools
            if bare in (letters(name).replace(" ", "") for name in (tool.name, tool.slug))
        }
        if len(alike) == 1 and bare:
            return alike.pop()
        by_word = {tool.name: tool.slug for tool in self.tools} | {slug: slug for slug in slugs}
        close = nearest(word, by_word)
        hint = did_you_mean(by_word[close] if close else word, slugs)
        raise UsageError(f"there is no tool {word!r}. {hint}")

    def select_personas(self, ids: list[str]) -> list[Persona]:
        """Return the personas with these ids; the whole panel for an empty list."""
        try:
            return choose_personas(self.personas, ids)
        except ValueError as error:
            raise UsageError(str(error)) from None


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that holds panel.toml.

    Raises UsageError when there is none, WorkspaceError as ``refuse_parts_of_others`` does.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            refuse_parts_of_others(folder)
            return folder
    raise UsageError(
        f"no {FILE} in {start} or above it. Go into a workspace, or make one: 'panel init DIR'."
    )


def refuse_parts_of_others(root: Path) -> None:
    """Raise WorkspaceError where links make a part of a workspace a folder of something else."""
    problems: list[Problem] = []
    for folder in (*FOLDERS, EDITORIAL, MEDIA, *(f"{EDITORIAL}/{kind}" for kind in KINDS)):
        try:
            refuse_astray(root, root / folder)
            if folder == VERDICTS and (root / folder).is_symlink():
                what = (
                    "is a link, behind which git sees no change",
                    "Put the folder itself there.",
                )
                raise WorkspaceError.single(root / folder, None, "", *what)
        except WorkspaceError as error:
            problems += error.problems
    if problems:
        raise WorkspaceError(problems)


def load_workspace(
    root: Path, kept: KeptTools | None = None, only: Sequence[str] = ()
) -> WorkspaceFiles:
    """Read every file of a workspace; raises WorkspaceError with the problems of all of them.

    kept: the tools of an earlier load, of which only those whose files have changed are read.
    only: slugs of tools that are enough; they are read alone where each has a file of its name.
    """
    problems: list[Problem] = []
    named: list[Tool] | None = None

    def part(load: Callable[[], Part]) -> Part | None:
        try:
            return load()
        except WorkspaceError as error:
            problems.extend(error.problems)
            return None

    refuse_parts_of_others(root)
    settings = part(lambda: load_settings(root))
    personas = part(lambda: load_personas(root / "personas"))
    if only:
        named = load_named(root / "tools", only)
    tools = named or part(lambda: load_catalog(root / "tools", kept))
    panel = settings.panel if settings is not None else None
    prompts = part(lambda: load_prompts(root / "prompts", panel))
    if settings is not None and personas is not None:
        try:
            personas = choose_personas(personas, settings.panel.personas or ())
        except ValueError as error:
            problems.append(
                Problem(root / FILE, None, "panel.personas", *str(error).split(". ", 1))
            )
    if settings is not None and tools is not None and named is None:
        problems += _unknown_canaries(root / FILE, settings, tools)
    editorial = EditorialFiles()
    if tools is not None and named is None:
        slugs = {tool.slug for tool in tools}
        editorial = part(lambda: load_editorial(root / EDITORIAL, slugs)) or editorial
    if settings is None or personas is None or tools is None or prompts is None or problems:
        raise WorkspaceError(problems)
    return WorkspaceFiles(root, settings, personas, tools, prompts, named is not None, editorial)


NO_TOOLS = "'panel new NAME' makes a file for one, 'panel import FILE' takes in a table of them."


def refuse_empty(workspace: WorkspaceFiles) -> WorkspaceFiles:
    """Return the workspace; raises UsageError, which says what to do, where it has no tools."""
    if not workspace.tools:
        raise UsageError(f"there are no tools in {workspace.root / 'tools'} yet. {NO_TOOLS}")
    return workspace


def _unknown_canaries(file: Path, settings: Settings, tools: list[Tool]) -> list[Problem]:
    slugs = {tool.slug for tool in tools}
    unknown = [slug for slug in settings.ci.canaries if slug not in slugs]
    return [
        Problem(file, None, "ci.canaries", f"there is no tool {slug!r}", did_you_mean(slug, slugs))
        for slug in unknown[:MOST_TOLD]
    ]


def check_rendering(workspace: WorkspaceFiles) -> None:
    """Render every persona and tool once; raises WorkspaceError with what fails."""
    problems: dict[str, Problem] = {}
    prompts = workspace.prompts
    renderings: list[Callable[[], str]] = [
        *(partial(prompts.system_text, persona) for persona in workspace.personas),
        *(partial(prompts.review_text, tool) for tool in workspace.tools),
        *(partial(prompts.repair_text, persona, ["a problem"]) for persona in workspace.personas),
        partial(prompts.guidance_text, "a note"),
    ]
    for render in renderings:
        try:
            render()
        except WorkspaceError as error:
            problems.update({str(problem): problem for problem in error.problems})
    if problems:
        raise WorkspaceError(list(problems.values()))
