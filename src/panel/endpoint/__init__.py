"""Endpoints: asking one question of one model, whatever serves it."""
