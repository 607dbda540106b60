"""Names in Unicode's two forms: what macOS writes in two characters is the same name everywhere."""

from __future__ import annotations

import json
from unicodedata import normalize

import pytest

from panel.workspace.loading import load_workspace
from tests.support.git_repository import repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space

NAME = "Café Ångström"  # composed, as it is kept
APART = normalize("NFD", NAME)
SLUG = "café-ångström"
ROW = {
    "name": APART,
    "tagline": "t",
    "category": f"Kategorie {APART}",
    "description": f"It is {APART}.",
    "pricing": {"entry": "Free"},
    "tags": [APART],
    "url": f"https://example.org/{APART}",
    "links": {APART: "https://example.org"},
}


@pytest.fixture
def apart(mocked: Space) -> Space:
    """Make a workspace with a tool whose every name is in two characters."""
    (mocked.root / "tools" / "more.json").write_text(json.dumps([ROW]), encoding="utf-8")
    return mocked


def test_a_name_of_two_characters_is_the_name_of_one(apart: Space) -> None:
    (tool,) = load_workspace(apart.root).select_tools([APART], [])
    assert (tool.slug, tool.name, tool.tags) == (SLUG, NAME, (NAME,))
    assert tool.category == f"Kategorie {NAME}" and tool.url == f"https://example.org/{NAME}"
    assert list(tool.links) == [NAME]
    assert tool.description == f"It is {APART}.", "prose stays as it was written"


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_either_form_names_a_tool_in_every_option(apart: Space, panel: Panel, form: str) -> None:
    slug, name = normalize(form, SLUG), normalize(form, NAME)
    assert panel("run", "--tool", slug, cwd=apart.root).code == 0
    assert (
        panel("plan", "--category", normalize(form, f"Kategorie {NAME}"), cwd=apart.root).code == 0
    )
    assert panel("show", name, cwd=apart.root).code == 0
    assert panel("lint", slug, cwd=apart.root).code in (0, 1)
    (apart.root / "votes.csv").write_text(f"tool,ships,skips\n{SLUG},3,1\n", encoding="utf-8")
    assert panel("votes", "import", "votes.csv", cwd=apart.root).code == 0
    assert panel("votes", "show", slug, cwd=apart.root).code == 0


@pytest.mark.slow
def test_a_file_name_in_two_characters_gives_the_same_slug(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mocked.tool(normalize("NFD", SLUG), name=APART)
    mocked.point_at(mock, f'[ci]\ncanaries = ["{normalize("NFD", SLUG)}"]\n')
    assert panel("check", cwd=mocked.root).code == 0
    assert panel("run", "--tool", SLUG, cwd=mocked.root).code == 0
    assert panel("freeze", cwd=mocked.root).code == 0
    file = mocked.root / "verdicts" / f"{SLUG}.json"
    file.rename(file.with_name(normalize("NFD", file.name)))  # as a checkout on macOS has it
    repository(mocked.root)
    done = panel("check", "--frozen", "--json", cwd=mocked.root)
    assert not [each for each in json.loads(done.out)["found"] if each["tool"] == SLUG]
    assert f"  {SLUG}" not in panel("diff", "HEAD", cwd=mocked.root).out


def test_an_endpoint_goes_by_either_form(mocked: Space, mock: MockEndpoint, panel: Panel) -> None:
    apart = normalize("NFD", "privé")
    mocked.settings(
        f'[panel]\nendpoint = "privé"\n[endpoints."{apart}"]\n'
        f'base_url = "{mock.base_url}"\nmodel = "m"\n'
    )
    for name in ("privé", apart):
        planned = panel("plan", "--endpoint", name, "--json", cwd=mocked.root)
        assert json.loads(planned.out)["endpoint"] == "privé"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "t.yaml",
            f"- name: a\n  links:\n    {NAME}: https://a.example\n    {APART}: https://b.example\n",
        ),
        (
            "t.json",
            f'[{{"name": "a", "links": {{"{NAME}": "https://a", "{APART}": "https://b"}}}}]',
        ),
        ("t.csv", f"name,links.{NAME},links.{APART}\na,https://a.example,https://b.example\n"),
    ],
)
def test_one_name_in_both_forms_is_a_name_twice(
    mocked: Space, panel: Panel, name: str, text: str
) -> None:
    (mocked.root / "tools" / name).write_text(text, encoding="utf-8")
    done = panel("check", cwd=mocked.root)
    assert done.code == 2 and "twice" in done.out
