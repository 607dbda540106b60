"""Renders the prompts: templates of ``prompts/`` + persona + tool → Messages."""

from __future__ import annotations

import functools
import re
import traceback
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.nodes

from panel.errors import Problem, WorkspaceError
from panel.hashing import content_hash, text_hash
from panel.workspace.mistakes import shown
from panel.workspace.personas import Beat, Persona
from panel.workspace.plain_files import read_text
from panel.workspace.sandbox import Texts, render, template_environment, texts_of
from panel.workspace.scaffold import shipped
from panel.workspace.settings import PanelSettings
from panel.workspace.tools import PricePlan, Pricing, Tool
from panel.workspace.validation import did_you_mean
from panel.workspace.verdict import HOUSE_FORM, Form, schema_for

Message = tuple[str, str]  # role, content
Messages = tuple[Message, ...]

REVIEWS = 1000  # rendered reviews that are kept

# What each template may use. A name outside its list is an error before anything is asked.
TEMPLATES = {
    "system": ("persona", "panel"),
    "review": ("tool", "panel"),
    "repair": ("problems", "fields"),
    "guidance": ("note",),
}


def fenced(text: str) -> str:
    """Put untrusted text between marker lines that carry the text's own hash.

    A text cannot hold its own hash, so it cannot close its fence. The same text always gets
    the same marker, so fingerprints stay stable.
    """
    body = text.strip("\n")
    marker = text_hash(body)
    return (
        f"===== UNTRUSTED MATERIAL {marker} =====\n{body}\n"
        f"===== END OF UNTRUSTED MATERIAL {marker} =====\n"
    )


