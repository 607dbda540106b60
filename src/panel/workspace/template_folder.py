"""Loads templates from one folder, and keeps what was compiled of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import jinja2.loaders

from panel.workspace.plain_files import inside, read_text

ENDING = ".j2"


class TemplateFolder(jinja2.BaseLoader):
    """Loads ``*.j2`` of one folder; a link that leads out of it is refused.

    texts: by name, what was read so far; such a template is not read again.
    """

    def __init__(self, folder: Path, texts: Mapping[str, str]) -> None:
        self.folder = folder
        self.texts = dict(texts)

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """Return a template's text; raises jinja2.TemplateNotFound."""
        if template not in self.texts:
            self.texts[template] = self._read(template)
        # Named without its folder: compiled once for all.
        return self.texts[template], template, None

    def _read(self, template: str) -> str:
        file = self.folder.joinpath(*jinja2.loaders.split_template_path(template))
        if not template.endswith(ENDING):
            raise jinja2.TemplateNotFound(
                template, f"{template!r} is not a template; its name does not end in {ENDING}"
            )
        if not inside(self.folder, file):
            raise jinja2.TemplateNotFound(template, f"{template!r} leads out of the folder")
        if not file.exists():
            raise jinja2.TemplateNotFound(template, f"there is no template {template!r}")
        return read_text(file)


class Compiled(jinja2.BytecodeCache):
    """Keeps what was compiled for as long as the process: workspaces are loaded again in it."""

    _codes: ClassVar[dict[tuple[str, str], Any]] = {}

    def load_bytecode(self, bucket: Any) -> None:
        """Put what is kept of a template into its bucket."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Any) -> None:
        """Keep what was compiled."""
        self._codes[bucket.key, bucket.checksum] = bucket.code
