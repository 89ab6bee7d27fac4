"""How far a fix can be trusted, after it was found: what its evidence is worth, on which inputs it
differs from other fixes that satisfy the same evidence, and what else it changes.

Finds no fixes and changes none; whatever it runs, runs in the sandbox.
"""

WEIGHING_SECONDS = 1.0
"""Seconds for comparing fixes once the first is known; chosen: a person hardly notices."""
MOST_FIXES = 8
"""Fixes that are compared, the best of those that were found; chosen."""
