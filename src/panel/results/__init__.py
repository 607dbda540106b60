"""Results: scorecards, an editor's entries and the publication, from store and workspace."""
