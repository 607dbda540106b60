"""The secret: made once, private, and nothing signed with it can be forged."""

from __future__ import annotations

import base64
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import UsageError
from panel.readers.community import Votes
from panel.readers.community.deliveries import Deliveries
from panel.readers.community.quota import Quota
from panel.readers.community.secret import Secret, community_secret, load_secret
from panel.readers.community.subscribers import Subscribers
from panel.readers.serve.app import Serving, create_app
from tests.support.git_repository import git, repository
from tests.support.readers_server import write_site
from tests.support.space import Panel, Space

SECRET = Secret(b"s" * 64)


@given(st.text(max_size=60), st.integers(0, 2**40))
def test_what_was_signed_is_read_back(text: str, at: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert SECRET.read("visit", SECRET.sign("visit", text, at)) == (text, at)


def test_a_token_of_one_purpose_or_secret_is_worth_nothing_for_another() -> None:
    token = SECRET.sign("visit", "anna", 1)
    assert SECRET.read("confirm", token) is None
    assert Secret(b"t" * 64).read("visit", token) is None


def test_no_single_change_of_a_token_is_accepted() -> None:
    token = SECRET.sign("visit", "anna", 1)
    for place in range(len(token)):
        for other in "A_.=~ é":
            forged = token[:place] + other + token[place + 1 :]
            assert forged == token or SECRET.read("visit", forged) is None
    for cut in range(len(token)):
        assert SECRET.read("visit", token[:cut]) is None
    assert SECRET.read("visit", token + "=") is None


@given(st.text(max_size=80))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    assert SECRET.read("visit", text) is None


def test_an_unsigned_token_of_the_right_form_is_refused() -> None:
    content = base64.urlsafe_b64encode(b"1:anna").decode().rstrip("=")
    assert SECRET.read("visit", f"{content}.") is None
    assert SECRET.read("visit", f"{content}.{content}") is None


def test_the_secret_stays_the_same_and_is_not_shown(tmp_path: Path) -> None:
    first, second = load_secret(tmp_path, {}), load_secret(tmp_path, {})
    assert first == second
    assert (tmp_path / "secret").read_text().strip() not in repr(first)
    assert "key" not in repr(first)


def _load(folder: Path, found: multiprocessing.Queue[str]) -> None:
    found.put(load_secret(folder, {}).hash("test", "x"))


@pytest.mark.long
def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    found = spawn.Queue()
    processes = [spawn.Process(target=_load, args=(tmp_path, found)) for _ in range(3)]
    for process in processes:
        process.start()
    assert len({found.get(timeout=60) for _ in processes}) == 1
    for process in processes:
        process.join()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".gitignore", "secret"]


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_secret(tmp_path, {})
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        load_secret(tmp_path, {})


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    load_secret(tmp_path, {})
    (tmp_path / "secret").write_text("")
    with pytest.raises(UsageError, match="holds no secret"):
        load_secret(tmp_path, {})


def test_the_environment_goes_before_the_file_and_must_be_long(tmp_path: Path) -> None:
    given = load_secret(tmp_path, {"PANEL_SECRET": "x" * 32})
    assert not (tmp_path / "secret").exists()
    assert given != load_secret(tmp_path, {"PANEL_SECRET": "y" * 32})
    with pytest.raises(UsageError, match="PANEL_SECRET has 5 characters; 32 are the least"):
        load_secret(tmp_path, {"PANEL_SECRET": "short"})


def test_a_secret_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "community"
    folder.write_text("no folder")
    with pytest.raises(
        UsageError, match=r"community/secret cannot be read or made: .*PANEL_SECRET"
    ):
        load_secret(folder, {})
    assert load_secret(folder, {"PANEL_SECRET": "x" * 32}).key


def test_a_secret_that_came_with_the_repository_is_refused(tmp_path: Path) -> None:
    """Whoever has the repository knows it; one that git does not track is the workspace's own."""
    own = community_secret(tmp_path, {})
    repository(tmp_path)
    assert community_secret(tmp_path, {}) == own
    git(tmp_path, "add", "--force", "community/secret")
    with pytest.raises(UsageError, match=r"git tracks .*community/secret"):
        community_secret(tmp_path, {})
    for name in (
        "HEAD",
        "objects/x",
        "refs/x",
    ):  # what git takes for a repository, and looks no further
        (tmp_path / "community" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "community" / name).write_text("ref: refs/heads/main\n")
    with pytest.raises(UsageError, match=r"git tracks .*community/secret"):
        community_secret(tmp_path, {})
    git(tmp_path, "rm", "-q", "--cached", "community/secret")
    assert community_secret(tmp_path, {}) == own


def serve(root: Path) -> object:
    folder = write_site(root / "public")
    serving = Serving(root=root, folder=folder, base_url="https://verdicts.example.org/")
    return create_app(serving, {"PANEL_SECRET": "x" * 32}, print)


@pytest.mark.parametrize(
    "name", ["votes.jsonl", "subscribers.jsonl", "deliveries.jsonl", "quota.jsonl", "outbox/1.eml"]
)
@pytest.mark.parametrize(
    "use",
    [Votes, Quota, Deliveries, lambda root: Subscribers(root, SECRET), serve],
    ids=["votes", "quota", "deliveries", "subscribers", "serve"],
)
def test_files_of_readers_that_came_with_the_repository_are_refused(
    tmp_path: Path, name: str, use: Callable[[Path], object]
) -> None:
    """A branch could bring votes, subscribers and mails that no reader has sent."""
    file = tmp_path / "community" / name
    file.parent.mkdir(parents=True)
    file.write_text("")
    repository(tmp_path)
    with pytest.raises(UsageError, match=f"git tracks .*community/{name}, so all who change"):
        use(tmp_path)
    git(tmp_path, "rm", "-q", "-r", "--cached", "community")
    use(tmp_path)


def test_votes_that_came_with_the_repository_are_neither_shown_nor_published(
    space: Space, panel: Panel
) -> None:
    (space.root / "votes.csv").write_text("tool,ships,skips\nanvil,98765,0\n")
    assert panel("votes", "import", "votes.csv", cwd=space.root).code == 0
    repository(space.root)
    git(space.root, "add", "--force", "community/votes.jsonl")
    for words in (("votes", "show"), ("votes", "import", "votes.csv"), ("publish", "public")):
        done = panel(*words, cwd=space.root)
        assert done.code == 2 and "git tracks" in done.err and "98" not in done.out, words
