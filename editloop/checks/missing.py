"""What a program needed and the sandbox does not have, seen from how it failed."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_NEEDS: tuple[tuple[str, str], ...] = (
    (
        r"OperationalError\b.*(connect|server)|could not connect to server|ServerSelectionTimeout"
        r"|redis\.exceptions\.ConnectionError|Can't connect to .*MySQL",
        "a database server",
    ),
    (
        r"gaierror|Temporary failure in name resolution|Name or service not known|getaddrinfo"
        r"|NewConnectionError|ConnectTimeout|Max retries exceeded|ClientConnector"
        r"|Network is unreachable|urlopen error",
        "the network",
    ),
    (
        r"no display name|(connect to|open) display|Qt platform plugin|No available video device"
        r"|Unable to init server|Gtk couldn't be initialized",
        "a display",
    ),
    (
        r"Inappropriate ioctl for device|termios\.error|setupterm|_curses\.error"
        r"|not a (tty|terminal)",
        "a terminal",
    ),
    (r"CUDA|NVIDIA driver|No GPU", "a GPU"),
)
_SOCKET = re.compile(r"socket|urllib|http|asyncio|ssl", re.IGNORECASE)
_ARGUMENTS = re.compile(
    r"error: (the following arguments are required|too few arguments)|Missing (argument|option)"
)
_NO_MODULE = re.compile(r"No module named '?([\w.]+)'?")
_PATH = re.compile(r"\[Errno (?:2|13)\][^:]*: '(/[^']+)'")


def missing(error: str, text: str, root: Path, *, has_input: bool) -> str:
    """What the sandbox lacked, in words; "" where a failure has another reason.

    ``error``: type and message of the exception, "" for none; ``text``: all that the program wrote
    as errors; ``has_input``: whether it was given a standard input.
    """
    last = error or text[-2000:]
    if error.startswith("EOFError") and not has_input:
        return "input (--stdin FILE gives it one)"
    if _ARGUMENTS.search(text) or (error.startswith("IndexError") and "sys.argv" in text):
        return "arguments"
    if "[Errno 1] Operation not permitted" in last and _SOCKET.search(text):
        return "the network"
    for pattern, words in _NEEDS:
        if re.search(pattern, last):
            return words
    if error.startswith("ModuleNotFoundError") and (found := _NO_MODULE.search(error)):
        return _package(found[1], root)
    if (found := _PATH.search(last)) and not Path(found[1]).is_relative_to(root):
        return f"{found[1]}, outside of the project" if os.path.exists(found[1]) else ""
    return "more memory" if error.startswith("MemoryError") else ""


def _package(module: str, root: Path) -> str:
    """A module that no file of the project nor the standard library could be."""
    name = module.partition(".")[0]
    if name in sys.stdlib_module_names:
        return ""
    own = any(
        (root / place / f"{name}{end}").exists() for place in ("", "src") for end in ("", ".py")
    )
    return "" if own else f"the package {name}"
