"""The checks: static analysis, and the tests that run in the sandbox."""
