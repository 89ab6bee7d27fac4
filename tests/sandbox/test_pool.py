"""The pool: limits, cancelling, forged frames, a zygote that dies, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from editloop.checks.plans import plan_asserts
from editloop.checks.testruns import run_plan
from editloop.sandbox import Job, Level, SandboxError, SandboxPool, SandboxUnavailable, detect_level

from .hostile_run import descendants

REPO = Path(__file__).parents[2]
PLAN = plan_asserts(["f(1) == 2"])
HONEST = "def f(x): return x + 1"


def test_sub_second_limits(pool: SandboxPool) -> None:
    for source, cpu, wall, end in (
        ("while 1: pass", 0.2, 5, "cpu"),
        ("import time; time.sleep(9)", 1, 0.2, "wall"),
    ):
        start = time.monotonic()
        answers = pool.run(Job({"kind": "calls", "source": source, "items": []}, cpu, wall))
        assert answers.end == end
        assert answers.frames == ()
        assert time.monotonic() - start < 3


def test_cancel_is_quick(pool: SandboxPool) -> None:
    run_plan(pool, HONEST, PLAN)
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        job = Job({"kind": "calls", "source": "while 1: pass", "items": []}, 30, 30)
        running = threads.submit(pool.run, job, cancel)
        time.sleep(0.2)
        start = time.monotonic()
        cancel.set()
        assert running.result(5).end == "cancelled"
        assert time.monotonic() - start < 0.5  # 0.1 s on a machine that is not busy
    assert pool.run(job, cancel).end == "cancelled"


FORGED = {
    "flood": "import os\nwhile 1: os.write(3, b'\\0\\0\\0\\1' + b'1')",
    "huge length": "import os\nos.write(3, b'\\xff' * 4)",
    "not json": "import os\nos.write(3, b'\\0\\0\\0\\2{]' * 9)",
    "nested": "import os\nos.write(3, (100000).to_bytes(4, 'big') + b'[' * 100000)",
    "lists": "import os\nos.write(3, b'\\0\\0\\0\\2[]' * 9)",
    "numbered": 'import os\nb = b\'{"n":0,"ret":{"r":true,"t":[]}}\'\nfor k in range(9): os.write(3, len(b).to_bytes(4, \'big\') + b)',  # noqa: E501
    "bad value": "import os\nb = b'{\"n\":-1}'\nos.write(3, len(b).to_bytes(4, 'big') + b)\nb = b'{\"n\":0,\"ret\":7}'\nos.write(3, len(b).to_bytes(4, 'big') + b)",  # noqa: E501
    "fault": "import os\nb = b'{\"fault\":\"x\"}'\nos.write(3, len(b).to_bytes(4, 'big') + b)",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_frames(pool: SandboxPool, name: str) -> None:
    (outcome,) = run_plan(pool, FORGED[name], PLAN)
    assert outcome.status != "pass"
    assert run_plan(pool, HONEST, PLAN)[0].status == "pass"


def test_a_dead_zygote_is_a_failure_and_is_replaced(pool: SandboxPool) -> None:
    level = pool.level
    with SandboxPool(1, level) as own:
        before = descendants(os.getpid())
        assert run_plan(own, HONEST, PLAN)[0].status == "pass"
        zygote = descendants(os.getpid()) - before
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(run_plan, own, "import time\ntime.sleep(5)\n" + HONEST, PLAN)
            time.sleep(0.3)
            for pid in zygote:
                os.kill(pid, signal.SIGKILL)
            (outcome,) = running.result(10)
        assert (outcome.status, outcome.got) == ("error", "the sandbox was lost")
        assert run_plan(own, HONEST, PLAN)[0].status == "pass"
    assert not descendants(os.getpid()) - before
    with pytest.raises(SandboxError):
        own.run(Job({"kind": "calls", "source": "", "items": []}))


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_nothing_outlives_the_parent(pool: SandboxPool, how: str) -> None:
    script = (
        "import os, sys\nfrom editloop.sandbox import *\n"
        f"pool = SandboxPool(1, Level.{pool.level.name})\n"
        "pool.run(Job({'kind': 'calls', 'source': '', 'items': []}))\n"
        "print('ready', flush=True)\nsys.stdin.read()\n"
    )
    env = os.environ | {"PYTHONPATH": str(REPO)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        children = descendants(parent.pid)
        assert children
        if how == "kill":
            parent.kill()
        parent.communicate()
    for _ in range(100):
        if not [pid for pid in children if Path(f"/proc/{pid}").exists()]:
            break
        time.sleep(0.02)
    else:
        pytest.fail("processes are left")


def test_many_threads_share_a_pool(pool: SandboxPool) -> None:
    with ThreadPoolExecutor(8) as threads:
        runs = threads.map(
            lambda k: run_plan(pool, f"def f(x): return {k}", PLAN)[0].status, range(24)
        )
        assert list(runs) == ["pass" if k == 2 else "fail" for k in range(24)]


def test_candidates_are_alike_in_every_sandbox(pool: SandboxPool) -> None:
    plan = plan_asserts(["f() == 0"])
    source = (
        "import random\ndef f(): return [str({'a', 'b', 'c', 'd'}), random.random(), hash('x')]"
    )
    got = {run_plan(pool, source, plan)[0].got for _ in range(3)}
    with SandboxPool(1, pool.level) as other:
        got.add(run_plan(other, source, plan)[0].got)
    assert len(got) == 1


def test_the_report_is_cached_and_f_is_refused() -> None:
    report = detect_level()
    assert report is detect_level()
    assert report.level.name in report.reason
    with pytest.raises(SandboxUnavailable):
        SandboxPool(1, Level.F)


@pytest.mark.parametrize("platform", ["darwin", "win32", "plan9"])
def test_a_system_that_is_not_supported_runs_no_code(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    report = detect_level.__wrapped__()
    assert report.level is Level.F
    assert f"{platform} is not supported" in report.reason
