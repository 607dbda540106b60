"""Readers vote while tools are renamed: each vote is on the tool that its page shows."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from panel.frozen.files import encode_frozen, read_frozen
from panel.readers.serve.limits import Bound
from panel.site import output
from panel.site.output import MANIFEST
from tests.support.editors import do
from tests.support.mock_endpoint import MockEndpoint
from tests.support.readers_server import Served, limits, serving
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, everything_asked

COMMUNITY = "[site]\ncommunity = true\n"
TEXT = "{name} folds maps of any size along their creases, offline, in {way} and without glue."
LOOSE = Bound(10_000, 1, 10_000)
ANVIL, SECOND = "Anvil", "Second"


def both_approved(space: Space, mock: MockEndpoint) -> None:
    """Ask everything and approve a take of each tool."""
    everything_asked(space, mock)
    for slug in space.tools:
        do(space, "approve", (slug, "builder"))


@pytest.fixture
def space(copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel) -> Space:
    """Make a workspace with a published site beside it, in ``out``."""
    space = copied(both_approved)
    space.point_at(mock, COMMUNITY)
    publish(space, panel)
    return space


def publish(space: Space, panel: Panel, *options: str, out: str = "../out") -> None:
    done = panel("publish", out, "--remove", *options, cwd=space.root)
    assert done.code == 0, done.err


def rename(space: Space, was: str, now: str) -> None:
    (space.root / f"tools/{was}.md").rename(space.root / f"tools/{now}.md")


def another(space: Space, panel: Panel, slug: str) -> None:
    """Give another tool this slug, once all renames are known; a take of it is approved."""
    assert panel("plan", cwd=space.root).code == 0
    space.tool(slug, name=SECOND, description=TEXT.format(name=SECOND, way="one go"))
    assert panel("run", cwd=space.root).code == 0
    do(space, "approve", (slug, "builder"))


@contextmanager
def unbounded(space: Space) -> Iterator[Served]:
    """Serve the site beside a workspace, without bounds on votes."""
    assert space.root.name == "space"
    loose = limits(votes=LOOSE, changes=LOOSE)
    with serving(space.root.parent, limits=loose, votes_per_address=10_000) as site:
        yield site


def shown(site: Served) -> dict[str, str]:
    """Return the vote ids that the site's pages of tools hold, by the name that they show."""
    found = {}
    for file in sorted((site.folder / "tools").glob("*.html")):
        text = site.get(f"/tools/{file.name}").text
        if name := re.search(r"<h1>.*?<bdi>(.*?)</bdi>", text):
            (held,) = set(re.findall(r'name="tool" value="(.*?)"', text))
            found[name[1]] = held
    return found


def share(site: Served, tool: str) -> tuple[str, int, int]:
    found = site.get(f"/api/votes/{tool}.json").json
    return found["tool"], found["ships"], found["skips"]


def listed(site: Served) -> dict[str, int]:
    return {each["tool"]: each["n"] for each in site.get("/api/votes.json").json["votes"]}


def ledger(space: Space) -> bytes:
    return (space.root / "community/votes.jsonl").read_bytes()


@contextmanager
def at_each_file(monkeypatch: pytest.MonkeyPatch, do_so: Callable[[str], object]) -> Iterator[None]:
    """Do something after each file that a publication writes, but not while it is done."""
    real, busy = output.write_if_changed, list[bool]()

    def written(file: Path, content: bytes) -> bool:
        done = real(file, content)
        if not busy:
            busy.append(True)
            try:
                do_so(file.name)
            finally:
                busy.clear()
        return done

    with monkeypatch.context() as patch:
        patch.setattr(output, "write_if_changed", written)
        yield


