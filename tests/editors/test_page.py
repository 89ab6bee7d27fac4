"""docs/editors.md says what the tests saw."""

from __future__ import annotations

import subprocess
import sys

from .sessions import ROOT


def test_the_table_agrees_with_the_results() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "conformance", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
