"""Runs a program that stays and is spoken to by its standard input and output, in the sandbox: the
project is read-only, there is no network, and what it starts is confined as well. Linux, levels A
and B.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from editloop.sandbox.errors import SandboxUnavailable
from editloop.sandbox.level import Level
from editloop.sandbox.paths import holds_home, readable
from editloop.sandbox.scratch import scratch_folder
from editloop.sandbox.suitestart import Place, confined, start

_MEMORY_MB = 1 << 22
"""Of addresses, not of pages: node reserves terabytes of them and uses little."""
_CPU_SECONDS = 3600.0


@contextlib.contextmanager
def served(
    command: Sequence[str],
    root: Path,
    level: Level,
    *,
    shown: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """What starts the program, as often as it is called, until the end of the block; who calls it
    ends the process.

    ``shown``: what it may read beside ``root``. Raises SandboxUnavailable at other levels than A
    and B, and for a root that holds the home folder.
    """
    if level not in (Level.A, Level.B):
        raise SandboxUnavailable(f"{command[0]} is run at levels A and B only")
    if holds_home(root):
        raise SandboxUnavailable(f"{root} holds the whole home folder")
    # At level A /proc is the sandbox's own; at B who counts the cores (psutil) needs this of it.
    more = ("/usr/bin", "/bin") if level is Level.A else ("/proc/cpuinfo",)
    seen = list(dict.fromkeys([*readable(shown), *more]))
    with scratch_folder() as folder:
        place = Place(root, "/tmp" if level is Level.A else str(folder), ())

        def begin() -> subprocess.Popen[bytes]:
            process = start(seen, root, place, level, environment)
            assert process.stdin is not None
            process.stdin.write(confined(command, seen, place, level, _MEMORY_MB, _CPU_SECONDS))
            process.stdin.flush()
            return process

        yield begin
