"""Which servers on other machines the person allowed: they would get the person's code.

One file in the user's configuration, an address a line; the person may edit it.
"""

from __future__ import annotations

import os
from pathlib import Path

from editloop.model.jsonhttp import is_loopback, read_url
from editloop.model.replacing import replacing

ASK = "{url} is on another machine. May it get the code that is to be fixed?"
REFUSED = "{url} may not get your code: nothing was sent"


def servers_file() -> Path:
    """``editloop/servers`` in the user's configuration; it need not exist."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(home):  # the specification ignores relative ones
        return Path(home, "editloop", "servers")
    import platformdirs

    return platformdirs.user_config_path("editloop", appauthor=False) / "servers"


def is_allowed(url: str, file: Path | None = None) -> bool:
    """Whether a server is on this machine, or was allowed. Raises ModelError for no address."""
    parts = read_url(url)
    return is_loopback(parts.hostname or "") or _origin(url) in _allowed(file or servers_file())


def allow(url: str, file: Path | None = None) -> None:
    """Remember that a server may get code. Raises ModelError, OSError; nothing is half-written."""
    file = file or servers_file()
    allowed = [*_allowed(file)]
    origin = _origin(url)
    if origin in allowed:
        return
    with replacing(file) as out:
        out.write("".join(f"{line}\n" for line in [*allowed, origin]).encode())


def _allowed(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # what cannot be read allows nothing
        return []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _origin(url: str) -> str:
    """Scheme, host and port: what is allowed is a server, whatever its paths and models."""
    parts = read_url(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
