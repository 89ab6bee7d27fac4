"""What helps to understand a problem: versions, processes, models, sandbox, settings."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata

from editloop import __version__
from editloop_lsp.configuration import Configuration
from editloop_lsp.documents import Documents
from editloop_lsp.jobs import Jobs
from editloop_lsp.protocol import Protocol
from editloop_lsp.status import ServerStatus
from editloop_lsp.trust import Trust
from editloop_lsp.workers import WorkerError, WorkerProcess

_PACKAGES = ("pygls", "lsprotocol", "llama-cpp-python", "ruff")


@dataclass(frozen=True, slots=True)
class DebugInformation:
    """The parts of a server that are looked at where something goes wrong."""

    protocol: Protocol
    documents: Documents
    configuration: Configuration
    jobs: Jobs
    status: ServerStatus
    trust: Trust
    fixer: WorkerProcess
    checker: WorkerProcess

    async def command(self, *_: object) -> dict[str, str]:
        """``{"markdown"}``: a table, without the text of any document."""
        settings = await self.configuration.of("")
        try:
            models = await self.checker.request("models")
            listed = [f"{m['name']} ({m['path']}){' *' * m['default']}" for m in models]
        except WorkerError as error:
            listed = [str(error)]
        state = self.status
        rows = {
            "editloop": __version__,
            "python": f"{platform.python_version()} ({sys.executable})",
            "system": platform.platform(),
            **{name: _version(name) for name in _PACKAGES},
            "server process": str(os.getpid()),
            "fix process": _process(self.fixer.pid, self.fixer.restarts),
            "check process": _process(self.checker.pid, self.checker.restarts),
            "model": f"{state.model or '-'}, {state.model_state} {state.model_text}".strip(),
            "models": ", ".join(listed),
            "sandbox": json.dumps(state.sandbox) if state.sandbox else "not asked yet",
            "trusted": json.dumps(self.trust.trusted),
            "open documents": str(len(self.documents)),
            "jobs": str(len(self.jobs.running)),
            "position encoding": self.protocol.client.encoding,
            "client": json.dumps(asdict(self.protocol.client)),
            "settings": json.dumps(asdict(settings)),
        }
        lines = [f"| {name} | {value.replace('|', '/')} |" for name, value in rows.items()]
        return {"markdown": "\n".join(["# editloop", "", "| | |", "|---|---|", *lines, ""])}


def _process(pid: int | None, restarts: int) -> str:
    return f"{pid or 'not running'}, restarted {restarts} times"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
