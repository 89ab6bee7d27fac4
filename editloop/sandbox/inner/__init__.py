"""Code that runs inside the sandbox.

It is sent over as source text and imports only the standard library.
"""
