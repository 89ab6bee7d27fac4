"""Runs a Python program in this process as ``python FILE`` or ``python -m MODULE`` would, or
imports one file, and tells what it raised and where in the module under repair.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import importlib
import importlib.util
import json
import os
import runpy
import sys
import threading
import traceback
import types
from typing import Any, NoReturn

from editloop.sandbox.inner import tracing

_FRAMES = 40


def run(job: dict[str, Any], told: int) -> NoReturn:
    """Run a job to its end; what was raised goes to the descriptor ``told`` as JSON."""
    sys.argv = list(job["argv"])
    sys.path.insert(0, job["path"])
    lines: set[int] = set()
    if job["trace"]:
        tracing.record(job["trace"], lines)
    answer: dict[str, Any] = {}
    try:
        _start(job)
        code = 0
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException as error:  # noqa: BLE001 - it is the program's, and reported as such
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
        sys.settrace(None)
        error.__traceback__ = _own(error.__traceback__)
        answer["error"] = _described(error, job["file"])
        traceback.print_exception(type(error), error, error.__traceback__)
    sys.settrace(None)
    if job["trace"]:
        answer["lines"] = sorted(lines)
    data = json.dumps(answer).encode()
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(told, data) :]
    _leave(code)


def _start(job: dict[str, Any]) -> None:
    if job["how"] == "module":
        runpy.run_module(job["name"], run_name="__main__", alter_sys=True)
        return
    if job["how"] == "import":
        _load(job["name"], job["file"])
        return
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=job["name"], __builtins__=builtins, __cached__=None)
    sys.modules["__main__"] = main
    with open(job["name"], "rb") as file:
        code = compile(file.read(), job["name"], "exec", dont_inherit=True)
    exec(code, main.__dict__)


def _load(name: str, file: str) -> None:
    """Import one file under a dotted name, after the packages around it."""
    parent = name.rpartition(".")[0]
    if parent:
        importlib.import_module(parent)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _own(trace: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback from where the program begins: without this file and what starts modules."""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name not in ("<program>", runpy.__file__) and not name.startswith("<frozen "):
            return trace
        trace = trace.tb_next
    return None


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _leave(code: int) -> NoReturn:
    """What the interpreter does at its end."""
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            code = code or 120
    os._exit(code)


def _described(error: BaseException, file: str) -> dict[str, Any]:
    """Class names, message, and lines (0-based) of the frames in ``file``, the innermost last."""
    inner = _deepest(error, file)
    trace = inner.__traceback__
    lines = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            lines.append(trace.tb_lineno - 1)
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == file and error.lineno:
        lines.append(error.lineno - 1)
    return {
        "mro": [kind.__name__[:80] for kind in type(inner).__mro__[:20]],
        "msg": _text(inner)[:500],
        "frames": lines[-_FRAMES:],
    }


def _deepest(error: BaseException, file: str) -> BaseException:
    """Of a group of exceptions the first one inside that passed through ``file``."""
    for part in getattr(error, "exceptions", None) or ():
        if isinstance(part, BaseException):
            trace = part.__traceback__
            while trace is not None:
                if trace.tb_frame.f_code.co_filename == file:
                    return _deepest(part, file)
                trace = trace.tb_next
    return error


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a class of the program
        return ""
