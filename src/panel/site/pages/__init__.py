"""The pages of the site, a module for each kind. Each gives its files, unmade."""
