"""Runs untrusted Python: it can return answers but never a verdict, and can touch nothing."""

from editloop.sandbox.detect import detect_level, open_pool
from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.job import Answers, Job
from editloop.sandbox.level import Level, LevelReport
from editloop.sandbox.pool import SandboxPool

__all__ = [
    "Answers",
    "Job",
    "Level",
    "LevelReport",
    "SandboxError",
    "SandboxPool",
    "SandboxUnavailable",
    "detect_level",
    "open_pool",
]