@dataclass(slots=True)
class Prompts:
    """The compiled templates of a workspace.

    panel: what of the settings stands in the prompts: "language", and "as_of" (YYYY-MM, or "").
    form: how the verdict is asked for.
    Rendered system messages are kept, and the last REVIEWS of the reviews: the personas ask about
    a tool one after the other, and 100,000 tools are too many to keep.
    """

    folder: Path
    system: jinja2.Template
    review: jinja2.Template
    repair: jinja2.Template
    guidance: jinja2.Template
    panel: dict[str, str]
    form: Form = HOUSE_FORM
    _systems: dict[str, str] = field(default_factory=dict)
    _reviews: dict[str, str] = field(default_factory=dict)

    def messages(self, persona: Persona, tool: Tool, note: str | None = None) -> Messages:
        """Render the messages of one cell; raises WorkspaceError where a template fails.

        note: an editor's guidance, put at the end of the question; None for no guidance.
        """
        system: Message = ("system", self.system_text(persona))
        asked = self.review_text(tool)
        if note is not None:
            asked = f"{asked}\n\n{self.guidance_text(note)}"
        return (system, ("user", asked))

    def system_text(self, persona: Persona) -> str:
        """Render the system message of a persona."""
        if persona.id not in self._systems:
            self._systems[persona.id] = self._render(
                self.system, persona=persona, panel=self._panel()
            )
        return self._systems[persona.id]

    def review_text(self, tool: Tool) -> str:
        """Render the user message of a tool."""
        if tool.slug not in self._reviews:
            rendered = self._render(self.review, tool=tool, panel=self._panel())
            if len(self._reviews) >= REVIEWS:
                del self._reviews[next(iter(self._reviews))]
            self._reviews[tool.slug] = rendered
        return self._reviews[tool.slug]

    def repair_text(self, persona: Persona, problems: list[str]) -> str:
        """Render the message that asks for a repair of an unreadable reply."""
        fields = list(schema_for(persona, form=self.form)["properties"])
        return self._render(self.repair, problems=problems, fields=fields)

    def guidance_text(self, note: str) -> str:
        """Render an editor's guidance for one tool × persona."""
        return self._render(self.guidance, note=note)

    def in_form(self, form: Form) -> Prompts:
        """Return the same prompts, asking for the verdict in another form."""
        return replace(self, form=form, _systems={}, _reviews={})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the texts that were read, in place of what was compiled of them."""
        texts = {name: texts_of(getattr(self, name)) for name in TEMPLATES}
        return _compiled_again, (self.folder, texts, self.panel, self.form)

    def _panel(self) -> dict[str, Any]:
        return self.panel | _form_fields(self.form)

    def _render(self, template: jinja2.Template, **context: Any) -> str:
        try:
            return render(template, **context)
        except Exception as error:  # whatever a template does wrong, its author can fix
            raise WorkspaceError([_fault(error, template, self.folder)]) from None


def _compiled_again(
    folder: Path, texts: dict[str, Texts], panel: dict[str, str], form: Form
) -> Prompts:
    """Make prompts of the texts that were read elsewhere, perhaps on another machine."""
    templates: dict[str, Any] = {
        name: template_environment(place, {"fenced": fenced}, read).get_template(f"{name}.md.j2")
        for name, (place, read) in texts.items()
    }
    return Prompts(folder, **templates, panel=panel, form=form)


def _form_fields(form: Form) -> dict[str, Any]:
    return {"labels": [*form.words], "verdict_field": form.verdict_field}


def load_prompts(folder: Path, settings: PanelSettings | None = None) -> Prompts:
    """Compile the templates; raises WorkspaceError with all problems.

    settings: the ``[panel]`` table; None for one without a word in it.

    A workspace that is older than the guidance template gets the shipped one.
    """
    environment = template_environment(folder, {"fenced": fenced})
    problems: list[Problem] = []
    compiled: dict[str, jinja2.Template] = {}
    for name, known in TEMPLATES.items():
        try:
            file = _source(folder, name)
            compiled[name] = _compile(environment, file, known)
        except WorkspaceError as error:
            problems += error.problems
    problems += _unread(folder)
    if problems:
        raise WorkspaceError(problems)
    templates = (compiled[name] for name in ("system", "review", "repair", "guidance"))
    system, review, repair, guidance = templates
    settings = settings or PanelSettings()
    panel = {"language": settings.language, "as_of": settings.as_of or ""}
    return Prompts(folder, system, review, repair, guidance, panel)


def _unread(folder: Path) -> list[Problem]:
    """Return what makes the templates that others include unreadable: Jinja reads them late."""
    problems: list[Problem] = []
    read = {folder / f"{name}.md.j2" for name in TEMPLATES}
    for file in sorted(folder.rglob("*.j2")):
        if file not in read:
            try:
                read_text(file)
            except WorkspaceError as error:
                problems += error.problems
    return problems


def _source(folder: Path, name: str) -> Path:
    """Return the file of a template."""
    file = folder / f"{name}.md.j2"
    return file if name != "guidance" or file.exists() else shipped() / "prompts" / file.name


def _compile(
    environment: jinja2.Environment, file: Path, known: tuple[str, ...]
) -> jinja2.Template:
    source = read_text(file)
    try:
        undeclared = _undeclared(source)
        template = _template(environment, file)
    except Exception as error:  # Python's own limits (nesting, digits) among them
        line = getattr(error, "lineno", None) if isinstance(error, jinja2.TemplateError) else None
        word = re.match(r"No filter named '(.*)'", str(error))
        remedy = did_you_mean(word[1], environment.filters) if word else "Correct that line."
        raise WorkspaceError.single(
            file, line, "", f"is not a valid template: {error}", remedy
        ) from None
    problems = [
        Problem(
            file,
            line,
            "",
            f"{shown(word)} is not known in this template",
            did_you_mean(word, known),
        )
        for word, line in undeclared.items()
        if word not in known
    ]
    if problems:
        raise WorkspaceError(problems)
    return template


@functools.lru_cache(maxsize=64)  # a process loads the same templates again and again
def _undeclared(source: str) -> dict[str, int | None]:
    """Return the names that a template takes from outside, sorted, and where each first stands."""
    tree = template_environment(Path(), {"fenced": fenced}).parse(source)
    lines: dict[str, int] = {}
    for node in tree.find_all(jinja2.nodes.Name):
        lines.setdefault(node.name, node.lineno)
    names = sorted(jinja2.meta.find_undeclared_variables(tree))
    return {name: lines.get(name) for name in names}


def _template(environment: jinja2.Environment, file: Path) -> jinja2.Template:
    if file.parent == shipped() / "prompts":
        environment = template_environment(file.parent, {"fenced": fenced})
    return environment.get_template(file.name)


def _fault(error: Exception, template: jinja2.Template, folder: Path) -> Problem:
    line, file = None, folder / str(template.name)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.endswith(".j2"):
            line, file = frame.lineno, folder / frame.filename
    return Problem(file, line, "", f"cannot be rendered: {error}", "Correct that line.")


def template_digest(prompts: Prompts) -> str:
    """Hash the wording of the templates: what they make of a fixed persona, tool and settings.

    A comment in a template does not change it. It only serves to say why a cell is pending;
    what is asked again is decided by the fingerprint of the whole rendered text.
    """
    try:
        system = render(prompts.system, persona=_PROBE, panel=_PANEL)
        return content_hash([system, render(prompts.review, tool=_SAMPLE, panel=_PANEL)])
    except (jinja2.TemplateError, WorkspaceError, TypeError, ValueError):
        files = [_source(prompts.folder, name) for name in TEMPLATES if name != "guidance"]
        return content_hash([read_text(file) for file in files])


_PANEL = {"language": "en", "as_of": "2000-01", **_form_fields(HOUSE_FORM)}
_PROBE = Persona(
    id="probe",
    name="name",
    motto="motto",
    order=1,
    beats=(Beat(id="beat", label="label", ask="ask"),),
    weighs="weighs",
    leaves="leaves",
    ship_bar="ship bar",
    skip_bar="skip bar",
    avoid=("avoid",),
    voice="voice",
)
_SAMPLE = Tool(
    slug="/probe",  # no tool of a catalog can have this one
    name="name",
    tagline="tagline",
    category="category",
    description="description",
    pricing=Pricing(
        entry="entry",
        plans=(PricePlan(name="plan", price="price", includes="more"),),
        verified=date(2000, 1, 1),
    ),
    url="https://tool.example",
    links={"link": "https://link.example"},
    tags=("tag",),
    released=date(2000, 1, 1),
)
