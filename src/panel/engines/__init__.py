"""Engines: the ways to ask a plan of cells and journal every attempt."""
