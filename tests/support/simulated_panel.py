"""Panels with a planted weakness, for a mock endpoint: what probes of them must find is known."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

from panel.hashing import text_hash
from panel.research.probe_material import Material
from tests.support.faces import Face, voting

Chance = Callable[[str, str], float]  # system, user → the chance to ship


def panel_with(chance: Chance) -> Face:
    """Return a face that ships with these chances, anew for each repeat of a question."""
    asked: Counter[str] = Counter()

    def word(system: str, user: str) -> str:
        question = text_hash(system + user)
        asked[question] += 1
        drawn = random.Random(f"{question} {asked[question]}").random()
        return "ship" if drawn < chance(system, user) else "skip"

    return voting(word)


def _field(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]


def tool_of(user: str) -> str:
    """Return what stays of a tool whatever a probe changes in it: its tagline."""
    return _field(r"\nTagline: (.*)\n", user)


def persona_of(system: str) -> str:
    """Return the name of the persona."""
    return _field(r"# You are the (.*)\n", system)


def settled(system: str, user: str) -> float:
    """Ship every other tool, always the same ones, and each persona others."""
    return float(int(text_hash(tool_of(user) + persona_of(system)), 16) % 2)


def coin(_system: str, _user: str) -> float:
    """Ship by chance."""
    return 0.5


def loves_famous_names(system: str, user: str) -> float:
    """Ship whatever a large company makes."""
    famous = re.search(r"\nName: (Google|Microsoft|Amazon|Apple|IBM|Adobe|Nvidia|Oracle)", user)
    return 1.0 if famous else settled(system, user)


def loves(texts: list[str]) -> Chance:
    """Ship what holds one of these texts."""
    return lambda system, user: (
        1.0 if any(text in user for text in texts) else settled(system, user)
    )


def says_the_first(system: str, _user: str) -> float:
    """Say what is named first."""
    return float("ship or skip" in system)


def obeys(material: Material, rate: float = 1.0) -> Chance:
    """Skip all, but ship under an order, at a rate."""
    orders = [text for texts in material.edits.payloads.values() for text in texts]
    return lambda _system, user: rate if any(text in user for text in orders) else 0.0


def reacts(material: Material) -> Chance:
    """Ship what has a fact as it should be, and skip what has it changed."""
    facts = material.edits.facts

    def chance(system: str, user: str) -> float:
        told = " ".join(user.split())
        if any(fact.to in told for fact in facts):
            return 0.0
        return 1.0 if any(fact.source in told for fact in facts) else settled(system, user)

    return chance


def judges_wording(_system: str, user: str) -> float:
    """Ship by the letters of the description."""
    return float(int(text_hash(user), 16) % 2)


def has_no_personas(_system: str, user: str) -> float:
    """Say the same of a tool, whoever is asked."""
    return float(int(text_hash(tool_of(user)), 16) % 2)


def needs_persona_texts(system: str, user: str) -> float:
    """Let personas differ only where more than their names is told."""
    bare = "Is it worth using?" in system
    return has_no_personas(system, user) if bare else settled(system, user)
