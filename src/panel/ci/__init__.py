"""The wing for continuous integration: freeze, diff, gates. Opens no socket to a model."""
