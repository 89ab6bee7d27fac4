"""Runs pytest in a process that is already confined; the project's interpreter, 3.8 or later."""

from __future__ import annotations

import os
import sys
from typing import Any

from editloop.sandbox.inner.recorder import Recorder


def main(config: dict[str, Any]) -> None:
    """Run the suite once; the last line holds pytest's exit code."""
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for name in [name for name in sys.modules if name.split(".")[0] == "editloop"]:
        del sys.modules[name]  # a project may itself be called that
    os.chdir(config["root"])
    sys.path[:0] = [config["root"], *config["path"]]
    make_way(config["module"])
    recorder = Recorder(out, config["module"], config["traced"])
    recorder.tell(exit=run(config["arguments"], recorder))


def make_way(module: str) -> None:
    """Have a project's file found, whose name is that of a module that Python has loaded."""
    name = os.path.splitext(os.path.basename(module))[0]
    if name not in ("sys", "builtins", "__main__"):
        sys.modules.pop(name, None)


def run(arguments: list[str], recorder: Any) -> int:
    """pytest's exit code; a conftest that cannot be imported is told."""
    from _pytest.config import ConftestImportFailure, UsageError, _prepareconfig

    arguments = ["-q", "-p", "no:cacheprovider", *arguments]
    try:
        config = _prepareconfig(arguments, [recorder])
    except (ConftestImportFailure, UsageError) as error:
        recorder.tell(broken="", text=str(error)[-2000:])
        recorder.tell(raised="", **recorder.describe(error))
        return 4
    try:
        return int(config.hook.pytest_cmdline_main(config=config))
    finally:
        config._ensure_unconfigure()
