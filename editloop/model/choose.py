"""From a name to what repairs with it: the order of moves, and a model that fills in, or none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from editloop.model.backend import Model
from editloop.model.child import open_model
from editloop.model.scripted import ScriptedModel
from editloop.model.store import SCRIPT, chosen_path
from editloop.policy import Policy
from editloop.prior import PriorPolicy, shipped


@dataclass(frozen=True, slots=True)
class Chosen:
    """What orders the moves, and what writes text of its own (None: nothing does)."""

    policy: Policy
    model: Model | None = None


def choose(name: str | None = None, *, threads: int | None = None) -> Chosen:
    """By a model's name or path; None: the user's default, or moves alone where there is none.

    Of a LoRA, its base with it. Nothing is loaded yet. Raises EngineError, and ModelError for a
    script that cannot be read.
    """
    script = os.environ.get(SCRIPT)
    if script:
        return Chosen(PriorPolicy(shipped()), ScriptedModel.load(Path(script)))
    path = chosen_path(name)
    if path is None:
        return Chosen(PriorPolicy(shipped()))
    return Chosen(PriorPolicy(shipped()), open_model(path, threads=threads))
