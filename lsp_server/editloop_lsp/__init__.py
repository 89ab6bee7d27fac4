"""The language server: pygls at the front, worker processes of our own for all that takes time.

The server process loads no model and runs no check, so that the editor never waits.
"""
