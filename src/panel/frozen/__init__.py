"""Verdicts kept in git: ``verdicts/*.json``, when they hold, and what writes and checks them."""
