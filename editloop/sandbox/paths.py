"""Which folders a candidate may read: the running interpreter's standard library, system libraries,
and what was asked.

Nothing else of the home: an interpreter that lives there is shown without what surrounds it.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = (
    *("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/local/lib"),
    *("/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"),
    "/nix/store",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def interpreter() -> str:
    """The real interpreter behind a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def on_path(program: str, *more: str) -> str | None:
    """A program of the folders of PATH, and of ``more``. Entries that are relative or empty stand
    for the current folder, which may be a stranger's: they do not count.
    """
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *more]
    return shutil.which(program, path=os.pathsep.join(filter(os.path.isabs, folders)))


def _library_folders() -> list[str]:
    # Of the interpreter itself: in a virtual environment platstdlib would name the environment.
    base = {"installed_base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    found = [sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")]
    found.append(sysconfig.get_config_var("LIBDIR"))
    found.append(str(Path(sys.base_prefix, "lib")))
    return [path for path in found if path]


def _outermost(paths: Iterable[str]) -> list[str]:
    """Existing paths without those inside another, in order."""
    kept: list[str] = []
    for path in dict.fromkeys(paths):
        if os.path.exists(path) and not any(_inside(path, other) for other in kept):
            kept = [other for other in kept if not _inside(other, path)] + [path]
    return kept


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def holds_home(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is the user's home, or one above it: to show it would show all."""
    home = os.path.expanduser("~")
    # Who has no home keeps the mark itself, which would stand for a folder here.
    return os.path.isabs(home) and _inside(os.path.realpath(home), os.path.realpath(folder))


def readable(site: Iterable[str] = ()) -> list[str]:
    """Folders and files to show read-only.

    Raises ValueError for a site folder that would show a whole home or root.
    """
    asked = [os.path.abspath(path) for path in site]
    for path in asked:
        if holds_home(path):
            raise ValueError(f"{path} would show the whole home folder to the sandbox")
    # A link such as /lib -> usr/lib is shown under both names, since library paths are
    # recorded either way.
    wanted = [*_SYSTEM, interpreter(), *_library_folders(), *asked]
    libraries = [path for path in wanted if not holds_home(path) or path in asked]
    return _outermost([*libraries, *(os.path.realpath(path) for path in libraries)])
