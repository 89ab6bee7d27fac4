"""Processes that are killed, and disks that are full."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_killed_process(work: Callable[[], object]) -> None:
    """Run ``work`` in a child that has to end by SIGKILL.

    A fork: starting anew would import torch once more. torch must run on one thread.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - nothing may leave the child
            traceback.print_exc(file=sys.__stderr__)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child came to its end"
    assert os.WTERMSIG(status) == signal.SIGKILL


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file may grow above ``size`` bytes, as on a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
