"""What begins with a session, and what the client tells of itself later: settings and trust."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from lsp_server.client import describe
from lsp_server.configuration import Configuration
from lsp_server.diagnostics import Diagnostics
from lsp_server.protocol import Protocol
from lsp_server.settings import Settings
from lsp_server.status import ServerStatus
from lsp_server.trust import Trust
from lsp_server.workers import WorkerError, WorkerProcess

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """``fixer`` and ``checker`` are started with it, so that the first fix need not wait."""

    protocol: Protocol
    configuration: Configuration
    trust: Trust
    diagnostics: Diagnostics
    status: ServerStatus
    fixer: WorkerProcess
    checker: WorkerProcess

    def initialize(self, params: types.InitializeParams) -> None:
        self.protocol.client = client = describe(params)
        self.trust.trusted = client.trusted
        options = params.initialization_options
        if isinstance(options, Mapping):
            self.configuration.push(options.get("settings"))

    async def begin(self) -> None:
        """Runs beside the client's first requests."""
        if self.protocol.client.registers_configuration:
            item = types.Registration("configuration", types.WORKSPACE_DID_CHANGE_CONFIGURATION)
            params = types.RegistrationParams([item])
            await self.protocol.ask(types.CLIENT_REGISTER_CAPABILITY, params, seconds=5.0)
        settings = await self.configuration.of("")
        _set_log_level(settings.log_level)
        self.status.changed()
        if settings.enable:
            await self._warm_up(settings)

    async def did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        self.configuration.push(params.settings)
        self.diagnostics.settings_changed()
        _set_log_level((await self.configuration.of("")).log_level)

    def did_change_trust(self, params: Any) -> None:
        trusted = getattr(params, "trusted", None)
        if isinstance(trusted, bool):
            self.trust.trusted = trusted

    async def _warm_up(self, settings: Settings) -> None:
        try:
            await self.checker.request("ping")
            if settings.load_model == "startup" and not settings.server:
                await self.fixer.request("load", {"model": settings.model})
            else:
                await self.fixer.request("ping")
        except WorkerError as error:
            log.info("%s", error)


def _set_log_level(name: str) -> None:
    logging.getLogger("lsp_server").setLevel(name.upper())
