"""The forms of the desk's pages, as a browser would send them."""

from __future__ import annotations

import html
import re

from tests.support.desk_session import Session


def form_of(session: Session, path: str, action: str | None = None) -> dict[str, str]:
    """Return the fields of a form on a page; ``action``: where it is sent, the page by default."""
    return form_in(session.get(path)[1], action or path)


def form_in(page: str, action: str) -> dict[str, str]:
    """Return the fields of the form with this action."""
    form = page.split(f'action="{action}"', 1)[1].split("</form>", 1)[0]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checkbox" not in tag or " checked" in tag):
            found[name[1]] = html.unescape(value[1]) if value else ""
    for name_, text in re.findall(
        r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S
    ):
        found[name_] = html.unescape(text)
    return found