@pytest.mark.slow
def test_votes_go_on_under_each_new_name_and_under_the_first_one_again(
    space: Space, panel: Panel
) -> None:
    with unbounded(space) as site:
        old = shown(site)[ANVIL]
        first = site.vote(old, "ship").cookie
        site.vote(old, "ship")
        for was, now in (("anvil", "crane"), ("crane", "derrick"), ("derrick", "anvil")):
            rename(space, was, now)
            publish(space, panel)
            assert shown(site)[ANVIL] == old
            assert listed(site) == {now: 2}
            assert share(site, now) == share(site, old) == (now, 2, 0)
            assert site.vote(old, "skip", first).json["tool"] == now
            assert site.vote(old, "ship", first).json["n"] == 2
            told = panel("votes", "show", now, "--json", cwd=space.root).out
            assert [each["n"] for each in json.loads(told)["votes"]] == [2]
            assert "2 of 2 ship" in (site.folder / f"tools/{now}.html").read_text()
        assert site.get("/tools/crane.html").headers["location"] == "../tools/anvil.html"
        assert site.vote("crane", "ship").status == site.get("/api/votes/crane.json").status == 404


@pytest.mark.slow
def test_votes_go_on_after_a_restart_of_the_server(space: Space, panel: Panel) -> None:
    with unbounded(space) as site:
        cookie = site.vote("anvil", "ship").cookie
        rename(space, "anvil", "crane")
        publish(space, panel)
    with unbounded(space) as site:
        assert listed(site) == {"crane": 1}
        assert site.vote(shown(site)[ANVIL], "skip", cookie).json["n"] == 1


@pytest.mark.slow
def test_an_address_has_no_more_new_votes_because_a_tool_was_renamed(
    space: Space, panel: Panel
) -> None:
    with serving(space.root.parent) as site:
        assert [site.vote("anvil", "ship").status for _ in range(3)] == [200] * 3
        for was, now in (("anvil", "crane"), ("crane", "derrick")):
            rename(space, was, now)
            publish(space, panel)
            held = shown(site)[ANVIL]
            statuses = [site.vote(each, "ship").status for each in (held, "anvil", now)]
            assert statuses == ([200, 200, 404] if now == "crane" else [429, 429, 404])


@pytest.mark.slow
def test_another_tool_of_the_old_slug_has_its_own_votes_and_voters(
    space: Space, panel: Panel
) -> None:
    with unbounded(space) as site:
        cookie = site.vote("anvil", "ship").cookie
        rename(space, "anvil", "crane")
        another(space, panel, "anvil")
        publish(space, panel)
        held = shown(site)
        assert held[ANVIL] == "anvil" and held[SECOND] == "anvil~crane"
        assert site.vote(held[SECOND], "skip", cookie).json["tool"] == "anvil"
        assert site.vote("anvil", "ship", cookie).json["tool"] == "crane"  # from an open page
        assert listed(site) == {"anvil": 1, "crane": 1}
        assert share(site, held[SECOND]) == ("anvil", 0, 1)
        assert share(site, "crane") == ("crane", 1, 0)
        told = json.loads(panel("votes", "show", "anvil", "crane", "--json", cwd=space.root).out)
        assert [(each["tool"], each["ships"]) for each in told["votes"]] == [
            ("anvil", 0),
            ("crane", 1),
        ]
        rename(space, "anvil", "derrick")
        publish(space, panel)
        assert listed(site) == {"crane": 1, "derrick": 1}


