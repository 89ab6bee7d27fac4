"""What helps to understand a problem: versions, processes, models, sandbox, settings."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from editloop import __version__
from lsp_server.workers import WorkerError

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

_PACKAGES = ("pygls", "lsprotocol", "llama-cpp-python", "ruff")


async def describe(server: EditloopServer) -> str:
    """Markdown, without the text of any document."""
    settings = await server.configuration.of("")
    try:
        models = await server.checker.request("models")
        listed = [f"{m['name']} ({m['path']}){' *' * m['default']}" for m in models]
    except WorkerError as error:
        listed = [str(error)]
    state = server.status
    rows = {
        "editloop": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        **{name: _version(name) for name in _PACKAGES},
        "server process": str(os.getpid()),
        "fix process": _process(server.fixer.pid, server.fixer.restarts),
        "check process": _process(server.checker.pid, server.checker.restarts),
        "model": f"{state.model or '-'}, {state.model_state} {state.model_text}".strip(),
        "models": ", ".join(listed),
        "sandbox": json.dumps(server.trust.sandbox) if server.trust.sandbox else "not asked yet",
        "trusted": json.dumps(server.trust.trusted),
        "open documents": str(len(server.documents)),
        "jobs": str(len(server.jobs.running)),
        "position encoding": server.encoding,
        "client": json.dumps(asdict(server.client)),
        "settings": json.dumps(asdict(settings)),
    }
    lines = [f"| {name} | {value.replace('|', '/')} |" for name, value in rows.items()]
    return "\n".join(["# editloop", "", "| | |", "|---|---|", *lines]) + "\n"


def _process(pid: int | None, restarts: int) -> str:
    return f"{pid or 'not running'}, restarted {restarts} times"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
