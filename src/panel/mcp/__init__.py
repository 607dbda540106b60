"""``panel mcp``: the panel for MCP clients, to look and, where it is allowed, to draft edits."""
