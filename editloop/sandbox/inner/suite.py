"""Confines the process of a pytest suite, which then becomes the project's own interpreter."""

from __future__ import annotations

import json
import os
import resource
from typing import Any

from editloop.sandbox.inner import confine, landlock, supervise


def prepare(config: dict[str, Any]) -> None:
    """Limits, Landlock and seccomp of the whole suite, in a new process.

    The old one stays as its supervisor, which tells on its output where it has to end the suite.
    """
    link = supervise.begin(config["writable"], 1)
    confine.limit_common(config["memory_mb"], file_mb=64, descriptors=512)
    confine.limit(resource.RLIMIT_CPU, int(config["cpu_seconds"]) + 1)
    confine.drop_capabilities()
    confine.die_with_parent()
    confine.no_new_privileges()
    abi = landlock.abi()
    scoped = config.get("own_processes") or bool(landlock.handled(abi)[2])
    if config.get("slot"):
        open_slot(config)
    fd = landlock.ruleset(config["readable"], config["writable"], execute=True)
    landlock.restrict(fd)
    os.close(fd)
    supervise.hand_over(link, None if scoped else os.getpid(), abi)


def open_slot(config: dict[str, Any]) -> None:
    """A folder for one fork at a time, and the rules that let it write nowhere else."""
    os.mkdir(config["slot"], 0o700)
    fd = landlock.ruleset(config["readable"], [config["slot"], "/dev/null"], execute=True)
    os.dup2(fd, config["slot_rules"], inheritable=True)
    os.close(fd)


def main(config: dict[str, Any]) -> None:
    """Confine, then become ``config["command"]``, whatever that is."""
    os.chdir("/")
    prepare(config)
    command = config["command"]
    try:
        os.execv(command[0], command)
    except OSError as error:
        text = f"{command[0]} does not start: {error.strerror}"
        os.write(1, json.dumps({"missing": text}).encode() + b"\n")
