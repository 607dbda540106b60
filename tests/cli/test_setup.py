"""``panel setup``: finds what can be asked, tries it, writes the lines it shows and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from panel.workspace.catalogue import RECOMMENDED, pinned
from panel.workspace.presets import EMBEDDED_MODEL
from tests.support.local_servers import Ollama
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.space import Panel, Result, Space
from tests.support.threads import wait_until

TEXT = "# mine\n[panel]   # the panel\nlanguage = 'en'\n\n[site]\ntitle = 'Ours'   # kept\n"
KEY = "sk-Very5ecretValue"
Dialogue = Callable[..., Result]


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ollama]:
    """Start an Ollama with one model, where OLLAMA_HOST says."""
    with Ollama() as server:
        monkeypatch.delenv("CI")
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def bare(space: Space) -> Space:
    """Make a workspace whose panel.toml names no endpoint."""
    space.settings(TEXT)
    return space


@pytest.fixture
def dialogue(panel: Panel, bare: Space, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialogue]:
    """Run 'panel setup' at a terminal into which these lines are typed."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)

        def typed(*lines: str, words: tuple[str, ...] = ()) -> Result:
            os.write(ours, "".join(f"{line}\n" for line in lines).encode())
            return panel("setup", *words, cwd=bare.root)

        yield typed
    os.close(ours)


def settings(space: Space) -> str:
    return (space.root / "panel.toml").read_text()


def test_a_dialogue_finds_tries_and_writes(
    dialogue: Dialogue, bare: Space, panel: Panel, ollama: Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "nothing"))
    done = dialogue("9", "?", "1", "perhaps", "y")
    assert done.code == 0
    assert "Error" not in done.err
    for said in (
        f"1  mistral-small, of Ollama 0.12.9 at {ollama.base_url}",
        "2  mistral, by the key in MISTRAL_API_KEY",
        "3  another address",
        "Type a number from 1 to 3",
        "Type y for yes or n for no.",
        '    [endpoints.ollama]\n    model = "mistral-small"\n',
    ):
        assert said in done.err
    assert KEY not in done.err + done.out
    assert done.out.strip().startswith(("SHIP: ", "SKIP: "))
    assert settings(bare) == TEXT + '\n[endpoints.ollama]\nmodel = "mistral-small"\n'
    assert ollama.asked == 1
    assert "7 cells asked" in panel("run", cwd=bare.root).out, "the question that was tried is kept"


@pytest.mark.parametrize("lines", [("1", "n"), ("1", "\x04"), ("\x04",)])
def test_a_dialogue_that_is_broken_off_writes_nothing(
    dialogue: Dialogue, bare: Space, ollama: Ollama, lines: tuple[str, ...]
) -> None:
    assert dialogue(*lines).code == (0 if "n" in lines else 130)
    assert settings(bare) == TEXT


