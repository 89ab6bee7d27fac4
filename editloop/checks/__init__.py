"""Evidence, and the verdict on a candidate: ruff, type checkers, examples, suites, commands."""
