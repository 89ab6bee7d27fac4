from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "trl", "pygls", "llama_cpp", "transformers", "lsprotocol")
CORE = (
    *("budget", "policy", "tasks", "moves", "prior", "document.transcript", "python.definitions"),
    *("checks.verify", "checks.project", "repair.region", "repair.search", "report.values"),
)


def test_the_core_is_light() -> None:
    """In a fresh interpreter: what this test session has loaded does not matter."""
    imports = "; ".join(f"import editloop.{name}" for name in CORE)
    code = f"{imports}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
