"""Runs pytest in a process that is already confined; the project's interpreter, 3.8 or later."""

from __future__ import annotations

import os
import sys
from typing import Any

from editloop.sandbox.inner import ahead, warm
from editloop.sandbox.inner.recorder import Recorder


def main(config: dict[str, Any]) -> None:
    """Run the suite once and tell of it, pytest's exit code last; or serve."""
    inlet, outlet = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for name in [name for name in sys.modules if name.split(".")[0] == "editloop"]:
        del sys.modules[name]  # a project may itself be called that
    os.chdir(config["root"])
    sys.path.insert(0, config["root"])
    make_way(config["module"])
    if config["serve"]:
        serve(config, inlet, outlet)
    else:
        recorder = Recorder(outlet, config["module"], traced=config["traced"])
        recorder.leaves = True
        recorder.tell(exit=run(config["arguments"], recorder))


def serve(config: dict[str, Any], inlet: int, outlet: int) -> None:
    """Fork for each request. The first ones are served before pytest is configured; what they tell
    decides whether later ones are as well.
    """
    # Captured by descriptor, what one fork prints would reach the next: they share the file. To
    # show the source of each frame costs more than all else that a small test does.
    arguments = [*config["arguments"], "--capture=sys", "--tb=line"]
    warm.adopt()
    server = warm.Server(config, inlet, outlet)
    server.answer({"ready": os.getpid()})
    request = server.serve()
    if request is None:
        if server.late:
            finish(server.recorder, run(arguments, server.recorder, warm.Late(server)))
        ahead.preload(server.names, server.recorder, config["root"], whole=False)
        server.answer(ahead.fitness(server.recorder))
        request = server.serve()
        if request is None:
            os._exit(0)
    if not request["scout"]:
        finish(server.recorder, run(arguments, server.recorder))
    scout = warm.Scout(server.recorder, config["root"])
    finish(server.recorder, run(arguments, server.recorder, scout))


def finish(recorder: Recorder, code: int) -> None:
    """The end of a fork whose session never began."""
    recorder.tell(exit=code)
    os._exit(0)


def make_way(module: str) -> None:
    """Have a project's file found, whose name is that of a module that Python has loaded."""
    name = os.path.splitext(os.path.basename(module))[0]
    if name not in ("sys", "builtins", "__main__"):
        sys.modules.pop(name, None)


def run(arguments: list[str], recorder: Any, *plugins: Any) -> int:
    """pytest's exit code; a conftest that cannot be imported is told."""
    from _pytest.config import ConftestImportFailure, UsageError, _prepareconfig

    arguments = ["-q", "--tb=short", "-p", "no:cacheprovider", *arguments]
    try:
        config = _prepareconfig(arguments, [recorder, *plugins])
    except (ConftestImportFailure, UsageError) as error:
        recorder.tell(broken="", text=str(error)[-2000:])
        recorder.tell(raised="", **recorder.describe(error))
        return 4
    try:
        return int(config.hook.pytest_cmdline_main(config=config))
    finally:
        config._ensure_unconfigure()
