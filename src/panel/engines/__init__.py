"""The ways to ask a plan of cells: each journals every attempt."""
