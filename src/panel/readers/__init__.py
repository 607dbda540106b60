"""Readers of a published site: their votes and subscriptions, the mail, and the server."""
