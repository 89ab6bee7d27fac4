"""Attacks files from inside of level B as a kernel with an older Landlock would confine it.

Prints what worked as JSON. Run as a program by the tests.

python confined_run.py KIND ABI

KIND: candidate; suite; alone, a suite on a system that listens to system calls itself, so that none
of its own can be handed over; bomb, the same suite with 300 processes.

The kernel takes the ruleset of any version up to its own, so the ruleset that an older one gets is
enforced here just as there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from editloop.sandbox import Level, SandboxPool, paths, process
from editloop.sandbox.job import Job

ATTACKS = """
import ctypes, fcntl, os, platform, struct
libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
def called(number, *args):
    told = libc.syscall(ctypes.c_long(number), *args)
    if told < 0: raise OSError(ctypes.get_errno(), "refused")
    return True
def path(name): return os.fsencode(name)
def fd_none(): return os.open(CANARY, 3)  # for neither reading nor writing
def truncate(): os.truncate(CANARY, 0)
def truncate_shown(): os.truncate(SHOWN, 0)
def open_truncating_for_reading(): os.open(SHOWN, os.O_RDONLY | os.O_TRUNC)
def open_truncating_for_nothing(): os.open(CANARY, 3 | os.O_TRUNC)
def open_for_nothing(): fd_none()
def open_for_writing(): os.open(CANARY, os.O_WRONLY)
def creat(): called(85, path(CANARY), 0o666) if X86 else os.open(CANARY, os.O_CREAT | os.O_WRONLY)
def openat2():
    called(437, -100, path(CANARY), struct.pack("<QQQ", 3 | os.O_TRUNC, 0, 0), ctypes.c_size_t(24))
def ftruncate(): os.ftruncate(fd_none(), 0)
def fallocate(): os.posix_fallocate(fd_none(), 0, 1 << 16)
def chmod(): os.chmod(CANARY, 0o4777)
def fchmod_shown(): os.fchmod(os.open(SHOWN, os.O_RDONLY), 0o4777)
def fchmod_none(): os.fchmod(fd_none(), 0o4777)
def fchmodat2(): called(452, -100, path(CANARY), 0o4777, 0)
def chown(): os.chown(CANARY, os.getuid(), os.getgid())
def fchown(): os.fchown(os.open(SHOWN, os.O_RDONLY), os.getuid(), os.getgid())
def utime(): os.utime(CANARY, (1, 1))
def utime_now(): os.utime(CANARY)
def futimens(): os.utime(os.open(SHOWN, os.O_RDONLY), (1, 1))
def utime_old(): called(132, path(CANARY), None) if X86 else os.utime(CANARY)
def utimes_old(): called(235, path(CANARY), None) if X86 else os.utime(CANARY)
def setxattr(): os.setxattr(CANARY, "user.x", b"1")
def fsetxattr(): os.setxattr(os.open(SHOWN, os.O_RDONLY), "user.x", b"1")
def setxattrat(): called(463, -100, path(CANARY), 0, b"user.x", struct.pack("<QII", 0, 0, 0), 16)
def file_setattr(): called(469, -100, path(CANARY), bytes(24), ctypes.c_size_t(24), 0)
def ioctl_flags(): fcntl.ioctl(os.open(SHOWN, os.O_RDONLY), 0x40086602, struct.pack("<i", 0x80))
def ioctl_flags_none(): fcntl.ioctl(fd_none(), 0x40086602, struct.pack("<i", 0x80))
def ioctl_version(): fcntl.ioctl(os.open(SHOWN, os.O_RDONLY), 0x40087602, struct.pack("<i", 7))
def lease(): fcntl.fcntl(os.open(SHOWN, os.O_RDONLY), 1024, fcntl.F_RDLCK)
def link(): os.link(CANARY, CANARY + ".l")
def link_into_scratch(): os.link(CANARY, (SCRATCH or os.path.dirname(CANARY)) + "/l")
def symlink(): os.symlink(CANARY, CANARY + ".s")
def rename(): os.rename(CANARY, CANARY + ".r")
def exchange(): called(316 if X86 else 276, -100, path(CANARY), -100, path(SHOWN), 2)
def unlink(): os.unlink(CANARY)
def mkdir(): os.mkdir(CANARY + ".d")
def mknod(): os.mknod(CANARY + ".n")
def io_uring(): called(425, 4, ctypes.create_string_buffer(256))
"""
NAMES = [line[4 : line.index("(")] for line in ATTACKS.splitlines() if line[:4] == "def "]
NAMES = [name for name in NAMES if name not in ("called", "path", "fd_none")]
_TRY = """
def worked(attack):
    try:
        attack()
        return True
    except OSError:
        return False
