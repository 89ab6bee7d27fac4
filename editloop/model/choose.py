"""From a name to what repairs with it: the order of moves, and a model that fills in, or none."""

from __future__ import annotations

from dataclasses import dataclass

from editloop.engine.gguf_info import read_info
from editloop.engine.policy import load_policy
from editloop.model.backend import Model
from editloop.model.child import ChildModel
from editloop.models import NO_MODEL, chosen_default, find_model
from editloop.policy import Policy
from editloop.prior import PriorPolicy, shipped


@dataclass(frozen=True, slots=True)
class Chosen:
    """What orders the moves, and what writes text of its own (None: nothing does)."""

    policy: Policy
    model: Model | None = None


def choose(name: str | None = None, *, threads: int | None = None) -> Chosen:
    """By a model's name or path; None: the user's default, or moves alone where there is none.

    A GGUF that was trained for this tool's commands orders moves; any other fills in. Nothing is
    loaded yet but the former. Raises EngineError.
    """
    if name == NO_MODEL or (name is None and chosen_default() in (None, NO_MODEL)):
        return Chosen(PriorPolicy(shipped()))
    path = find_model(name)
    if read_info(path).transcript_version is not None:
        return Chosen(load_policy(path, threads=threads))
    return Chosen(PriorPolicy(shipped()), ChildModel(path, threads=threads))
