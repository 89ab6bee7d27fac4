"""How a base reads and writes a repair."""

from __future__ import annotations

import enum

from editloop.model.turns import RENDERING


class Rendering(enum.StrEnum):
    """A place and a text a turn (``editloop.model.turns``), a command a turn in a conversation, or
    the whole program at once (``editloop.model.whole``)."""

    places = RENDERING
    chat = "chat"
    direct = "direct"
