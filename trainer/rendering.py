"""How a base reads and writes a turn."""

from __future__ import annotations

import enum


class Rendering(enum.StrEnum):
    """A place and a text (``editloop.model.turns``), or a command in a conversation."""

    places = "places"
    chat = "chat"
