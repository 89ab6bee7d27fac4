"""Judges every hostile program at one level and prints what came of it as JSON. Run as a program by
the tests.

python hostile_run.py HOSTILE_FOLDER LEVEL KIND     (KIND: calls or asserts)
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

from editloop.checks.plans import TestPlan, plan_asserts, plan_tests
from editloop.checks.testruns import run_plan
from editloop.sandbox import Level, SandboxPool

NUMBERS = (0, 7, 19, 999, 10**20 + 5, 123456789)
CPU, WALL = 0.4, 0.9
HONEST_CPU, HONEST_WALL = 5.0, 20.0
"""Seconds that no honest program needs, however busy the machine is."""


def make_plan(kind: str) -> TestPlan:
    """The digit sum's tests, as comparisons on the host or as a test function for the judge."""
    if kind == "calls":
        return plan_asserts([f"assert solve({n}) == {sum(map(int, str(n)))}" for n in NUMBERS])
    body = f"def test():\n    for n in {NUMBERS}:\n        assert solve(n) == sum(int(c) for c in str(n))\n"  # noqa: E501
    return plan_tests(body, ["test"])


def make_canary(folder: Path) -> None:
    """The files that nothing may touch."""
    for name in ("home/.ssh/id_ed25519", "project/main.py", "harness.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777)


def fingerprint(folder: Path) -> str:
    """Names, contents and modes of all in a folder."""
    parts = sorted(
        (str(p), p.read_bytes() if p.is_file() else b"", p.lstat().st_mode)
        for p in folder.rglob("*")
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def descendants(root: int) -> set[int]:
    """Processes below one, zombies left out."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    while new := {pid for pid, parent in parents.items() if parent in found | {root}} - found:
        found |= new
    return found


def leftovers(before: set[int]) -> list[int]:
    """Processes that a candidate left; ones that are just ending get a moment."""
    for _ in range(50):
        rest = descendants(os.getpid()) - before
        if not rest:
            break
        time.sleep(0.01)
    return sorted(rest)


def judge(
    pool: SandboxPool, source: str, plan: TestPlan, cpu: float = CPU, wall: float = WALL
) -> str:
    """pass, timeout or notpass."""
    outcomes = run_plan(pool, source, plan, cpu_seconds=cpu, wall_seconds=wall)
    if all(outcome.status == "pass" for outcome in outcomes):
        return "pass"
    return "timeout" if any(outcome.status == "timeout" for outcome in outcomes) else "notpass"


def main(folder: Path, level: Level, kind: str) -> None:
    """One JSON object on stdout: program -> what came of it, and what was harmed."""
    os.environ["SBX_FAKE_API_KEY"] = "sk-fake"
    plan = make_plan(kind)
    report: dict[str, dict[str, object]] = {}
    with (
        tempfile.TemporaryDirectory() as name,
        socket.socket() as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        canary = Path(name)
        make_canary(canary)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", 47831))
            tcp.listen(50)
        except OSError:
            pass  # another run of this test has it: just as good a bait
        unix.bind(str(canary / "sock"))
        unix.listen(50)
        with SandboxPool(1, level) as pool:
            honest = "def solve(n): return sum(map(int, str(n)))"
            assert judge(pool, honest, plan, HONEST_CPU, HONEST_WALL) == "pass"
            own, clean = descendants(os.getpid()), fingerprint(canary)
            paths = sorted(folder.glob("[0-9][0-9]_*.py"))
            for path in [*paths, *(p for p in paths if p.name.startswith("42_"))]:
                source = (
                    path.read_text()
                    .replace("@CANARY@", name)
                    .replace("@HOME@", os.path.expanduser("~"))
                )
                expect = source.split("\n")[0].removeprefix("# expect: ")
                limits = (HONEST_CPU, HONEST_WALL) if expect == "pass" else (CPU, WALL)
                verdict = judge(pool, source, plan, *limits)
                report[f"{path.stem}{'_again' if path.stem in report else ''}"] = {
                    "expect": expect,
                    "verdict": verdict,
                    "harmed": fingerprint(canary) != clean,
                    "left": leftovers(own),
                    "honest": judge(pool, honest, plan, HONEST_CPU, HONEST_WALL),
                }
    print(json.dumps({"uid": os.getuid(), "report": report}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Level[sys.argv[2]], sys.argv[3])
