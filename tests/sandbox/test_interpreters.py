"""Interpreters and their packages are found by looking; none is started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from editloop.sandbox import paths
from editloop.sandbox.interpreters import interpreter, interpreters

REAL = paths.interpreter()
BASE = Path(REAL).parent.parent
LIBRARY = Path(os.__file__).parent.name


def environment(folder: Path, *, home: str = "", system: str = "false") -> Path:
    (folder / "bin").mkdir(parents=True)
    home = home or str(Path(REAL).parent)
    (folder / "pyvenv.cfg").write_text(
        f"home = {home}\ninclude-system-site-packages = {system}\nversion = 3.11.7\n"
    )
    site = folder / "lib" / LIBRARY / "site-packages"
    site.mkdir(parents=True)
    return site


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    return monkeypatch


@pytest.mark.parametrize("kind", ["link", "links", "copy"])
def test_a_virtual_environment(tmp_path: Path, kind: str) -> None:
    site = environment(tmp_path / "env")
    program = tmp_path / "env" / "bin" / "python"
    if kind == "copy":
        shutil.copy(REAL, program)
    else:
        (tmp_path / "env" / "bin" / "python3").symlink_to(REAL)
        program.symlink_to("python3" if kind == "links" else REAL)
    found = interpreter(program)
    assert found is not None
    assert found.program == str(program)
    assert not found.has("thing")
    (site / "thing").mkdir()
    assert found.has("thing")
    assert str(tmp_path / "env") in found.readable
    assert str(BASE / "lib") in found.readable


def test_packages_of_the_installation_count_where_the_environment_says_so(tmp_path: Path) -> None:
    for system, expected in (("false", False), ("true", True)):
        environment(tmp_path / system, system=system)
        (tmp_path / system / "bin" / "python").symlink_to(REAL)
        found = interpreter(tmp_path / system / "bin" / "python")
        assert found is not None
        outside = [p for p in found.packages if not p.startswith(str(tmp_path))]
        assert bool(outside) is expected


def test_what_is_no_interpreter(tmp_path: Path) -> None:
    environment(tmp_path / "env")
    program = tmp_path / "env" / "bin" / "python"
    assert interpreter(program) is None
    program.write_text(f"#!/bin/sh\nexec {REAL}\n")
    program.chmod(0o755)
    assert interpreter(program) is None
    program.unlink()
    program.symlink_to("/bin/sh")
    assert interpreter(program) is None
    program.unlink()
    program.symlink_to(program)
    assert interpreter(program) is None


def test_settings_cannot_name_a_folder_to_be_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    (secret / "bin").mkdir(parents=True)
    (secret / "lib").mkdir()
    site = environment(tmp_path / "env", home=str(secret / "bin"))
    (site / "a.pth").write_text(f"{secret}\n{secret}/lib\n")
    program = tmp_path / "env" / "bin" / "python"
    shutil.copy(REAL, program)
    found = interpreter(program)
    assert found is None
    program.unlink()
    program.symlink_to(REAL)
    found = interpreter(program)
    assert found is not None
    assert not any(path.startswith(str(secret)) for path in found.readable)


def version(folder: Path, name: str) -> Path:
    """An installation of a version manager, with its library."""
    base = folder / name
    (base / "bin").mkdir(parents=True)
    (base / "lib" / "python3.11").mkdir(parents=True)
    (base / "lib" / "python3.11" / "os.py").write_text("")
    shutil.copy(REAL, base / "bin" / "python3.11")
    (base / "bin" / "python").symlink_to("python3.11")
    return base / "bin" / "python"


@pytest.mark.parametrize("manager", ["pyenv", "asdf"])
def test_a_shim_stands_for_the_version_that_is_chosen(
    tmp_path: Path, bare: pytest.MonkeyPatch, manager: str
) -> None:
    home, root = tmp_path / manager, tmp_path / "project"
    (home / "shims").mkdir(parents=True)
    root.mkdir()
    shim = home / "shims" / "python3"
    shim.write_text("#!/bin/sh\nexit 1\n")
    shim.chmod(0o755)
    bare.setenv("PATH", str(home / "shims"))
    folder = home / ("versions" if manager == "pyenv" else "installs/python")
    wanted = version(folder, "3.11.2")
    version(folder, "3.11.1")
    assert str(wanted) not in [found.program for found in interpreters(root)]
    if manager == "pyenv":
        (root / ".python-version").write_text("3.11.2\n")
    else:
        (root / ".tool-versions").write_text("nodejs 20\npython 3.11.2 system\n")
    assert str(wanted) in [found.program for found in interpreters(root)]
    assert str(shim) not in [found.program for found in interpreters(root)]


def test_an_environment_of_conda(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    program = version(tmp_path, "conda")
    (tmp_path / "conda" / "conda-meta").mkdir()
    (tmp_path / "conda" / "lib" / "python3.11" / "site-packages" / "pytest").mkdir(parents=True)
    bare.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    first = next(interpreters(tmp_path))
    assert first.program == str(program)
    assert first.has("pytest")
