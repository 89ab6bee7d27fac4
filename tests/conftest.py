"""Options shared by all tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("editloop", deadline=None)  # a busy machine is no failure
settings.load_profile("editloop")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", metavar="FILE", help="merge which feature works in which editor into FILE"
    )


def pytest_configure(config: pytest.Config) -> None:
    data = tempfile.TemporaryDirectory(prefix="editloop-tests-")
    config.add_cleanup(data.cleanup)
    os.environ["XDG_DATA_HOME"] = data.name  # else models that a person has would take part
    config.addinivalue_line(
        "markers", "conformance(feature, editor): shows that a feature works in an editor"
    )
    path = config.getoption("--conformance")
    if path:
        from conformance import Recorder

        config.pluginmanager.register(Recorder(Path(path)), "conformance")
