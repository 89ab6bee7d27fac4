"""The soak of the language server, a short one; benchmarks/soak.py says what has to hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_fixes_cancelled_at_random_moments() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "soak.py", "--fixes", "15"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cancelled" in done.stdout
