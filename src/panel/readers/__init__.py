"""Readers of the site: their votes and subscriptions, the mail, the digest, the server."""
