"""How a base reads and writes a turn."""

from __future__ import annotations

import enum

from editloop.model.turns import RENDERING


class Rendering(enum.StrEnum):
    """A place and a text (``editloop.model.turns``), or a command in a conversation."""

    places = RENDERING
    chat = "chat"
