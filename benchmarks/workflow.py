"""`editloop train-and-export`, killed at random moments and started again until it is done.

    python benchmarks/workflow.py --kills 3 --minutes 20 -- --corpus .

What follows ``--`` goes to the command. Prints each attempt and the summary of the last, then lets
the model repair a file. The store and the work folder are temporary unless --folder names a place.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[1] / "examples" / "median.py"
NAME = "trained"


def attempt(
    command: list[str], environment: dict[str, str], kill_after: float | None
) -> dict[str, Any]:
    """The last object that one run printed; {} and no more where it was killed first."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    timer = None
    if kill_after is not None:
        timer = threading.Timer(kill_after, process.send_signal, [signal.SIGKILL])
        timer.start()
    row: dict[str, Any] = {}
    assert process.stdout is not None
    for line in process.stdout:
        row = json.loads(line)
    code = process.wait()
    if timer is not None:
        timer.cancel()
    where = row.get("step", "the end")
    print(f"{time.monotonic() - started:7.0f} s  exit {code}  at {where}", flush=True)
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"failed: {row.get('error', row)}")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("rest", nargs="*", help="for train-and-export")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        environment = {**os.environ, "XDG_DATA_HOME": str(folder / "data")}
        editloop = [sys.executable, "-m", "editloop"]
        command = [*editloop, "train-and-export", "--name", NAME, "--progress", "json"]
        command += ["--minutes", str(options.minutes), "--work", str(folder / "work")]
        command += options.rest
        rng = random.Random(options.seed)
        share = 60 * options.minutes / (options.kills + 1)  # all kills come before the end
        started = time.monotonic()
        for kill in range(options.kills):
            row = attempt(command, environment, rng.uniform(0.05, 1.0) * share)
            if row.get("done"):
                print(f"done before kill {kill + 1}")
                break
        row = attempt(command, environment, None)
        print(f"{(time.monotonic() - started) / 60:.1f} minutes in all")
        print(json.dumps(row, indent=1))
        fix = [*editloop, "fix", str(EXAMPLE), "--model", NAME, "--budget", "30"]
        print(f"exit code of fix: {subprocess.run(fix, env=environment, check=False).returncode}")


if __name__ == "__main__":
    main()
