"""Questions to the person with two answers, each asked once until it is answered."""

from __future__ import annotations

import asyncio
from typing import Literal

from lsprotocol import types

from editloop_lsp.protocol import Protocol

_SECONDS = 60.0
_LESS_SECONDS = 20.0
"""How long a person may take to answer before a fix goes on without what was asked for, and one
whose client does not say that it shows questions."""
Said = Literal["yes", "no", "nothing", "silence"]


class Questions:
    """Remembers the answers, by what each question is about, until the server ends."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._answers: dict[str, asyncio.Task[Said]] = {}

    async def ask(self, about: str, text: str, agree: str, refuse: str) -> Said:
        """The answer. Who closed the question is asked again another time, but not a client that
        does not know questions."""
        task = self._answers.get(about)
        if task is None:
            task = self._answers[about] = asyncio.create_task(self._ask(text, agree, refuse))
        answer = await asyncio.shield(task)
        if answer == "nothing":
            self._answers.pop(about, None)
        return answer

    async def _ask(self, text: str, agree: str, refuse: str) -> Said:
        knows = self._protocol.client.declares_questions
        answer = await self._protocol.ask(
            types.WINDOW_SHOW_MESSAGE_REQUEST,
            types.ShowMessageRequestParams(
                type=types.MessageType.Info,
                message=text,
                actions=[types.MessageActionItem(agree), types.MessageActionItem(refuse)],
            ),
            seconds=_SECONDS if knows else _LESS_SECONDS,
        )
        if answer.ok and answer.result is not None:
            return "yes" if answer.result.title == agree else "no"
        return "nothing" if knows or answer.ok else "silence"
