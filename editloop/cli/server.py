"""The option ``--server URL``: a model behind a server; one elsewhere has to be allowed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from editloop.cli import CliError

if TYPE_CHECKING:
    from editloop.model.server import ServerModel

SERVER_HELP = "An OpenAI-compatible server: URL, or URL#MODEL. On this machine, or allowed once."
"""The help of the option."""


def open_server(url: str, confirm: Callable[[str], bool] | None = None) -> ServerModel:
    """The model behind a server; nothing is sent yet.

    One on another machine is asked about once on a terminal (``confirm``, None: by typing y) and
    the answer remembered. Raises CliError where the answer is no, or nobody can be asked.
    """
    from editloop.model.backend import ModelError
    from editloop.model.consent import ASK, REFUSED, allow, is_allowed, servers_file
    from editloop.model.server import ServerModel

    try:
        if not is_allowed(url):
            if not sys.stdin.isatty():
                raise CliError(
                    f"{url} is on another machine and would get your code: run the command once "
                    f"on a terminal and allow it, or add its address to {servers_file()}"
                )
            ask = confirm or (lambda text: typer.confirm(text, err=True))
            if not ask(ASK.format(url=url)):
                raise CliError(REFUSED.format(url=url))
            allow(url)
        return ServerModel(url, allow_remote=True)
    except (ModelError, OSError) as error:
        raise CliError(str(error)) from error
