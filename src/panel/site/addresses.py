"""Paths of the site's files, safe whatever tools, categories and tags are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from panel.hashing import text_hash
from panel.workspace.tools import SLUG_BYTES, slugify

HOME = "index.html"
TOOLS, COMPARISONS, CATEGORIES = "tools.html", "comparisons.html", "categories.html"
PERSONAS, CHANGES, METHODOLOGY = "personas.html", "changes.html", "methodology.html"
RSS, REDIRECTS = "rss.xml", "_redirects"
NOT_FOUND, FEED, SITEMAP, ROBOTS = "404.html", "feed.xml", "sitemap.xml", "robots.txt"
SORTED = "sorted/"
SEARCH, SEARCH_WORDS = "search.json", "search-words.json"


def tool_path(slug: str) -> str:
    """Return the file of a tool's page."""
    return f"tools/{slug}.html"


def description_path(slug: str) -> str:
    """Return the file of a tool's whole description, where its page has only the beginning."""
    return f"tools/{slug}.txt"


def persona_path(persona: str) -> str:
    """Return the file of a persona's page."""
    return f"personas/{persona}.html"


def pair_path(name: str) -> str:
    """Return the file of a comparison, of a name from ``pair_slugs``."""
    return f"compare/{name}.html"


def listing_path(kind: str, slug: str, page: int = 1) -> str:
    """Return the file of one page (from 1) of a category or tag."""
    return f"{kind}/{slug}.html" if page == 1 else f"{kind}/{slug}/{page}.html"


def numbered_path(path: str, page: int) -> str:
    """Return the file of one page (from 1) of a list whose first page is ``path``.

    All are in the root, where nothing is called after a tool or a category.
    """
    return path if page == 1 else f"{path.removesuffix('.html')}-{page}.html"


def sorted_path(order: str, path: str) -> str:
    """Return the file of a list's page in another order; that folder has no other pages."""
    return f"{SORTED}{order}/{path}"


def unsorted_path(path: str) -> str:
    """Return the file of a list's page in the first order: the opposite of ``sorted_path``."""
    return path.split("/", 2)[2] if path.startswith(SORTED) else path


def listing_slugs(names: Iterable[str]) -> dict[str, str]:
    """Return name → slug; no two names share a slug.

    When names would share one ("C", "C++"), the name that equals the slug keeps it, and the
    others get a hash appended. The result does not depend on the order of the names.
    """
    wanted = {name: slugify(name) for name in sorted(set(names))}
    sharing = Counter(wanted.values())
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name, slug in wanted.items():
        if sharing[slug] == 1 or (slug not in taken and slug == "-".join(name.casefold().split())):
            given[name] = slug
            taken.add(slug)
    for name, slug in wanted.items():
        if name not in given:
            given[name] = _told_apart(slug, name, taken)
            taken.add(given[name])
    return given


def pair_slugs(pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return pair of tool slugs → file name, unique and short enough for any file system."""
    wanted = {(left, right): f"{left}-vs-{right}" for left, right in pairs}
    seen = Counter(wanted.values())
    taken = set(seen)
    given = {}
    for pair, name in wanted.items():
        if seen[name] > 1 or len(name.encode()) > SLUG_BYTES:
            name = _told_apart(name, "\0".join(pair), taken)  # noqa: PLW2901
            taken.add(name)
        given[pair] = name
    return given


def _told_apart(slug: str, name: str, taken: set[str]) -> str:
    digest = text_hash(name)
    for length in range(8, len(digest) + 1):
        start = slug.encode()[: SLUG_BYTES - 1 - length].decode("utf-8", "ignore").rstrip("-")
        told = f"{start}-{digest[:length]}".lstrip("-")
        if told not in taken:
            return told
    raise AssertionError(f"no free name for {name!r}")


def root_of(path: str) -> str:
    """Return the relative address from a file to the site's root."""
    return "../" * path.count("/")


def href(path: str) -> str:
    """Return a path encoded for an address."""
    return quote(path)
