"""The self-test that chooses the level: it finds what a sandbox lets through, and harms nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from editloop.sandbox import Level, SandboxPool, detect, process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="levels A and B are Linux's")


def changed(monkeypatch: pytest.MonkeyPatch, **swaps: tuple[str, str]) -> None:
    """Zygotes whose modules have some text replaced."""
    plain = process.sources

    def sources(names: Sequence[str]) -> list[tuple[str, str]]:
        out = []
        for name, text in plain(names):
            old, new = swaps.get(name, ("", ""))
            assert old in text
            out.append((name, text.replace(old, new) if old else text))
        return out

    monkeypatch.setattr(process, "sources", sources)


def wrong() -> list[str]:
    with SandboxPool(1, Level.B) as pool:
        return detect.failures(pool)


@pytest.mark.parametrize("abi", [1, 2, 3, 4, 5, 6])
def test_a_kernel_with_an_older_landlock_is_sound(
    monkeypatch: pytest.MonkeyPatch, abi: int
) -> None:
    changed(monkeypatch, landlock=("version = abi()", f"version = {abi}"))
    assert wrong() == []


def test_a_filter_without_truncate_is_found_on_an_old_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed(
        monkeypatch,
        landlock=("version = abi()", "version = 2"),
        seccomp=("truncate:76/45 ftruncate", "ftruncate"),
    )
    assert wrong() == ["empties_file", "changed a file"]


def test_a_filter_that_lets_files_be_opened_for_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed(
        monkeypatch,
        landlock=("version = abi()", "version = 2"),
        seccomp=("(257 if x86 else 56, _openly(2))", "(9999, _openly(2))"),
    )
    assert set(wrong()) == {"empties_opened", "empties_readable", "changed a file"}


def test_nothing_is_written_outside_of_its_own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home, temp = tmp_path / "home", tmp_path / "temp"
    for folder in (home, temp):
        folder.mkdir()
    tmp_path.chmod(0o711)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    before = home.stat().st_mtime_ns
    seen: list[str] = []
    state = detect._state
    monkeypatch.setattr(detect, "_state", lambda path: seen.append(str(path)) or state(path))
    assert wrong() == []
    assert home.stat().st_mtime_ns == before
    assert seen
    assert all(Path(path).is_relative_to(temp) for path in seen)
    assert os.listdir(temp) == os.listdir(home) == []
