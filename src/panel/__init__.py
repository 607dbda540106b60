"""panel: a reviewer panel of personas over any OpenAI-compatible endpoint.

Importing this package is cheap on purpose: neither openai nor duckdb nor the
network is touched until a room that needs them is imported (see
docs/architecture.md for the floors and who may import whom).
"""

__version__ = "0.1.0"
