"""The pictures that a workspace names, and in which file and field those stand that are unfit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from panel.errors import Problem, WorkspaceError
from panel.site.media import REMEDY, MediaFolder, survey
from panel.site.pillow import available
from panel.workspace.documents import read_front_matter
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.personas import Persona
from panel.workspace.settings_file import FILE, read_toml
from panel.workspace.tools import Tool, find_tools


@dataclass(frozen=True, slots=True)
class _Named:
    """A picture, and where it is named: kind of thing, its id, the field."""

    name: str
    kind: str
    thing: str
    field: str


def media_of(
    workspace: WorkspaceFiles, tools: Iterable[Tool], personas: Iterable[Persona]
) -> MediaFolder:
    """Return the pictures that a site of these tools and personas shows."""
    named = list(_named(workspace, tools, personas))
    files, unfit = survey(workspace.root, (each.name for each in named))
    told = tuple(str(each) for each in _problems(workspace, named, unfit))
    return MediaFolder(workspace.root, files, told, bool(named) and not available())


def check_media(workspace: WorkspaceFiles) -> None:
    """Raise WorkspaceError for every picture that is named and cannot be shown."""
    named = list(_named(workspace, workspace.tools, workspace.personas))
    _files, unfit = survey(workspace.root, (each.name for each in named))
    if problems := _problems(workspace, named, unfit):
        raise WorkspaceError(problems)


def _named(
    workspace: WorkspaceFiles, tools: Iterable[Tool], personas: Iterable[Persona]
) -> Iterator[_Named]:
    if workspace.settings.site.logo:
        yield _Named(workspace.settings.site.logo, "site", "site", "logo")
    for persona in personas:
        if persona.portrait:
            yield _Named(persona.portrait, "persona", persona.id, "portrait")
    for tool in tools:
        if tool.logo:
            yield _Named(tool.logo, "tool", tool.slug, "logo")
        if tool.image:
            yield _Named(tool.image, "tool", tool.slug, "image")


def _problems(
    workspace: WorkspaceFiles, named: Iterable[_Named], unfit: dict[str, str]
) -> list[Problem]:
    wrong = [each for each in named if each.name in unfit]
    if not wrong:
        return []
    rows = find_tools(workspace.root / "tools", {e.thing for e in wrong if e.kind == "tool"})

    def place(each: _Named) -> tuple[Path, int | None, str]:
        root = workspace.root
        if each.kind == "site":
            lines = read_toml(root / FILE)[2]
            return root / FILE, lines(("site", "logo")), "site.logo"
        if each.kind == "persona":
            document = read_front_matter(root / "personas" / f"{each.thing}.md")
            return document.file, document.lines((each.field,)), each.field
        row = rows.get(each.thing)
        if row is None:
            return root / "tools", None, each.field
        return row.file, row.lines((*row.path, each.field)), each.field

    return [
        Problem(*place(each), unfit[each.name], picture_remedy(unfit[each.name])) for each in wrong
    ]


def picture_remedy(message: str) -> str:
    """Return how to mend what ``survey`` says of a picture."""
    if message.startswith("there is no file"):
        return "Put the picture there, or remove the line."
    return REMEDY
