"""The files that people write: read, checked and rendered as one workspace."""
