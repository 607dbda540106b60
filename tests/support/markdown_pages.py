"""What stands in the project's Markdown pages: code, links and headings, by a real parser."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.space import ROOT

# Written from the program itself, and held against it byte for byte.
GENERATED = ROOT / "docs" / "cli.md"
_COMMAND = re.compile(r"(?:^|[$;&|-] |entry: |bin/)(panel .+)")


@dataclass
class Page:
    """One page. blocks: (language or "", text) of its code; spans: code within a line."""

    file: Path
    blocks: list[tuple[str, str]] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The page's path in the repository."""
        return self.file.relative_to(ROOT).as_posix()

    @property
    def code(self) -> list[str]:
        """Every line of code, in a block or within a line."""
        return [*self.spans, *(line for _, text in self.blocks for line in text.splitlines())]

    def calls(self) -> Iterator[list[str]]:
        """Give the words of every call of ``panel``, without ``panel``."""
        for line in self.code:
            for found in _COMMAND.finditer(line):
                yield _words(found[1])[1:]


def _words(call: str) -> list[str]:
    """Split a call as a shell does, up to a comment, a pipe or the next command."""
    lexer = shlex.shlex(call, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("&|;()<>"):
            break
        words.append(word)
    return words


def read_page(file: Path) -> Page:
    """Parse one page."""
    page = Page(file)
    for token in MarkdownIt("commonmark").enable("table").parse(file.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            page.blocks.append((token.info, token.content))
        elif token.type == "inline":
            _inline(page, token)
    page.anchors |= {_anchor(line) for line in _headings(file)}
    return page


def _inline(page: Page, token: Token) -> None:
    for child in token.children or ():
        if child.type == "code_inline":
            page.spans.append(child.content)
        elif child.type == "link_open":
            page.links.append(str(child.attrs["href"]))
        elif child.type == "image":
            page.links.append(str(child.attrs["src"]))


def _headings(file: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)


def _anchor(heading: str) -> str:
    """Return the name that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def pages() -> list[Page]:
    """Return every page that people write, README.md first."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "bench" / "README.md"]
    return [read_page(file) for file in sorted(files) if file != GENERATED]
