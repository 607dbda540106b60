"""The Dockerfile and the example for Docker Compose, as far as they can be held without Docker.

The rules are the ones of hadolint that matter here, written out: its licence is the GPL.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import cli_help
from tests.support.distributions import tracked
from tests.support.readers_server import serving
from tests.support.space import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = cli_help.commands()


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the name of each instruction of a Dockerfile, and the rest of it on one line."""
    code = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    parts = [line.split(maxsplit=1) for line in code.splitlines() if line.strip()]
    return [(name.upper(), " ".join(rest.split())) for name, rest in parts]


TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STEPS = instructions(TEXT)
LAST = STEPS[max(place for place, (name, _) in enumerate(STEPS) if name == "FROM") :]
ARGS = dict(rest.split("=", 1) for name, rest in STEPS if name == "ARG")
HEALTH = json.loads(dict(LAST)["HEALTHCHECK"].partition(" CMD ")[2])


def default_port(*command: str) -> int:
    """Return the port that a command listens on unless told otherwise."""
    [port] = [each.default for each in COMMANDS[command].params if each.name == "port"]
    return int(port)


# --- the Dockerfile ---------------------------------------------------------------------------


def test_every_base_has_a_tag_and_a_python_that_the_program_is_tested_with() -> None:
    bases = {rest.split()[0] for name, rest in STEPS if name == "FROM"}
    assert bases == {"${BASE}"}
    found = re.fullmatch(r"python:(3\.\d+)-slim-[a-z]+", ARGS["BASE"])
    assert found and f"Programming Language :: Python :: {found[1]}" in PROJECT["classifiers"]


def test_the_image_runs_as_a_user_with_a_number_that_is_not_root() -> None:
    """By number, so that Kubernetes can see that it is not root's."""
    names = [name for name, _ in LAST]
    after = LAST[names.index("USER") + 1 :]
    assert int(dict(LAST)["USER"]) > 0
    assert not {"USER", "RUN", "COPY", "ADD"} & {name for name, _ in after}


def test_nothing_that_builds_is_in_the_image() -> None:
    assert not re.search(r"\b(apt-get|pip|git|gcc|make)\b", " ".join(rest for _, rest in LAST))
    assert [rest for name, rest in LAST if name == "COPY"] == ["--from=build /opt/panel /opt/panel"]
    assert "ADD" not in {name for name, _ in STEPS}


def test_packages_of_the_system_come_alone_and_leave_no_lists() -> None:
    installs = [rest for name, rest in STEPS if name == "RUN" and "apt-get install" in rest]
    assert installs
    for each in installs:
        assert "--no-install-recommends" in each and "--yes" in each
        assert each.endswith("&& rm -rf /var/lib/apt/lists/*") and "apt-get update &&" in each


def test_the_extras_are_of_the_program_and_the_versions_are_those_of_the_tests() -> None:
    assert set(ARGS["EXTRAS"].split(",")) <= set(PROJECT["optional-dependencies"])
    [install] = [rest for name, rest in STEPS if "install --constraint" in rest]
    assert "--constraint /source/constraints.txt" in install and "--no-cache-dir" in install


