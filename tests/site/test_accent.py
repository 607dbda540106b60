"""A site's accent colour can be read in light and dark, whatever was chosen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.site.accent import ENOUGH, GROUNDS, contrast, readable
from panel.site.assets import STYLE, colours, load_assets

GROUND = [[palette[name] for name in GROUNDS] for palette in colours()]


@settings(max_examples=100)
@given(st.integers(0, 0xFFFFFF).map("#{:06x}".format), st.sampled_from(GROUND))
def test_every_colour_becomes_one_that_can_be_read(colour: str, grounds: list[str]) -> None:
    """One that can be read stays as it is."""
    made = readable(colour, grounds)
    assert all(contrast(made, ground) >= ENOUGH for ground in grounds)
    if all(contrast(colour, ground) >= ENOUGH for ground in grounds):
        assert made == colour


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#123456", "#123456", 1.0)],
)
def test_contrast_is_that_of_the_guidelines(one: str, other: str, value: float) -> None:
    assert contrast(one, other) == pytest.approx(value, abs=0.01)


def test_the_stylesheet_has_the_accent_for_light_and_dark() -> None:
    plain, own = load_assets(), load_assets(accent="#ffcc00")
    style = own.files[STYLE][1].decode()
    assert style.startswith(plain.files[STYLE][1].decode().rstrip("\n"))
    assert own.path(STYLE) != plain.path(STYLE)
    assert "--accent: #ffcc00" in style.split("@media")[-1]
