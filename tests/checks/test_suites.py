"""Which folder a suite may see: a project, never a person's home."""

from __future__ import annotations

from pathlib import Path

import pytest

from editloop.checks.project import project_root
from editloop.checks.suites import find_suites, suite_check
from editloop.sandbox import Level, SandboxUnavailable
from editloop.sandbox.paths import holds_home, readable
from editloop.sandbox.suite import Suite, run_suite


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that is under version control, as many are for their settings."""
    folder = tmp_path / "home" / "anna"
    (folder / ".git").mkdir(parents=True)
    (folder.parent / "pyproject.toml").write_text("")
    monkeypatch.setenv("HOME", str(folder))
    return folder


def module(folder: Path, *, marked: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if marked:
        (folder / "setup.cfg").write_text("")
    for name in ("m.py", "test_m.py"):
        (folder / name).write_text("def test(): pass\n")
    return folder / "m.py"


def test_a_home_is_no_project(home: Path) -> None:
    assert project_root(module(home / "work" / "sub")) == home / "work" / "sub"
    assert project_root(module(home / "work", marked=True)) == home / "work"
    assert project_root(home / "work" / "sub" / "m.py") == home / "work"
    assert project_root(module(home.parent / "shared")) == home.parent / "shared"


def test_a_home_behind_a_link_is_no_project(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users").symlink_to(home.parent)
    monkeypatch.setenv("HOME", str(tmp_path / "users" / "anna"))
    assert project_root(module(home / "work")) == home / "work"
    with pytest.raises(ValueError, match="whole home"):
        readable([str(home)])


def test_tests_in_the_home_folder_itself_are_not_run(home: Path) -> None:
    path = module(home)
    suites = find_suites(path)
    assert suites == [home / "test_m.py"]
    check, note = suite_check(path, suites, Level.B)
    assert check is None
    assert "home folder" in note
    for root in (home, home.parent):
        with pytest.raises(SandboxUnavailable, match="whole home"):
            run_suite(Suite((), path, root, Level.B), None)


def test_who_has_no_home_has_projects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    assert not holds_home(tmp_path)
