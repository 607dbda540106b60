"""What README.md and docs/ say of the program is so."""

from __future__ import annotations

from tests.support import cli_help


def test_the_page_of_the_command_line_is_what_help_prints() -> None:
    assert cli_help.render() == cli_help.PAGE.read_text(encoding="utf-8"), "run `make docs`"
