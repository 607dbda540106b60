"""One invocation: what it selects, asks and reads again."""
