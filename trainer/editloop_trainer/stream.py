"""Ordered parallel work over items with output that can be resumed: the same bytes for any number
of workers, and for any number of interruptions."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import IO, Any, TypeVar

from rich.progress import Progress

from editloop_trainer.files import write_json

SAVE_SECONDS = 2.0
"""A kill costs the work of this time."""


class StreamError(Exception):
    """An output cannot be gone on with."""


Item = TypeVar("Item")
Made = TypeVar("Made")
Rows = Mapping[str, Sequence[str]]
"""Lines by the name of the output that they belong to."""


def stream(
    name: str,
    items: Sequence[Item],
    make: Callable[..., Callable[[Item], Rows]],
    outputs: Mapping[str, Path],
    *,
    arguments: tuple[object, ...] = (),
    workers: int = 2,
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Write the rows of all items in order; returns (rows written by this call, all done).

    ``make(*arguments)`` is called once in each worker process, and what it returns makes the rows
    of an item. Beside the first output a ``.progress.json`` keeps count. Raises StreamError where
    the outputs hold other work.
    """
    what = hashlib.sha256(f"{name} {len(items)} {arguments!r}".encode()).hexdigest()

    def made(done: int) -> Generator[Rows, None, None]:
        return parallel(make, items[done:], arguments=arguments, workers=workers)

    return append(name, len(items), made, outputs, what=what, minutes=minutes)


def append(
    name: str,
    total: int,
    made: Callable[[int], Generator[Rows, None, None]],
    outputs: Mapping[str, Path],
    *,
    what: str,
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Write the rows of ``total`` items, which ``made(done)`` yields from item ``done`` on.

    Returns and keeps count as ``stream``; ``what`` is a digest of the work. Raises StreamError
    where the outputs hold other work.
    """
    ledger = next(iter(outputs.values())).with_suffix(".progress.json")
    ledger.parent.mkdir(parents=True, exist_ok=True)
    done = _restore(ledger, outputs, what)
    if total and done >= total:
        return 0, True
    saved = time.monotonic()
    deadline = time.monotonic() + 60 * minutes if minutes else None
    files = {key: path.open("a", encoding="utf-8") for key, path in outputs.items()}
    count = 0
    try:
        with Progress() as progress, contextlib.closing(made(done)) as batches:
            bar = progress.add_task(name, total=total, completed=done)
            for rows in batches:
                for key, lines in rows.items():
                    count += len(lines)
                    files[key].writelines(f"{line}\n" for line in lines)
                done += 1
                progress.advance(bar)
                if time.monotonic() - saved > SAVE_SECONDS:
                    _save(ledger, what, done, files, outputs)
                    saved = time.monotonic()
                if deadline and time.monotonic() > deadline:
                    break
        _save(ledger, what, done, files, outputs)
    except StreamError:
        _save(ledger, what, done, files, outputs)
        raise
    finally:
        for file in files.values():
            file.close()
    return count, done >= total


def parallel(
    make: Callable[..., Callable[[Item], Made]],
    items: Sequence[Item],
    *,
    arguments: tuple[object, ...] = (),
    workers: int,
) -> Generator[Made, None, None]:
    """What ``make(*arguments)`` makes of each item, in order, by spawned processes.

    Raises StreamError where one of them dies, and whatever the work raises. Close it to stop early.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (make, arguments)) as pool:
        try:
            yield from pool.map(_worked, items, chunksize=4)
        except BrokenProcessPool as error:
            raise StreamError(
                "a worker process died, perhaps for want of memory: the same command goes on"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_work: Callable[[Any], Any]
"""What this worker process does with an item."""


def _begin(make: Callable[..., Callable[[Any], Any]], arguments: tuple[object, ...]) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    _work = make(*arguments)


def _worked(item: Any) -> Any:
    return _work(item)


def _save(
    ledger: Path, what: str, done: int, files: Mapping[str, IO[str]], outputs: Mapping[str, Path]
) -> None:
    for file in files.values():
        file.flush()
    sizes = {key: path.stat().st_size for key, path in outputs.items()}
    write_json(ledger, {"items": done, "bytes": sizes, "work": what})


def _restore(ledger: Path, outputs: Mapping[str, Path], what: str) -> int:
    """Cut the outputs to what is known to be whole; returns the items done.

    Raises StreamError for outputs of other settings or items, and for those that were shortened.
    """
    if not ledger.exists():
        for path in outputs.values():
            path.unlink(missing_ok=True)
        return 0
    row = json.loads(ledger.read_text())
    if row["work"] != what:
        raise StreamError(
            f"{ledger} is of other settings or other data: remove it to begin again, "
            "or choose another output"
        )
    for name, path in outputs.items():
        size = path.stat().st_size if path.exists() else 0
        if size < row["bytes"][name]:
            raise StreamError(f"{path} was shortened: remove {ledger} to begin again")
        os.truncate(path, row["bytes"][name])
    return int(row["items"])
