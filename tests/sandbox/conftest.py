"""One pool for each level that this machine has, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from editloop.sandbox import Level, SandboxError, SandboxPool
from editloop.sandbox.detect import candidates


@pytest.fixture(scope="session", params=[Level.A, Level.B], ids=["A", "B"])
def pool(request: pytest.FixtureRequest) -> Iterator[SandboxPool]:
    """A working pool; skipped, with the reason, where the level cannot be had."""
    import sys

    level: Level = request.param
    if level not in candidates(sys.platform):
        pytest.skip(f"level {level.name} does not exist on {sys.platform}")
    pool = SandboxPool(2, level)
    try:
        from editloop.sandbox.detect import failures

        wrong = failures(pool)
    except (SandboxError, OSError) as error:
        pool.close()
        pytest.skip(f"level {level.name} cannot be used here: {error}")
    assert not wrong
    yield pool
    pool.close()
