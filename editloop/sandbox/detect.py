"""Chooses the level of isolation once per process, by running a few hostile programs at each.

Never a silent fallback: the report names what was tried and why it was not taken.
"""

from __future__ import annotations

import functools
import os
import secrets
import sys
from pathlib import Path

from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.job import Answers, Job
from editloop.sandbox.level import Level, LevelReport
from editloop.sandbox.pool import SandboxPool
from editloop.sandbox.scratch import scratch_folder

SELF_TEST = """
import os, socket, sys, threading

def tried(attack):
    try:
        return bool(attack())
    except (OSError, AttributeError):  # refused, or not known to this system
        return False

def reads_file(): return tried(lambda: open(CANARY).read())
def reads_home(): return tried(lambda: os.listdir(HOME) or True)
def reads_system(): return tried(lambda: open("/etc/passwd").read())
def writes_file(): return tried(lambda: open(CANARY, "w").write("x"))
def writes_in(folder):
    path = folder + "/" + TOKEN
    worked = tried(lambda: open(path, "w").write("x"))
    tried(lambda: os.unlink(path))
    return worked
def empties_file(): return tried(lambda: os.truncate(CANARY, 0) is None)
def empties_opened(): return tried(lambda: os.open(CANARY, 3 | os.O_TRUNC))
def empties_readable():  # a device has nothing to lose
    return sys.platform == "linux" and tried(lambda: os.open(os.devnull, os.O_TRUNC))
def writes_temp(): return any([writes_in(d) for d in ("/tmp", "/dev/shm", ".")])
def removes_file(): return tried(lambda: os.unlink(CANARY) is None)
def moves_file(): return tried(lambda: os.rename(CANARY, CANARY + "2") is None)
def links_file(): return tried(lambda: os.link(CANARY, CANARY + "2") is None)
def changes_mode(): return tried(lambda: os.chmod(CANARY, 0o777) is None)
def changes_times(): return tried(lambda: os.utime(CANARY, (1, 1)) is None)
def changes_attributes(): return tried(lambda: os.setxattr(CANARY, "user.x", b"x") is None)
def opens_socket(): return tried(lambda: socket.socket())
def names_socket(): return tried(lambda: socket.socket(socket.AF_UNIX))
def forks():
    def attack():
        pid = os.fork()
        if pid == 0: os._exit(0)
        return True
    return tried(attack)
def starts_program(): return tried(lambda: os.posix_spawn("/bin/true", ["true"], {}))
def kills_parent(): return tried(lambda: os.kill(os.getppid() or 1, 9) is None)
def reads_parent():
    return tried(lambda: open("/proc/%d/environ" % (os.getppid() or 1)).read() or True)
def keeps_secret(): return SECRET in os.environ
def takes_memory():
    try: return bool(bytearray(8 << 30))
    except MemoryError: return False
"""
ATTACKS = tuple(
    line[4 : line.index("(")]
    for line in SELF_TEST.splitlines()
    if line[:4] == "def " and "()" in line
)
_SECRET = "EDITLOOP_SELF_TEST_SECRET"
_ADVICE = {
    "win32": ": run editloop inside WSL to have tests run",
    "darwin": ": run editloop inside a Linux container to have tests run",
}


def failures(pool: SandboxPool) -> list[str]:
    """Names of the attacks that worked in this pool, and of honest work that did not; [] for a
    sound sandbox.
    """
    with scratch_folder() as folder:
        return _attacked(pool, _bait(folder))


def _bait(folder: Path) -> Path:
    """A file to attack; where children run as another user, one that its mode alone would not save.

    The name of its folder is the only thing that keeps other users from it: it cannot be guessed.
    """
    place = folder / secrets.token_hex(16)
    place.mkdir()
    path = place / "canary"
    path.write_bytes(b"secret")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        path.chmod(0o666)
        place.chmod(0o777)
        folder.chmod(0o711)
    return path


def _state(path: Path) -> tuple[object, ...]:
    info = path.stat()
    names = sorted(os.listdir(path.parent))
    return path.read_bytes(), info.st_mode, info.st_mtime_ns, info.st_nlink, names


def _attacked(pool: SandboxPool, path: Path) -> list[str]:
    before = _state(path)
    os.environ[_SECRET] = "1"
    try:
        given = {"CANARY": str(path), "SECRET": _SECRET, "TOKEN": path.parent.name}
        given["HOME"] = os.path.expanduser("~")
        source = "".join(f"{name} = {value!r}\n" for name, value in given.items())
        source += SELF_TEST + "def honest(n): return sum(map(int, str(n)))\n"
        items = [{"e": f"{name}()"} for name in (*ATTACKS, "honest")]
        items[-1] = {"e": "honest(19)"}
        answers = pool.run(Job({"kind": "calls", "source": source, "items": items}, 2.0, 10.0))
        found = _wrong(answers)
        if not path.exists() or _state(path) != before:
            found.append("changed a file")
        loop = pool.run(
            Job({"kind": "calls", "source": "while True: pass", "items": []}, 0.05, 5.0)
        )
        return found if loop.end == "cpu" else [*found, "endless loop"]
    finally:
        os.environ.pop(_SECRET, None)


def _wrong(answers: Answers) -> list[str]:
    frames = answers.frames
    if frames and isinstance(frames[0], dict) and "fault" in frames[0]:
        raise SandboxError(str(frames[0]["fault"]))
    got = {
        frame["n"]: frame.get("ret") for frame in frames if isinstance(frame, dict) and "n" in frame
    }
    refused = {"r": False, "t": []}
    wrong = [name for number, name in enumerate(ATTACKS) if got.get(number) != refused]
    return wrong + ([] if got.get(len(ATTACKS)) == {"r": 10, "t": []} else ["honest program"])


def _works(level: Level) -> str:
    """Why a level cannot be used here, "" when it can."""
    try:
        with SandboxPool(1, level) as pool:
            worked = failures(pool)
    except (SandboxError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return f"the self-test failed: {', '.join(worked)}" if worked else ""


def candidates(platform: str) -> tuple[Level, ...]:
    """Levels worth trying on a platform, best first."""
    return (Level.A, Level.B) if platform == "linux" else ()


@functools.lru_cache(1)
def detect_level() -> LevelReport:
    """The best level that passes its self-test; cached per process."""
    tried: list[str] = []
    for level in candidates(sys.platform):
        problem = _works(level)
        if not problem:
            return LevelReport(level, f"level {level.name}: {level.value}", tuple(tried))
        tried.append(f"level {level.name} not used: {problem}")
    why = "; ".join(tried) or f"{sys.platform} is not supported{_ADVICE.get(sys.platform, '')}"
    return LevelReport(Level.F, f"level F: {Level.F.value} ({why})", tuple(tried))


def open_pool(workers: int) -> SandboxPool:
    """A pool at the detected level. Raises SandboxUnavailable where no code can be run."""
    report = detect_level()
    if report.level is Level.F:
        raise SandboxUnavailable(report.reason)
    return SandboxPool(workers, report.level)
