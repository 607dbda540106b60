"""The pages of the site, a module for each kind, which yields its files to be made."""
