"""The server of a published site: its pages, readers' votes and subscriptions."""
