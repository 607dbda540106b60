"""The site with its readers: votes and subscriptions over HTTP."""
