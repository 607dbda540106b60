"""requirements.txt, of which the action installs: pinned, hashed, in the versions of the tests."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.space import ROOT

TEXT = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def hashed() -> dict[Requirement, list[str]]:
    """Return each requirement with its hashes."""
    lines = [line for line in TEXT.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    parts = [line.partition(" --hash=") for line in lines]
    return {Requirement(line): (sign + rest).split() for line, sign, rest in parts}


def constrained() -> dict[str, str]:
    """Return the versions of constraints.txt by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_requirement_is_pinned_and_has_hashes() -> None:
    for each, hashes in hashed().items():
        assert re.fullmatch(r"==[\w.]+", str(each.specifier)), each
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes)


def test_the_versions_are_those_of_the_tests() -> None:
    """A library that only another system needs is not among those of the tests."""
    for each in hashed():
        if each.marker is None or each.marker.evaluate():
            assert str(each.specifier) == f"=={constrained()[canonicalize_name(each.name)]}", each


def test_every_library_of_the_program_and_what_builds_it_is_there() -> None:
    """'make hashes' writes the file anew."""
    there = {canonicalize_name(each.name): each.specifier for each in hashed()}
    builds = {*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["build"]}
    for line in (*PROJECT["project"]["dependencies"], *builds):
        wanted = Requirement(line)
        [version] = there[canonicalize_name(wanted.name)]
        assert version.version in wanted.specifier


def test_no_address_of_a_registry_is_in_it() -> None:
    assert "//" not in TEXT and "index" not in TEXT and "find-links" not in TEXT
