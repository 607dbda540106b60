"""Pictures that are named and cannot be shown are told by file and field, and stop nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.media_files import png, put
from tests.support.space import Panel, Space, edit

pytest.importorskip("PIL", reason="Pillow is not installed")


def with_pictures(space: Space) -> None:
    """Name a picture in each place that can have one; of four only one is good."""
    edit(space.root / "tools" / "anvil.md", "pricing:", "logo: gone.png\nimage: good.png\npricing:")
    persona = space.root / "personas" / "builder.md"
    edit(persona, "order: 1", "order: 1\nportrait: broken.jpg")
    settings = space.root / "panel.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[site]\nlogo = "broken.jpg"\n', "utf-8")
    put(space.root, "good.png", png())
    put(space.root, "broken.jpg", b"\xff\xd8\xff nothing")


def test_check_names_file_line_and_field_of_each_picture(space: Space, panel: Panel) -> None:
    """One line for each place where a picture is named that cannot be shown."""
    with_pictures(space)
    said = panel("check", "--json", cwd=space.root)
    assert said.code == 2
    told = {
        (Path(each["file"]).name, each["field"]): (each["line"], each["message"])
        for each in json.loads(said.out)["problems"]
    }
    assert set(told) == {
        ("anvil.md", "logo"),
        ("builder.md", "portrait"),
        ("panel.toml", "site.logo"),
    }
    assert told["anvil.md", "logo"] == (5, "there is no file media/gone.png")
    assert "media/broken.jpg is broken" in told["builder.md", "portrait"][1]
    assert told["builder.md", "portrait"][0] and told["panel.toml", "site.logo"][0]


def test_a_site_is_published_without_a_picture_that_is_broken(
    asked: Space, panel: Panel, tmp_path: Path
) -> None:
    """The others are on it, and it is said which is left out."""
    with_pictures(asked)
    said = panel("publish", str(tmp_path / "site"), "--drafts", cwd=asked.root)
    assert said.code == 0, said.err
    assert "A picture was left out" in said.err and "gone.png" in said.err
    page = (tmp_path / "site" / "tools" / "anvil.html").read_text("utf-8")
    assert "media-lead" in page and "media-logo" not in page
    assert len(list((tmp_path / "site" / "media").iterdir())) == 1
