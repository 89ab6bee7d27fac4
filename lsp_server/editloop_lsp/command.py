"""``editloop serve``: the language server."""

from __future__ import annotations

from typing import Annotated

import typer

from editloop.cli import CliError


def serve(
    tcp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve one connection there, for development."),
    ] = None,
) -> None:
    """Run the language server on stdin and stdout; its log goes to stderr."""
    import gc
    import logging

    # The protocol's types are most of a start and stay for good: no collection has to look at them.
    gc.disable()
    from editloop_lsp.server import EditloopServer
    from editloop_lsp.transport import serve_stdio, serve_tcp

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    protocol = EditloopServer().protocol
    gc.freeze()
    gc.enable()
    if tcp is None:
        code = serve_stdio(protocol)
    else:
        host, _, port = tcp.rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise CliError(f"--tcp {tcp}: give HOST:PORT, such as localhost:2087")
        code = serve_tcp(protocol, host.strip("[]") or "localhost", int(port))
    logging.shutdown()
    import os

    os._exit(code)  # a thread may still wait for stdin, and would hold the interpreter up