@pytest.mark.slow
def test_ctrl_c_writes_nothing(bare: Space, ollama: Ollama) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "panel", "setup"]
    with subprocess.Popen(
        command, cwd=bare.root, stdin=theirs, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert any("can be asked" in line for line in running.stderr)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(30) == 130
    assert said.endswith("panel: interrupted; panel.toml is as it was.\n") and "kept" not in said
    os.close(ours)
    os.close(theirs)
    assert settings(bare) == TEXT


def test_ctrl_c_while_the_question_is_asked_is_told_once(bare: Space, ollama: Ollama) -> None:
    """What becomes of panel.toml is all that setup says; a run's words are not set beside it."""
    ollama.delay = 30.0
    command = [sys.executable, "-m", "panel", "setup", "--yes"]
    with subprocess.Popen(command, cwd=bare.root, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert any("Asking" in line for line in running.stderr)
        wait_until(lambda: ollama.connections > 0 and ollama.asked > 0)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(30) == 130
    assert said.endswith("panel: interrupted; panel.toml is as it was.\n")
    assert "Interrupted." not in said and settings(bare) == TEXT


def test_without_a_terminal_the_command_to_type_is_said(
    bare: Space, panel: Panel, ollama: Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        for words, said in (
            ((), "panel setup --yes --endpoint NAME --model MODEL"),
            (("--model", "a b"), "panel setup --yes --model 'a b'"),
        ):
            done = panel("setup", *words, cwd=bare.root)
            assert done.code == 2 and said in done.err
    assert not ollama.connections


def test_a_script_takes_the_only_model_and_may_do_so_twice(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    for said in ("Written. Next: panel run", "panel.toml says so already."):
        done = panel("setup", "--yes", cwd=bare.root)
        assert done.code == 0 and said in done.err
    assert settings(bare) == TEXT + '\n[endpoints.ollama]\nmodel = "mistral-small"\n'
    assert ollama.asked == 1


def test_a_script_has_to_choose_between_several(bare: Space, panel: Panel, ollama: Ollama) -> None:
    ollama.models = {"a": ("completion",), "b": ("completion",)}
    done = panel("setup", "--yes", cwd=bare.root)
    assert done.code == 2 and settings(bare) == TEXT
    assert "panel setup --yes --endpoint ollama --model b" in done.err
    assert panel("setup", "--yes", "--endpoint", "ollama", "--model", "b", cwd=bare.root).code == 0
    assert settings(bare).endswith('[endpoints.ollama]\nmodel = "b"\n')


def test_a_server_of_ones_own_is_named_by_options(
    bare: Space, panel: Panel, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", KEY)
    words = ("--endpoint", "lab", "--base-url", mock.base_url, "--model", "m")
    done = panel("setup", "--yes", *words, "--api-key-env", "LAB_KEY", cwd=bare.root)
    assert done.code == 0, done.err
    assert settings(bare) == TEXT + (
        f'\n[endpoints.lab]\nbase_url = "{mock.base_url}"\nmodel = "m"\napi_key_env = "LAB_KEY"\n'
    )
    assert {
        each["headers"]["authorization"] for each in mock.requests if "chat" in each["path"]
    } == {f"Bearer {KEY}"}
    assert KEY not in done.err + done.out
    assert panel("run", "--tool", "anvil", cwd=bare.root).code == 0


def test_a_server_without_a_name_is_called_local(
    bare: Space, panel: Panel, mock: MockEndpoint
) -> None:
    words = ("--base-url", mock.base_url + "/", "--model", "m")
    assert panel("setup", "--yes", *words, cwd=bare.root).code == 0
    assert "[endpoints.local]" in settings(bare)
    done = panel("setup", "--yes", "--base-url", "not a place", "--model", "m", cwd=bare.root)
    assert done.code == 2 and "--base-url is not a web address" in done.err


def test_a_setting_that_is_replaced_is_told_of_first(
    dialogue: Dialogue, bare: Space, ollama: Ollama
) -> None:
    before = '[panel]\nendpoint = "embedded"   # so far\n[endpoints.ollama]\nmodel = "a"\n'
    bare.settings(before)
    done = dialogue("1", "")
    assert 'line 2: endpoint = "embedded" becomes endpoint = "ollama"' in done.err
    assert 'line 4: model = "a" becomes model = "mistral-small"' in done.err
    assert settings(bare) == before, "unless told to"
    dialogue("1", "y")
    assert settings(bare) == before.replace("embedded", "ollama").replace('"a"', '"mistral-small"')


def test_a_second_endpoint_is_meant_from_now_on(bare: Space, panel: Panel, ollama: Ollama) -> None:
    bare.settings('[endpoints.lab]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    assert panel("setup", "--yes", "--endpoint", "ollama", cwd=bare.root).code == 0
    assert '[panel]\nendpoint = "ollama"\n' in settings(bare)
    assert "ollama/mistral-small" in panel("plan", cwd=bare.root).out


@pytest.mark.slow
def test_a_model_that_gives_no_answer_is_not_written_unless_wanted(
    dialogue: Dialogue, bare: Space, panel: Panel, ollama: Ollama
) -> None:
    ollama.face = lambda _index, _body: Answer(404, {"error": {"message": "model not found"}})
    script = panel("setup", "--yes", cwd=bare.root)
    assert script.code == 3 and "No verdict came back" in script.err
    assert dialogue("1", "n").code == 3
    assert settings(bare) == TEXT
    assert dialogue("1", "y", "y").code == 0
    assert settings(bare) != TEXT


def test_a_service_whose_key_is_there_lists_its_models(
    dialogue: Dialogue, bare: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "nothing"))
    lines = f"[endpoints.mistral]\nbase_url = '{mock.base_url}'\n"
    bare.settings(lines)
    done = dialogue("1", "", "y")
    assert done.code == 0 and "It lists mock-1." in done.err
    assert settings(bare) == lines.replace("]\n", ']\nmodel = "mock-1"\n', 1)
    unnamed = dialogue(words=("--yes", "--endpoint", "openai"))
    assert unnamed.code == 2 and "Add --model NAME" in unnamed.err


def test_an_endpoint_that_is_none_is_refused_with_the_nearest(
    bare: Space, panel: Panel, ollama: Ollama
) -> None:
    done = panel("setup", "--yes", "--endpoint", "olama", "--model", "m", cwd=bare.root)
    assert done.code == 2 and "Did you mean 'ollama'?" in done.err
    assert settings(bare) == TEXT


def test_where_nothing_is_found_an_address_is_asked_for(
    dialogue: Dialogue, bare: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base URL and the variable of a key are asked for; a key that is typed is not shown.

    Where nothing listens the address is asked for again; its scheme may be left out.
    """
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "nothing"))
    monkeypatch.setenv("LAB_KEY", KEY)
    address = mock.base_url.removeprefix("http://")
    typed = ("another address", "nowhere", "127.0.0.1:9", f"{address}/", KEY, "LAB_KEY", "?")
    typed += ("mock-1", "y")
    done = dialogue(*typed)
    assert done.code == 0, done.err
    assert "no model to ask was found" in done.err or "no server is looked for" in done.err
    assert "The base URL is not a web address" in done.err
    assert "Nothing listens at http://127.0.0.1:9." in done.err
    assert "Type a name, not the key" in done.err and KEY not in done.err + done.out
    assert settings(bare) == TEXT + (
        f'\n[endpoints.local]\nbase_url = "{mock.base_url}"\nmodel = "mock-1"\n'
        'api_key_env = "LAB_KEY"\n'
    )


def test_enter_never_chooses_the_demo_and_a_model_that_judges_is_offered(
    dialogue: Dialogue, bare: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recommended model stands first; nothing is written where it cannot be fetched."""
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(bare.root / "hub"))
    monkeypatch.setattr("panel.cli.choices.can_serve", lambda: True)
    demo = pinned(EMBEDDED_MODEL)
    assert demo is not None
    demo.path.parent.mkdir(parents=True)
    demo.path.touch()
    done = dialogue("", "\x04")
    assert done.code == 130 and done.out.strip() == ""
    first, second = f"  1  {RECOMMENDED}, fetched first", f"  2  {EMBEDDED_MODEL}, served by panel"
    assert first in done.err and second in done.err and "[1]" not in done.err
    assert done.err.count("? says what it is about") == 1
    done = dialogue("1")
    assert done.code == 3 and f"{RECOMMENDED} could not be fetched" in done.err
    assert settings(bare) == TEXT


def test_a_name_that_is_listed_is_taken_and_each_question_explains_itself(
    dialogue: Dialogue, bare: Space, ollama: Ollama
) -> None:
    done = dialogue("?", "mistral-small", "?", "y")
    assert done.code == 0, done.err
    for said in ("Type its number or name", "y puts the lines shown above into panel.toml"):
        assert said in done.err
    assert "Type a number" not in done.err
    assert settings(bare) == TEXT + '\n[endpoints.ollama]\nmodel = "mistral-small"\n'


def test_an_address_without_its_v1_is_completed(
    dialogue: Dialogue, bare: Space, panel: Panel, ollama: Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers there, which is said; an address that answers nowhere stays as it is."""
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "nothing"))
    root = ollama.base_url.removesuffix("/v1")
    done = dialogue("another address", "?", root, "?", "", "", "y")
    assert done.code == 0, done.err
    assert f"The server answers at {ollama.base_url}" in done.err
    assert "it usually ends in /v1" in done.err and "not the key itself" in done.err
    assert f'base_url = "{ollama.base_url}"' in settings(bare)
    bare.settings(TEXT)
    words = ("--yes", "--base-url", "http://127.0.0.1:9", "--model", "m")
    assert "--base-url http://127.0.0.1:9 " in panel("setup", *words, cwd=bare.root).err


def test_a_service_that_cannot_be_reached_leaves_an_example(
    dialogue: Dialogue, bare: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key and no network, it says what to type, and the command that tries it again."""
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("PANEL_CACHE", str(bare.root / "nothing"))
    lines = "[endpoints.mistral]\nbase_url = 'http://127.0.0.1:9/v1'\n"
    bare.settings(lines)
    done = dialogue("1", "mistral-small-latest", "n")
    assert done.code == 3 and "nothing listens at 127.0.0.1:9" in done.err
    assert "such as mistral-small-latest" in done.err
    assert "panel setup --yes --endpoint mistral --model mistral-small-latest" in done.err
    assert settings(bare) == lines
