"""The bubblewrap command line of level A.

Traps that it avoids: `--clearenv` still leaks the environment through bubblewrap's own pid 1, so it
is started with a clean one and `--as-pid-1`; `--dev` leaves a writable shared-memory folder, so
/dev is remounted read-only; nothing is writable, so no candidate can leave anything for the next.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from editloop.sandbox.errors import SandboxUnavailable
from editloop.sandbox.paths import on_path

CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")
"""What a zygote of root keeps, to give each child another identity and to kill it."""


def program() -> str | None:
    """bubblewrap's path, None where it is not installed."""
    return on_path("bwrap", "/usr/bin", "/usr/local/bin")


def isolation(as_root: bool) -> list[str]:
    """Namespaces, capabilities and life time."""
    spaces = [
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        "--unshare-cgroup-try",
    ]
    spaces += ["--cap-drop", "ALL"]
    if as_root:  # no user namespace: within one only a single uid is mapped
        spaces += [part for name in CAPABILITIES for part in ("--cap-add", name)]
    else:
        spaces.insert(0, "--unshare-user")
    return [*spaces, "--die-with-parent", "--as-pid-1", "--new-session"]


def mounts(
    readable: Sequence[str], head: Sequence[str] = (), tail: Sequence[str] = ()
) -> list[str]:
    """A root with the readable paths and a few devices, all read-only but what else is mounted.

    `head` comes before the paths, which may lie inside of what it mounts; `tail` after them.
    """
    out: list[str] = [*head]
    for parent in sorted(
        {str(parent) for path in readable for parent in PurePosixPath(path).parents} - {"/"}
    ):
        if not os.path.islink(
            parent
        ):  # else bubblewrap makes it 0700, closed to a child with another identity
            out += ["--perms", "0755", "--dir", parent]
    for path in readable:
        if os.path.islink(path) and os.path.isdir(path):
            out += ["--symlink", os.readlink(path), path]
        else:
            out += ["--ro-bind", path, path]
    return [
        *out,
        *tail,
        "--dev",
        "/dev",
        "--remount-ro",
        "/dev",
        "--chdir",
        "/",
        "--remount-ro",
        "/",
    ]


def command(
    inner: Sequence[str],
    readable: Sequence[str],
    *,
    as_root: bool = False,
    head: Sequence[str] = (),
    tail: Sequence[str] = (),
) -> list[str]:
    """The whole command that starts `inner` at level A.

    `head` and `tail`: further mounts, before the readable paths and after them. Raises
    SandboxUnavailable without bubblewrap.
    """
    found = program()
    if found is None:
        raise SandboxUnavailable("bubblewrap (bwrap) is not installed")
    return [found, *isolation(as_root), *mounts(readable, head, tail), "--", *inner]
