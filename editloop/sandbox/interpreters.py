"""Finds Python interpreters, and what packages they have, by looking at files. It starts none: a
program that a workspace brings along runs inside the sandbox only.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINKS = 40
"""Symbolic links in one path that are followed, at most: what Linux does."""
_CFG_BYTES = 1 << 16
_NAME = re.compile(r"python|pypy")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program to start, the folders of its packages, and all that it has to be able to read.

    ``program`` is not resolved: beside it lies what makes it a virtual environment.
    """

    program: str
    packages: tuple[str, ...]
    readable: tuple[str, ...]

    def has(self, package: str) -> bool:
        """Whether a top-level package or module of that name is installed."""
        places = (Path(folder, package) for folder in self.packages)
        return any(p.is_dir() or p.with_suffix(".py").is_file() for p in places)


def interpreter(program: str | Path) -> Interpreter | None:
    """The interpreter that a program is, None where it does not look like one.

    A script is none, whatever it would start; nor is a link into a folder without a standard
    library.
    """
    program = os.path.abspath(program)
    hops = _hops(program)
    real = os.path.realpath(program)
    environment = Path(program).parent.parent
    config = _pyvenv(environment)
    if not (_NAME.match(os.path.basename(real)) and _is_binary(real)):
        return None
    for base in (Path(real).parent.parent, Path(config.get("home", real)).resolve().parent):
        libraries = _libraries(base, Path(real).name)
        if libraries:
            break
    else:
        return None
    folders = _packages(environment, libraries[0].name) if config else []
    # Where it does not say so, Python takes it for true.
    if not config or config.get("include-system-site-packages", "true").lower() == "true":
        folders += _packages(base, libraries[0].name)
    folders += [other for folder in folders for other in _linked(folder)]
    readable = [*hops, real, *map(str, _library_places(base, libraries)), *map(str, folders)]
    if config:
        readable.append(os.path.realpath(environment))
    return Interpreter(program, tuple(map(str, folders)), tuple(dict.fromkeys(readable)))


def interpreters(root: Path) -> Iterator[Interpreter]:
    """Interpreters for a project, best first: its own, the environment's, this one, those of PATH.

    A shim of a version manager stands for the version that its files name.
    """
    environments = [root / ".venv", root / "venv"]
    active = (os.environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX"))
    environments += [Path(folder) for folder in active if folder]
    places = [*(folder / "bin" / "python" for folder in environments), Path(sys.executable)]
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("python3", path=folder) if os.path.isabs(folder) else None
        places += _behind(Path(found), root) if found else []
    for place in dict.fromkeys(places):
        found_here = interpreter(place)
        if found_here is not None:
            yield found_here


def _behind(program: Path, root: Path) -> Iterator[Path]:
    """The programs behind one: itself, or for a shim those of the chosen versions."""
    if program.parent.name != "shims":
        yield program
        return
    home = program.parent.parent
    for folder in ("versions", "installs/python"):
        for version in _chosen(home, root):
            if version and os.sep not in version and not version.startswith("."):
                yield home / folder / version / "bin" / "python"


def _chosen(home: Path, root: Path) -> Iterator[str]:
    """Versions that a version manager's settings name, the nearest first."""
    yield from os.environ.get("PYENV_VERSION", "").split(":")
    yield from os.environ.get("ASDF_PYTHON_VERSION", "").split()
    folders = [root, *root.parents]
    for file in (*(folder / ".python-version" for folder in folders), home / "version"):
        yield from _text(file).split()
    for folder in (*folders, Path.home()):
        for line in _text(folder / ".tool-versions").split("\n"):
            name, _, versions = line.partition(" ")
            yield from versions.split() if name == "python" else ()


def _text(path: Path) -> str:
    """A small text file's contents, "" where there is none."""
    try:
        if not path.is_file() or path.stat().st_size > _CFG_BYTES:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _pyvenv(environment: Path) -> dict[str, str]:
    """The settings of a virtual environment, {} for any other folder."""
    pairs = (line.partition("=") for line in _text(environment / "pyvenv.cfg").split("\n"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs if key.strip()}


def _is_binary(path: str) -> bool:
    try:
        if not os.path.isfile(path) or not os.access(path, os.X_OK):
            return False
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _hops(program: str) -> list[str]:
    """A path and each one that it links to."""
    found = [program]
    while os.path.islink(found[-1]) and len(found) < _LINKS:
        target = os.path.join(os.path.dirname(found[-1]), os.readlink(found[-1]))
        found.append(os.path.normpath(target))
    return found


def _libraries(base: Path, name: str) -> list[Path]:
    """The folders of a standard library below an installation; where there are several, that of
    the program's version.
    """
    found = [path.parent for path in sorted(base.glob("lib*/python3*/os.py"))]
    version = re.search(r"\d\.\d+", name)
    mine = [path for path in found if version and path.name == f"python{version[0]}"]
    return mine or found


def _library_places(base: Path, libraries: list[Path]) -> list[Path]:
    """The folders around a standard library, with the shared libraries beside it."""
    return list(dict.fromkeys([base / "lib", *(library.parent for library in libraries)]))


def _packages(prefix: Path, library: str) -> list[Path]:
    names = [f"{library}/site-packages", f"{library}/dist-packages", "python3/dist-packages"]
    folders = [prefix / lib / name for lib in ("lib", "lib64", "local/lib") for name in names]
    return [folder for folder in folders if folder.is_dir()]


def _linked(folder: Path) -> Iterator[Path]:
    """Folders of packages of other environments that a folder's .pth files name. Nothing else that
    they name is shown to a suite: they may be a workspace's.
    """
    for file in sorted(folder.glob("*.pth")):
        for line in _text(file).split("\n"):
            other = Path(line.strip())
            named = other.is_absolute() and other.name == "site-packages" and other.is_dir()
            if named and other.resolve().parent.name.startswith("python3"):
                yield other
