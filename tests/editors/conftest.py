"""One running editor of each kind for all tests, and a file of its own for each test.

An editor that is not installed is skipped, but fails with EDITLOOP_REQUIRE_EDITORS=1. Debian and
Ubuntu have them all: neovim, emacs-nox and elpa-eglot, vim-nox and vim-ale. EDITLOOP_NVIM names
another Neovim.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .sessions import SESSIONS, Session, missing

REQUIRED = "EDITLOOP_REQUIRE_EDITORS"


@pytest.fixture(scope="module")
def editor(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The editor that the parameter names, with the configuration of docs/editors.md."""
    lacking = missing(request.param)
    if lacking:
        reason = f"{request.param}: not installed: {', '.join(lacking)}"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    home = Path(tempfile.mkdtemp(prefix="editloop-"))  # a short path, for sockets
    session = SESSIONS[request.param](home)
    try:
        session.connect()
        yield session
    finally:
        session.close()
        shutil.rmtree(home, ignore_errors=True)
