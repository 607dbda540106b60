"""What the desk keeps of the workspace's files, and what of it outlasts a change in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from panel.cells.cells import Target
from panel.checks import OtherTools
from panel.decisions import Pair
from panel.endpoint.target import Chosen, resolve_target
from panel.frozen.reading import read_from_store
from panel.frozen.renames import opened_renamed
from panel.frozen.thaw import thaw_if_fresh
from panel.workspace.loading import WorkspaceFiles, load_workspace, refuse_empty
from panel.workspace.tools import KeptTools
from panel.workspace.watch import Marks

FILES = ("panel.toml", "personas", "prompts", "tools", "editorial", "media")


@dataclass(slots=True)
class KeptFiles:
    """A workspace as its files were at these marks.

    others: its catalog, indexed for the checks. tools: as they were read, to load them again.
    plain, guided: the wording in which each pair would be asked, without and with a note.
    """

    marks: Marks
    workspace: WorkspaceFiles
    target: Target
    others: OtherTools
    tools: KeptTools
    plain: dict[Pair, str] = field(default_factory=dict)
    guided: dict[tuple[Pair, str], str] = field(default_factory=dict)

    def wordings(self, guidance: Mapping[Pair, str | None]) -> dict[Pair, str]:
        """Return the wording in which each pair would be asked now; only new ones are rendered."""
        personas = {persona.id: persona for persona in self.workspace.personas}
        asked = {slug for slug, _persona in self.plain}
        fresh = [tool for tool in self.workspace.tools if tool.slug not in asked]
        if fresh:
            self.plain |= replace(self.target, tools=fresh).wordings()
        found = dict(self.plain)
        noted = {pair: note for pair, note in guidance.items() if note is not None}
        wanted = {slug for slug, _persona in noted}
        tools = {tool.slug: tool for tool in self.workspace.tools if tool.slug in wanted}
        for pair, note in noted.items():
            if pair not in found:
                continue
            if (pair, note) not in self.guided:
                guided = replace(
                    self.target,
                    tools=[tools[pair[0]]],
                    personas=[personas[pair[1]]],
                    guidance={pair: note},
                )
                self.guided[pair, note] = guided.wordings()[pair]
            found[pair] = self.guided[pair, note]
        return found

    def finds_the_same(self, before: KeptFiles) -> bool:
        """Whether the checks find the same as before in the takes on tools that are the same."""
        same = self.workspace.personas is before.workspace.personas
        return same and self.others.same_traces(before.others)


def load_files(root: Path, chosen: Chosen, marks: Marks, before: KeptFiles | None) -> KeptFiles:
    """Read the files that have changed since ``before``, and what depends on them.

    chosen: endpoint and model. Raises WorkspaceError.
    """
    tools = KeptTools() if before is None else before.tools
    tools.marks = marks
    workspace = load_workspace(root, tools)
    if before is None:
        refuse_empty(workspace)
    if before is not None and workspace.personas == before.workspace.personas:
        workspace = replace(workspace, personas=before.workspace.personas)
    thaw_if_fresh(workspace)
    with opened_renamed(workspace, chosen) as connection:
        read = read_from_store(workspace, chosen, connection)
        target = resolve_target(read, chosen)
    others = OtherTools(workspace.tools, None if before is None else before.others)
    made = KeptFiles(marks, workspace, target, others, tools)
    if before is not None and _asks_alike(made, before):
        stays = {tool.slug: tool for tool in before.workspace.tools}
        same = {tool.slug for tool in workspace.tools if stays.get(tool.slug) is tool}
        made.plain = {pair: each for pair, each in before.plain.items() if pair[0] in same}
        made.guided = {key: each for key, each in before.guided.items() if key[0][0] in same}
    return made


def _asks_alike(now: KeptFiles, before: KeptFiles) -> bool:
    """Whether the same tool is asked about in the same words: only files of tools/ differ."""
    folder = str(now.workspace.root / "tools")

    def rest(kept: KeptFiles) -> dict[str, object]:
        return {file: mark for file, mark in kept.marks.items() if not file.startswith(folder)}

    target, then = now.target, before.target
    same = (target.model, target.endpoint) == (then.model, then.endpoint)
    return same and rest(now) == rest(before)
