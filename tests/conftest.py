"""Options shared by all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("editloop", deadline=None)  # a busy machine is no failure
settings.load_profile("editloop")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files instead of comparing them"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