@pytest.mark.slow
def test_imported_votes_are_those_of_the_tool_that_has_the_name_now(
    space: Space, panel: Panel
) -> None:
    (space.root / "a.csv").write_text("tool,ships,skips\nanvil,3,1\n")
    (space.root / "b.csv").write_text("tool,ships,skips\ncrane,5,0\n")
    assert panel("votes", "import", "a.csv", cwd=space.root).code == 0
    rename(space, "anvil", "crane")
    assert panel("votes", "import", "b.csv", cwd=space.root).code == 0
    (space.root / "c.csv").write_text("tool,vote,voter\ncrane,skip,ann\n")
    assert panel("votes", "import", "c.csv", cwd=space.root).code == 0
    told = json.loads(panel("votes", "show", "anvil", "--json", cwd=space.root).out)["votes"]
    assert [(each["tool"], each["ships"], each["skips"]) for each in told] == [("crane", 8, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("reused", [False, True])
def test_each_vote_during_a_publication_is_on_the_tool_that_the_page_shows(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch, reused: bool
) -> None:
    cast = Counter[str]()
    with unbounded(space) as site:

        def vote(name: str) -> None:
            if name in (MANIFEST, "anvil.html", "crane.html", "index.html"):
                for tool, held in shown(site).items():
                    assert site.vote(held, "ship").status == 200
                    cast[tool] += 1

        vote(MANIFEST)
        rename(space, "anvil", "crane")
        if reused:
            another(space, panel, "anvil")
        with at_each_file(monkeypatch, vote):
            publish(space, panel)
        for tool, held in shown(site).items():
            assert share(site, held)[1] == cast[tool]
        assert listed(site)["crane"] == cast[ANVIL] > 4
        assert listed(site).get("anvil", 0) == cast[SECOND]


class Killed(BaseException):
    """The publisher is no more."""


@pytest.mark.slow
@pytest.mark.parametrize("reused", [False, True])
def test_a_killed_publication_moves_no_votes_and_the_next_one_completes_it(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch, reused: bool
) -> None:
    cast, left = Counter[str](), list[int]()
    with unbounded(space) as site:

        def vote() -> None:
            for tool, held in shown(site).items():
                assert site.vote(held, "ship").status == 200
                cast[tool] += 1

        def kill(_name: str) -> None:
            left.append(left.pop() - 1)
            if left == [0]:
                raise Killed

        vote()
        rename(space, "anvil", "crane")
        if reused:
            another(space, panel, "anvil")
        for number in (1, 3, 12, 20):
            left[:] = [number]
            with at_each_file(monkeypatch, kill), pytest.raises(Killed):
                publish(space, panel)
            vote()
        publish(space, panel)
        vote()
        for tool, held in shown(site).items():
            assert share(site, held)[1] == cast[tool]
        assert listed(site)["crane"] == cast[ANVIL]


@pytest.mark.slow
@pytest.mark.parametrize("early", [True, False])
def test_two_publications_at_once_cost_no_votes_and_give_nobody_a_second(
    space: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    """The first one knows nothing of the rename; the other begins and ends meanwhile."""
    with unbounded(space) as site:
        cookies = [site.vote("anvil", "ship").cookie for _ in range(3)]
        edit(space.root / "tools/bellows.md", "Blows air", "Blows hot air")
        done = list[str]()

        def overtake(name: str) -> None:
            if not done and name == (MANIFEST if early else "bellows.html"):
                done.append(name)
                rename(space, "anvil", "crane")
                publish(space, panel)

        with at_each_file(monkeypatch, overtake):
            publish(space, panel)
        assert done
        for held in shown(site).values():
            for cookie in cookies:
                site.vote(held, "ship", cookie)
        publish(space, panel)
        assert shown(site)[ANVIL] == "anvil"
        for cookie in cookies:
            assert site.vote("anvil", "skip", cookie).json["n"] == 3
        assert listed(site)["crane"] == 3


@pytest.mark.slow
def test_nothing_but_a_vote_writes_into_the_votes(space: Space, panel: Panel) -> None:
    with unbounded(space) as site:
        site.vote("anvil", "ship")
        before = ledger(space)
        rename(space, "anvil", "crane")
        publish(space, panel, "--dry-run")
        another(space, panel, "anvil")
        publish(space, panel, out="../trial")
        publish(space, panel, "--drafts", out="../drafts")
        assert share(site, "anvil") == ("anvil", 1, 0)  # its page is still the old tool's
        site.vote(shown(site)[ANVIL], "ship")
        assert listed(site) == {"anvil": 2} and shown(site) == {
            ANVIL: "anvil",
            "Bellows": "bellows",
        }
        (space.root / "tools/bellows.md").unlink()
        assert panel("publish", "../out", cwd=space.root).code == 2
        assert listed(site) == {"anvil": 2}
        publish(space, panel)
        assert listed(site) == {"crane": 2}
        assert ledger(space).startswith(before) and ledger(space).count(b"\n") == 2


@pytest.mark.slow
def test_a_tool_that_is_held_back_gives_its_votes_to_nobody(space: Space, panel: Panel) -> None:
    with unbounded(space) as site:
        cookie = site.vote("anvil", "ship").cookie
        rename(space, "anvil", "crane")
        another(space, panel, "anvil")
        edit(space.root / "tools/crane.md", "tagline:", "hold: true\ntagline:")
        publish(space, panel)
        assert ANVIL not in shown(site)
        assert site.vote("anvil", "skip", cookie).status == 404  # on a page that is still open
        assert site.vote(shown(site)[SECOND], "skip", cookie).json["n"] == 1
        assert listed(site) == {"anvil": 1}
        edit(space.root / "tools/crane.md", "hold: true\n", "")
        publish(space, panel)
        assert listed(site) == {"anvil": 1, "crane": 1}
        assert site.vote("anvil", "skip", cookie).json["n"] == 1


@pytest.mark.slow
def test_a_tool_that_gets_the_slug_of_a_removed_one_has_its_own_votes_there(
    space: Space, panel: Panel
) -> None:
    """As on a server whose answers came from verdicts/ alone."""
    with unbounded(space) as site:
        site.vote("bellows", "skip")
        site.vote("anvil", "ship")
        (space.root / "tools/bellows.md").unlink()
        assert panel("freeze", "--prune", cwd=space.root).code == 0
        shutil.rmtree(space.root / "runs")
        publish(space, panel)
        assert site.vote("bellows", "ship").status == 404
        rename(space, "anvil", "bellows")
        publish(space, panel)
        assert listed(site) == {"bellows": 1} and share(site, "bellows") == ("bellows", 1, 0)
        assert site.vote("bellows", "ship").status == 404  # on the removed tool's open page
        told = json.loads(panel("votes", "show", "--json", cwd=space.root).out)["votes"]
        assert [(each["tool"], each["ships"], each["n"]) for each in told] == [("bellows", 1, 1)]


@pytest.mark.slow
def test_files_that_are_rolled_back_bring_the_votes_back(space: Space, panel: Panel) -> None:
    with unbounded(space) as site:
        cookie = site.vote("anvil", "ship").cookie
        shutil.copytree(space.root / "runs", space.root.parent / "before")
        for _again in range(2):
            rename(space, "anvil", "crane")
            publish(space, panel)
            assert listed(site) == {"crane": 1}
            rename(space, "crane", "anvil")
            shutil.rmtree(space.root / "runs")
            shutil.copytree(space.root.parent / "before", space.root / "runs")
            publish(space, panel)
            assert listed(site) == {"anvil": 1}
            assert site.vote(shown(site)[ANVIL], "ship", cookie).json["n"] == 1


@pytest.mark.slow
def test_votes_follow_renames_that_only_a_file_of_verdicts_tells_of(
    space: Space, panel: Panel
) -> None:
    with unbounded(space) as site:
        site.vote("anvil", "ship")
        for was, now in (("anvil", "adze"), ("adze", "crane")):
            rename(space, was, now)
            assert panel("plan", cwd=space.root).code == 0
        assert panel("freeze", cwd=space.root).code == 0
        shutil.rmtree(space.root / "runs")
        publish(space, panel)
        assert listed(site) == {"crane": 1}


@pytest.mark.slow
def test_a_file_of_verdicts_that_claims_a_living_tool_gets_none_of_its_votes(
    space: Space, panel: Panel
) -> None:
    assert panel("freeze", cwd=space.root).code == 0
    folder = space.root / "verdicts"
    thief = read_frozen(folder)["bellows"]
    named = thief.named("bellows", ("anvil",), thief.described)
    (folder / "bellows.json").write_text(encode_frozen(named))
    with unbounded(space) as site:
        site.vote("anvil", "ship")
        publish(space, panel)
        assert listed(site) == {"anvil": 1}
        assert share(site, "bellows") == ("bellows", 0, 0)


def tell(site: Served, vote_ids: Any) -> None:
    """Let the manifest of the served folder say this of vote ids."""
    (site.folder / MANIFEST).write_text(json.dumps({"files": {}, "vote_ids": vote_ids}))


def test_a_strangers_manifest_gives_no_tool_the_votes_of_another(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        site.vote("anvil", "ship")
        for told in ({"bellows": ["anvil"]}, {"bellows": ["bellows", "anvil"]}):
            tell(site, told)
            assert share(site, "bellows") == ("bellows", 0, 0)
            assert share(site, "anvil") == ("anvil", 1, 0) and listed(site) == {"anvil": 1}
        tell(site, {"bellows": ["x"], "anvil": ["x"]})
        site.vote("x", "ship")
        assert listed(site) == {"anvil": 1} and site.vote("bellows", "ship").status == 200
        tell(site, {"bellows": ["anvil"], "anvil": ["bellows"]})
        assert share(site, "anvil") == ("bellows", 1, 0)
        assert share(site, "bellows") == ("anvil", 1, 0)


@pytest.mark.parametrize(
    "told",
    [
        {"bellows": ["A"]},
        {"bellows": ["../x"]},
        {"bellows": ["x" * 200]},
        {"bellows": []},
        {"bellows": ["x"] * 9},
        {"bellows": "x"},
        {"bellows": [["x"]]},
        {"../bellows": ["x"]},
        ["bellows"],
        None,
    ],
)
def test_a_manifest_that_tells_of_no_vote_ids_leaves_every_tool_its_slug(
    tmp_path: Path, told: Any
) -> None:
    with serving(tmp_path) as site:
        tell(site, told)
        assert site.vote("bellows", "ship").json["tool"] == "bellows"
        assert listed(site) == {"bellows": 1}


def test_a_manifest_that_cannot_be_read_costs_no_votes(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        for content in (b"", b"\xff", b"[]", b"[" * 100_000, b"{"):
            (site.folder / MANIFEST).write_bytes(content)
            assert site.vote("bellows", "ship").status == 200


def test_a_new_manifest_is_read_while_the_site_is_served(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        tell(site, {"bellows": ["smithy"]})
        assert site.vote("smithy", "ship").json["tool"] == "bellows"
        assert site.vote("bellows", "ship").status == 404
        tell(site, {"bellows": ["smithy", "tongs"]})
        assert [site.vote("tongs", "ship").json["n"] for _ in range(2)] == [1, 2]
        assert listed(site) == {"bellows": 1}  # on the page that is there before long
        tell(site, {"bellows": ["smithy~bellows"]})
        assert site.vote("smithy", "ship").status == 404
        assert share(site, "bellows") == ("bellows", 0, 0)


def test_an_old_address_of_which_the_manifest_knows_nothing_has_no_votes(tmp_path: Path) -> None:
    head = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    with serving(tmp_path) as site:
        file = site.folder / "tools/smithy.html"
        file.write_text("<!doctype html>")
        assert site.vote("smithy", "ship").status == 200 and listed(site) == {"smithy": 1}
        file.write_text(f'{head}<meta http-equiv="refresh" content="0; url=bellows.html">\n')
        answer = site.vote("smithy", "ship")
        assert answer.status == 404 and "another name. Reload the page." in answer.json["error"]
        assert site.get("/api/votes/smithy.json").status == 404 and listed(site) == {}
