"""``panel diff`` and the GitHub job: what differs, gates, Markdown, JUnit. Asks no model."""
