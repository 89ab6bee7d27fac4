from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "trl", "pygls", "llama_cpp", "transformers", "lsprotocol")
CORE = (
    *("text", "commands", "state", "transcript", "tasks", "verdict", "policy", "region", "moves"),
    *("loop", "search", "project", "edits"),
)


def test_the_core_is_light() -> None:
    """In a fresh interpreter: what this test session has loaded does not matter."""
    imports = "; ".join(f"import editloop.{name}" for name in CORE)
    code = f"{imports}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
