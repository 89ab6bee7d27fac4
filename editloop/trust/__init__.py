"""How far a fix can be trusted, after it was found: what its evidence is worth, on which inputs it
differs from other fixes that satisfy the same evidence, and what else it changes.

Finds no fixes and changes none; whatever it runs, runs in the sandbox.
"""
