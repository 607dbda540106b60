"""The store: DuckDB, filled from journals and never the only copy of anything."""
