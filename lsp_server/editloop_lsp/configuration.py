"""Settings of each document, as the client has them."""

from __future__ import annotations

import asyncio

from lsprotocol import types

from editloop_lsp.protocol import Protocol
from editloop_lsp.settings import SECTION, Settings, ours, read

_SECONDS = 2.0
"""How long a client may take to answer."""


class Configuration:
    """Asks the client for each document's settings once, and again after ``changed``."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._pushed: object = None
        self._by_uri: dict[str, asyncio.Task[Settings]] = {}
        self._told: set[str] = set()

    def push(self, raw: object) -> None:
        """Settings that the client sent by itself: for all documents where it cannot be asked.

        Some clients send an empty object, or other servers' settings, which change nothing.
        """
        self._pushed = ours(raw) or self._pushed
        self.changed()

    def changed(self) -> None:
        self._by_uri.clear()
        self._told.clear()

    def forget(self, uri: str) -> None:
        self._by_uri.pop(uri, None)

    async def of(self, uri: str) -> Settings:
        """The settings of a document, "" for those of no document."""
        task = self._by_uri.get(uri)
        if task is None:
            task = self._by_uri[uri] = asyncio.create_task(self._ask(uri))
        return await asyncio.shield(task)

    async def _ask(self, uri: str) -> Settings:
        if not self._protocol.client.configuration:
            return read(self._pushed, self._complain)
        item = types.ConfigurationItem(scope_uri=uri or None, section=SECTION)
        answer = await self._protocol.ask(
            types.WORKSPACE_CONFIGURATION, types.ConfigurationParams([item]), seconds=_SECONDS
        )
        got = answer.result[0] if answer.ok and answer.result else None
        return read(self._pushed if got is None else got, self._complain)

    def _complain(self, text: str) -> None:
        """Tell the person of a wrong value, once until the settings change."""
        if text not in self._told:
            self._told.add(text)
            self._protocol.show(text, types.MessageType.Warning)
