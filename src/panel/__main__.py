"""``python -m panel``."""

from panel.cli.main import main

main()
