"""Errors of the sandbox.

SandboxError            the sandbox itself failed
  SandboxUnavailable    no level of isolation works here, or it was refused
"""

from __future__ import annotations


class SandboxError(RuntimeError):
    """The sandbox failed; says nothing about the candidate."""


class SandboxUnavailable(SandboxError):
    """Untrusted code cannot be run here."""
