"""Mails: settings, messages, delivery by SMTP, and an outbox for what cannot go out yet."""
