"""Runs a pytest suite in its own confined process and tells what each test did, line by line."""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from editloop.sandbox.inner import confine, landlock, supervise

TEXT_CAP = 2000


class Recorder:
    """A pytest plugin that writes ids and outcomes to a descriptor."""

    def __init__(self, out: int) -> None:
        self.out = out

    def tell(self, **what: Any) -> None:
        """One line."""
        os.write(self.out, json.dumps(what).encode() + b"\n")

    def pytest_collection_finish(self, session: Any) -> None:
        """The ids, in order."""
        self.tell(ids=[item.nodeid for item in session.items])

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be collected."""
        if report.failed:
            self.tell(broken=report.nodeid, text=str(report.longrepr)[-TEXT_CAP:])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The call, or a set-up or tear-down that did not pass."""
        if report.when == "call" or not report.passed:
            text = report.longreprtext[-TEXT_CAP:] if report.failed else ""
            self.tell(id=report.nodeid, outcome=report.outcome, text=text)


def prepare(config: dict[str, Any], out: int = 1) -> None:
    """Limits, identity, Landlock and seccomp of the whole suite, in a new process.

    The old one stays as its supervisor, which tells on `out` where it has to end the suite.
    """
    link = supervise.begin(config["writable"], out)
    confine.limit_common(config["memory_mb"], file_mb=64, descriptors=512)
    confine.limit(resource.RLIMIT_CPU, int(config["cpu_seconds"]) + 1)
    uid = config["uid"]
    if uid is not None:
        confine.limit(resource.RLIMIT_NPROC, 256)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    confine.drop_capabilities()
    confine.die_with_parent()
    confine.no_new_privileges()
    abi = landlock.abi()
    scoped = bool(landlock.handled(abi)[2])
    fd = landlock.ruleset(config["readable"], config["writable"], execute=True)
    landlock.restrict(fd)
    os.close(fd)
    supervise.hand_over(link, None if scoped else os.getpid(), abi)


def main(config: dict[str, Any]) -> None:
    """Confine, then run pytest; the last line holds its exit code."""
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.chdir(config["root"])
    prepare(config, out)
    recorder = Recorder(out)
    for name in [name for name in sys.modules if name.split(".")[0] == "editloop"]:
        del sys.modules[name]
    sys.path[:0] = [config["root"], *config["path"]]
    try:
        import pytest
    except ImportError:
        recorder.tell(missing="pytest is not installed for this interpreter")
        return
    code = pytest.main(["-q", "-p", "no:cacheprovider", *config["arguments"]], plugins=[recorder])
    recorder.tell(exit=int(code))