@pytest.mark.parametrize(
    ("extras", "wanted"), [("desk,site", "/source[desk,site]"), ("", "/source")]
)
def test_the_image_can_be_had_without_extras(extras: str, wanted: str) -> None:
    word = TEXT.partition('"/source$')[2].partition('"')[0]
    said = subprocess.run(
        ["sh", "-c", f'EXTRAS={extras}; echo "/source${word}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == wanted


def test_no_secret_is_asked_for_or_kept() -> None:
    kept = " ".join(rest for name, rest in STEPS if name in ("ARG", "ENV"))
    assert not re.search(r"key|token|secret|password", kept, re.IGNORECASE)


def test_the_program_is_the_first_process_and_its_command_is_one_that_it_has() -> None:
    """In exec form: a shell in between would not pass SIGTERM on."""
    last = dict(LAST)
    assert json.loads(last["ENTRYPOINT"]) == ["panel"] and "panel" in PROJECT["scripts"]
    command, *rest = json.loads(last["CMD"])
    known = cli_help.options(COMMANDS[command,])
    assert command == "serve" and {each for each in rest if each[0] == "-"} <= set(known)
    assert rest[rest.index("--host") + 1] == "0.0.0.0"  # loopback would be the container's own


def test_the_workspace_is_a_volume_and_the_work_begins_in_it() -> None:
    last = dict(LAST)
    assert last["WORKDIR"] in json.loads(last["VOLUME"])
    cache = re.search(r"PANEL_CACHE=(\S+)", last["ENV"])
    assert cache and cache[1] in json.loads(last["VOLUME"])
    made = " ".join(rest for name, rest in LAST if name == "RUN")
    assert f"install --directory --mode 1777 {last['WORKDIR']} {cache[1]}" in made


def test_the_ports_are_those_of_the_desk_and_of_the_site() -> None:
    ports = [int(port) for port in dict(LAST)["EXPOSE"].split()]
    assert ports == [default_port("desk"), default_port("serve")]


@pytest.mark.process
def test_the_check_of_health_holds_while_the_site_is_served_and_no_longer(tmp_path: Path) -> None:
    assert HEALTH[0] == "python" and f"'127.0.0.1', {default_port('serve')}," in HEALTH[-1]
    assert HEALTH[1] == "-I", "no module of the workspace, which is the current folder"
    with serving(tmp_path) as site:
        words = [each.replace(str(default_port("serve")), str(site.port)) for each in HEALTH[1:]]
        check = [sys.executable, *words]
        assert subprocess.run(check, check=False).returncode == 0
        (site.folder / "index.html").unlink()
        assert subprocess.run(check, check=False).returncode == 1
    assert subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode == 1


@pytest.mark.process
def test_what_docker_leaves_out_is_nothing_that_git_has(tmp_path: Path) -> None:
    """Git would see files that are missing, and the version would say that they are changed."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    def left_out(name: str) -> bool:
        parents = ["/".join(name.split("/")[:many]) for many in range(1, name.count("/") + 2)]
        out = False
        for rule in rules:
            pattern = rule.removeprefix("!").rstrip("/")
            anywhere = pattern.removeprefix("**/")
            hit = any(
                fnmatch(each, pattern) or (anywhere != pattern and fnmatch(each, anywhere))
                for each in parents
            )
            out = not rule.startswith("!") if hit else out
        return out

    assert not [name for name in tracked() if left_out(name)]
    strangers = (".venv/bin/panel", ".env.local", "runs/panel.duckdb", "community/secret")
    assert all(map(left_out, (*strangers, "src/panel/__pycache__/text.pyc")))


def test_every_command_that_a_page_gives_to_docker_is_one_of_the_program() -> None:
    text = (ROOT / "docs/install.md").read_text(encoding="utf-8").replace("\\\n", " ")
    calls = re.findall(r"(?:-e \w+ |workspace\" |-v \S+ |--no-deps )(?:reviewer-)?panel (.+)", text)
    assert len(calls) == text.count("docker run --rm") + text.count("docker compose run") == 5
    for call in calls:
        command, *rest = call.split()
        known = cli_help.options(COMMANDS[command,])
        assert {each for each in rest if each.startswith("-")} <= set(known), call


# --- the example for Docker Compose -----------------------------------------------------------

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docs/compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OWN = ("panel", "site")


def test_every_service_waits_for_one_that_says_when_it_is_ready() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            ready = how["condition"]
            assert ready in ("service_healthy", "service_completed_successfully")
            assert ready != "service_healthy" or SERVICES[name]["healthcheck"]["test"]
            assert ready == "service_healthy" or "restart" not in SERVICES[name]


def test_every_image_of_others_has_one_tag() -> None:
    images = {service["image"] for service in SERVICES.values()}
    own = {SERVICES[name]["image"] for name in OWN}
    [others] = images - own
    assert own == {"reviewer-panel"} and re.fullmatch(r"ollama/ollama:\d+\.\d+\.\d+", others)
    assert f"docker build --tag {own.pop()} ." in (ROOT / "docs/compose.yaml").read_text()


def test_the_program_finds_ollama_by_the_name_of_its_service() -> None:
    for name in ("panel", "model"):
        found = re.fullmatch(r"http://(\w+):11434", SERVICES[name]["environment"]["OLLAMA_HOST"])
        assert found and found[1] in SERVICES and "ollama" in SERVICES[found[1]]["image"]


def test_every_volume_is_there_and_mounted_where_the_image_has_one() -> None:
    mounted = [each.split(":") for name in OWN for each in SERVICES[name]["volumes"]]
    assert {there for _, there in mounted} == set(json.loads(dict(LAST)["VOLUME"]))
    named = [each.split(":")[0] for one in SERVICES.values() for each in one.get("volumes", ())]
    assert {each for each in named if each != "."} == set(COMPOSE["volumes"])


def test_the_panel_asks_and_the_site_is_served_on_this_machine_alone() -> None:
    assert tuple(SERVICES["panel"]["command"]) in COMMANDS
    assert SERVICES["panel"]["healthcheck"] == {"disable": True}
    assert "command" not in SERVICES["site"]  # what the image does by itself
    port = default_port("serve")
    assert SERVICES["site"]["ports"] == [f"127.0.0.1:{port}:{port}"]
