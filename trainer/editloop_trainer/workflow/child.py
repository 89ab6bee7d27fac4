"""``python -m editloop_trainer.workflow.child ARGUMENTS``: ``editloop``, ended with its parent.

Standard input is a pipe that the parent holds open and never writes to: at its end the parent is
gone, however it went, and this process group must not go on writing beside a new run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)  # the parent made this process the leader of its group
    os._exit(1)


def main() -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from editloop.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
