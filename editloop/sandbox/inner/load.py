"""Loads a candidate module and describes what it raises. Runs in the candidate's process."""

from __future__ import annotations

import builtins
import sys
import types
from functools import lru_cache
from typing import Any

CANDIDATE = "<candidate>"
MODULE = "candidate"
MESSAGE_CAP = 200
_BUILTIN = dict(vars(builtins))  # as it was before any candidate ran


def load(source: str, prelude: str = "") -> dict[str, Any]:
    """The namespace of prelude and source executed as one module; whatever they raise comes
    through.
    """
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module  # dataclasses and typing look their module up there
    namespace = module.__dict__
    if prelude:
        exec(compiled(prelude, "<prelude>"), namespace)
    exec(compiled(source, CANDIDATE), namespace)
    return namespace


@lru_cache(maxsize=8)
def compiled(source: str, file: str) -> types.CodeType:
    """The code of a module; a warm child gets the same prelude and tests again and again."""
    return compile(source, file, "exec", dont_inherit=True)


def innermost(error: BaseException, file: str) -> types.TracebackType | None:
    """The last entry of the exception's traceback that is in `file`."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            found = trace
        trace = trace.tb_next
    return found


def class_names(kind: type) -> list[str]:
    """Names of a class and its bases. A name that Python has for a class of its own stands for
    that class only: a namesake's has its module before it.
    """
    names = []
    for one in type.__dict__["__mro__"].__get__(kind)[:20]:
        name = str(type.__dict__["__name__"].__get__(one))
        own = _BUILTIN.get(name, one) is one
        names.append((name if own else f"{one.__module__}.{name}")[:80])
    return names


def describe(error: BaseException, file: str = CANDIDATE) -> dict[str, Any]:
    """Names of the exception's classes, its message (capped) and the last line of `file` in its
    traceback.
    """
    place = innermost(error, file)
    line = place.tb_lineno if place else None
    message = str(error)
    if isinstance(error, SyntaxError) and error.filename == file:
        message, line = str(error.msg), error.lineno
    return {"mro": class_names(type(error)), "msg": message[:MESSAGE_CAP], "line": line}
