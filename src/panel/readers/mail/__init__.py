"""Mail: settings, messages, delivery by SMTP, and an outbox for mails that must wait."""
