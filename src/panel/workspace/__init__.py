"""The files that people write: tools, personas, prompts, panel.toml; and their git history."""
