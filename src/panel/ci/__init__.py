"""``panel diff`` and the GitHub job: what differs, gates, Markdown, JUnit, SARIF. Asks no model."""
