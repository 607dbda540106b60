"""The vendor's Markdown at the desk, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import NewPage, violations
from tests.support.desk_session import desk_open, seed_asked
from tests.support.seed_takes import CODESTRAL
from tests.support.templates import Templates

WRITTEN = """Codestral 2.0 does *fill-in-the-middle* for code.

# Plans

| Plan | Price | Includes | Region | Support | Hours |
|---|---|---|---|---|---|
| Free | $0 | **Function calling is native** to the model | Europe | forum | none |

### Install

```
pip install codestral && codestral serve --host 0.0.0.0 --port 8080 --context 128000 --quantize int8
```

- [Docs](https://docs.example/)
- ![A picture](https://e.example/p.png) <script>alert(1)</script>
"""


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_a_description_is_rendered_with_its_quotes_marked(
    new_page: NewPage, templates: Templates, tmp_path: Path, scheme: str, width: int
) -> None:
    """Tables and code scroll on a phone, a quote is marked across bold words, axe finds nothing."""
    space = templates.copy(seed_asked, tmp_path / "space")
    file = space.root / "tools" / f"{CODESTRAL}.md"
    head = file.read_text("utf-8").split("\n---\n")[0]
    file.write_text(f"{head}\n---\n{WRITTEN}", "utf-8")
    with desk_open(space.root) as session:
        page: Any = new_page(scheme=scheme, width=width)
        page.goto(f"{session.base}/take/{CODESTRAL}/builder")
        marks = page.locator(".source mark").all_inner_texts()
        assert "fill-in-the-middle" in marks
        assert "Function calling is native to the model" in "".join(marks)
        assert page.locator(".source table").count() == 1
        assert page.locator(".source img, .source script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert violations(page) == []
        page.screenshot(path=tmp_path / "desk.png", full_page=True)