"""
BOMB = """
def bomb():
    import time
    for _ in range(300):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
"""
_CONFINE = """
import json, sys
from editloop.sandbox.inner import confine, landlock, seccomp, suite, supervise
config = json.load(sys.stdin)
landlock.abi = lambda: config["abi"]
if config["alone"]:
    confine.no_new_privileges()
    supervise._listen(seccomp.assemble([(6, 0, 0, 0x7FFF0000)]))
suite.prepare(config)
scope = {}
exec(config["source"], scope)
print(json.dumps([name for name in config["names"] if scope["worked"](scope[name])]), flush=True)
"""


def make_files(folder: Path) -> tuple[Path, Path, Path]:
    """A file that is hidden, one that is shown, a scratch folder: all writable for anybody."""
    hidden, shown, scratch = folder / "hidden", folder / "shown", folder / "scratch"
    for place in (hidden, shown, scratch):
        place.mkdir()
        place.chmod(0o777)
    for path in (hidden / "canary", shown / "canary"):
        path.write_text("secret")
        path.chmod(0o666)
    folder.chmod(0o711)
    return hidden / "canary", shown / "canary", scratch


def state(*files: Path) -> list[object]:
    """All that an attack could change."""
    told: list[object] = []
    for path in files:
        info = path.stat() if path.exists() else None
        told.append(sorted(os.listdir(path.parent)))
        if info is not None:
            told += [path.read_text(), info.st_mode, info.st_uid, info.st_mtime_ns]
            told.append(sorted(os.listxattr(path)))
    return told


def candidate(abi: int, source: str, shown: Path) -> list[str]:
    """What worked for a candidate."""
    plain = process.sources

    def older(names: Sequence[str]) -> list[tuple[str, str]]:
        more = {"landlock": f"\nabi = lambda: {abi}\n"}
        return [(name, text + more.get(name, "")) for name, text in plain(names)]

    process.sources = older
    readable = paths.readable
    paths.readable = lambda: [*readable(), str(shown.parent)]
    items = [{"e": f"worked({name})"} for name in NAMES]
    job = Job({"kind": "calls", "source": source, "items": items}, 5.0, 20.0)
    with SandboxPool(1, Level.B) as pool:
        frames = [frame for frame in pool.run(job).frames if frame.get("n", -1) >= 0]
    assert len(frames) == len(NAMES), frames
    return [name for name, told in zip(NAMES, frames, strict=True) if told["ret"]["r"]]


def suite(kind: str, abi: int, source: str, shown: Path, scratch: Path) -> list[str]:
    """What worked for a test suite."""
    config = {
        "abi": abi,
        "source": source,
        "names": ["bomb"] if kind == "bomb" else NAMES,
        "alone": kind in ("alone", "bomb"),
        "readable": [*paths.readable(), *paths.DEVICES, str(shown.parent)],
        "writable": [str(scratch), "/dev/null"],
        "memory_mb": 2048,
        "cpu_seconds": 20,
    }
    done = subprocess.run(
        [sys.executable, "-c", _CONFINE],
        input=json.dumps(config),
        capture_output=True,
        text=True,
        timeout=240,
        start_new_session=True,
    )
    assert done.stdout, done.stderr[-2000:]
    told: list[str] | dict[str, str] = json.loads(done.stdout.split("\n")[0])
    return told if isinstance(told, list) else [told["text"]]


def main(kind: str, abi: int) -> None:
    """One JSON object: what worked, and whether a file is other than before."""
    with tempfile.TemporaryDirectory() as name:
        hidden, shown, scratch = make_files(Path(name))
        before = state(hidden, shown)
        inside = "" if kind == "candidate" else str(scratch)
        source = f"CANARY, SHOWN, SCRATCH = {str(hidden)!r}, {str(shown)!r}, {inside!r}\n"
        source += ATTACKS + BOMB + _TRY
        worked = (
            candidate(abi, source, shown)
            if kind == "candidate"
            else suite(kind, abi, source, shown, scratch)
        )
        changed = state(hidden, shown) != before
    print(json.dumps({"uid": os.getuid(), "worked": worked, "changed": changed}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
