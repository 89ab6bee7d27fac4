"""From a name to what repairs with it: the order of moves, and a model that fills in, or none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from editloop.model.backend import Model
from editloop.model.child import open_model
from editloop.model.scripted import ScriptedModel
from editloop.models import NO_MODEL, chosen_default, find_model
from editloop.policy import Policy
from editloop.prior import PriorPolicy, shipped

SECONDS, SECONDS_WITH_MODEL = 10.0, 60.0
"""Budgets where a person gives none. Chosen: moves find nearly all they find in 10 seconds, a model
of a billion parameters on two cores answers about ten questions in 60."""
SCRIPT = "EDITLOOP_SCRIPTED_MODEL"
"""The environment variable that names a file for `scripted`, which then takes part in place of a
model."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What orders the moves, and what writes text of its own (None: nothing does)."""

    policy: Policy
    model: Model | None = None


def chosen_path(name: str | None = None) -> Path | None:
    """The file that `choose` takes; None where it takes none. Raises ModelNotFound."""
    if name == NO_MODEL or (name is None and chosen_default() in (None, NO_MODEL)):
        return None
    return find_model(name)


def default_seconds(name: str | None, server: str | None) -> float:
    """The budget where a person gives none: a model needs seconds for each place that it fills in.

    Raises ModelNotFound."""
    with_model = server is not None or SCRIPT in os.environ or chosen_path(name) is not None
    return SECONDS_WITH_MODEL if with_model else SECONDS


def declines_model(name: str | None = None) -> bool:
    """Whether the user wants moves alone, by the name or as default."""
    return (name or chosen_default()) == NO_MODEL


def choose(name: str | None = None, *, threads: int | None = None) -> Chosen:
    """By a model's name or path; None: the user's default, or moves alone where there is none.

    Of a LoRA, its base with it. Nothing is loaded yet. Raises EngineError, and ModelError for a
    script that cannot be read.
    """
    script = os.environ.get(SCRIPT)
    if script:
        return Chosen(PriorPolicy(shipped()), ScriptedModel.load(Path(script)))
    path = chosen_path(name)
    model = None if path is None else open_model(path, threads=threads)
    return Chosen(PriorPolicy(shipped()), model)
