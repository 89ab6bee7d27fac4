"""The server process stays light: what takes time or may crash is loaded by its workers alone."""

from __future__ import annotations

import subprocess
import sys

from .editor import ROOT, server_env

HEAVY = {
    "llama_cpp",
    "numpy",
    "torch",
    "tree_sitter",
    "gguf",
    "editloop_trainer",
    "editloop_export",
}


def test_the_server_process_loads_no_model_code() -> None:
    code = "import sys, editloop_lsp.server; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=server_env(),
        cwd=ROOT,
    )
    assert HEAVY.isdisjoint(done.stdout.split())
