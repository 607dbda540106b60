"""The command line: each command parses its words, calls a room, prints what it returns."""
