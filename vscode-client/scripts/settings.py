"""Writes the server's settings into package.json, beside those that only the extension has.

python vscode-client/scripts/settings.py [--check]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "vscode-client" / "package.json"

# Who may override what: VS Code's own notion, so it is said here and not by the server.
SCOPES = {
    "editloop.enable": "language-overridable",
    "editloop.model": "window",
    "editloop.server": "window",
    "editloop.loadModel": "window",
    "editloop.logLevel": "window",
    "editloop.preview": "window",
}

CLIENT: dict[str, Any] = {
    "editloop.path": {
        "type": "string",
        "default": "",
        "scope": "machine-overridable",
        "description": "Path of the editloop program; ~ and ${workspaceFolder} are replaced. "
        "Empty: the selected Python environment, then the PATH.",
    },
    "editloop.trace.server": {
        "type": "string",
        "default": "messages",
        "enum": ["messages", "compact", "verbose"],
        "scope": "window",
        "description": "How much of each message the output channel shows while its log level is "
        "Trace.",
    },
}


def properties() -> dict[str, Any]:
    """``contributes.configuration.properties`` as it has to be."""
    command = [sys.executable, "-m", "editloop_lsp.settings"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    server = {
        name: {**schema, "scope": SCOPES.get(name, "resource")}
        for name, schema in json.loads(printed).items()
    }
    return server | CLIENT


def main() -> int:
    package = json.loads(PACKAGE.read_text(encoding="utf-8"))
    configuration = package["contributes"]["configuration"]
    wanted = properties()
    if configuration["properties"] == wanted:
        return 0
    if "--check" in sys.argv[1:]:
        print(
            "package.json has other settings than the server: run vscode-client/scripts/settings.py"
        )
        return 1
    configuration["properties"] = wanted
    PACKAGE.write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
