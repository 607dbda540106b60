"""Serves a published site and takes votes and subscriptions over HTTP."""
