"""Chooses the level of isolation once per process, by running a few hostile programs at each.

Never a silent fallback: the report names what was tried and why it was not taken.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from editloop.sandbox.errors import SandboxError
from editloop.sandbox.job import Answers, Job
from editloop.sandbox.level import Level, LevelReport
from editloop.sandbox.pool import SandboxPool

SELF_TEST = """
import os, socket, threading

def tried(attack):
    try:
        return bool(attack())
    except OSError:
        return False

def reads_home(): return tried(lambda: open(CANARY).read())
def reads_system(): return tried(lambda: open("/etc/passwd").read())
def writes_file(): return tried(lambda: open(CANARY, "w").write("x"))
def writes_in(folder): return tried(lambda: open(folder + "/left", "w").write("x"))
def writes_temp(): return any([writes_in(d) for d in ("/tmp", "/dev/shm", ".")])
def removes_file(): return tried(lambda: os.unlink(CANARY) is None)
def changes_mode(): return tried(lambda: os.chmod(CANARY, 0o777) is None)
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


def failures(pool: SandboxPool) -> list[str]:
    """Names of the attacks that worked in this pool, and of honest work that did not; [] for a
    sound sandbox.
    """
    handle, path = tempfile.mkstemp(prefix=".editloop-", dir=_home())
    os.environ[_SECRET] = "1"
    try:
        os.write(handle, b"secret")
        os.close(handle)
        source = (
            f"CANARY = {path!r}\nSECRET = {_SECRET!r}\n"
            + SELF_TEST
            + "def honest(n): return sum(map(int, str(n)))\n"
        )
        items = [{"e": f"{name}()"} for name in (*ATTACKS, "honest")]
        items[-1] = {"e": "honest(19)"}
        answers = pool.run(Job({"kind": "calls", "source": source, "items": items}, 2.0, 10.0))
        found = _wrong(answers)
        if Path(path).read_bytes() != b"secret":
            found.append("changed a file")
        loop = pool.run(
            Job({"kind": "calls", "source": "while True: pass", "items": []}, 0.05, 5.0)
        )
        return found if loop.end == "cpu" else [*found, "endless loop"]
    finally:
        os.environ.pop(_SECRET, None)
        Path(path).unlink(missing_ok=True)


def _home() -> str | None:
    home = os.path.expanduser("~")
    return home if os.access(home, os.W_OK) else None


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


def candidates(platform: str, consent: bool) -> tuple[Level, ...]:
    """Levels worth trying on a platform, best first."""
    if platform == "linux":
        return Level.A, Level.B
    if platform == "darwin":
        return (Level.C,)
    return (Level.E,) if platform == "win32" and consent else ()


@functools.lru_cache(4)
def detect_level(consent: bool = False) -> LevelReport:
    """The best level that passes its self-test; cached per process.

    `consent`: the user agreed to level E, where a Windows job object limits a candidate but hides
    no files.
    """
    tried: list[str] = []
    for level in candidates(sys.platform, consent):
        problem = _works(level)
        if not problem:
            return LevelReport(level, f"level {level.name}: {level.value}", tuple(tried))
        tried.append(f"level {level.name} not used: {problem}")
    if sys.platform == "win32":
        return _windows_advice(tried)
    reason = (
        f"level F: {Level.F.value} ({'; '.join(tried) or f'nothing is known for {sys.platform}'})"
    )
    return LevelReport(Level.F, reason, tuple(tried))


def _windows_advice(tried: list[str]) -> LevelReport:
    if shutil.which("wsl.exe"):
        reason = "level D: run editloop inside WSL or a development container to have tests run"
        return LevelReport(Level.D, reason, tuple(tried))
    reason = (
        "level F: install WSL, or agree to level E (a job object: limits, but no hiding of files)"
    )
    return LevelReport(Level.F, reason, tuple(tried))
