"""Questions and answers as JSON data, between the process that asks a model and the one that runs
it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from editloop.model.backend import Chat, Gap, Plain, Prompt, Sampling

_KINDS = {"gap": Gap, "chat": Chat, "plain": Plain}


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON data; `kind` names its class."""
    kind = next(name for name, made in _KINDS.items() if isinstance(prompt, made))
    return {"kind": kind, **asdict(prompt)}


def read_prompt(row: dict[str, Any]) -> Prompt:
    """The prompt that `prompt_row` made a row of."""
    fields = {key: value for key, value in row.items() if key != "kind"}
    if row["kind"] == "chat":
        fields["messages"] = tuple((role, text) for role, text in fields["messages"])
    prompt: Prompt = _KINDS[row["kind"]](**fields)
    return prompt


def read_sampling(row: dict[str, Any]) -> Sampling:
    """The sampling whose fields are given as JSON data."""
    return Sampling(**row | {key: tuple(row[key]) for key in ("stop", "unlike", "rewrites")})
