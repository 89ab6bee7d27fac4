"""The steps that a state may take: which there are, which the parser likes, in what order.

Parsing one candidate takes a fraction of a millisecond, and says more than the order of moves.
So of a broken text the parser looks at every step first, and the policy orders what it leaves.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, reduce

from editloop.budget import raise_if_set
from editloop.document.commands import Command, CommandError, Step
from editloop.document.state import EditState, apply
from editloop.document.transcript import Finding, Transcript
from editloop.moves import moves_in, renames, resorts_in
from editloop.moves.blocks import blocks, unlikely_blocks
from editloop.moves.context import Context, build, is_syntax_finding, undefined_names
from editloop.moves.guards import guards
from editloop.moves.lacking import lacking
from editloop.moves.missing import definitions
from editloop.moves.tables import COMMON_METHODS
from editloop.policy import Policy
from editloop.python.lexer import shape
from editloop.python.scope import bound_names
from editloop.python.syntax import check_syntax, is_unreadable

MAX_CHARS = 3_000_000
"""Characters of all texts that are parsed for one state: about two seconds at the most."""
DOUBT = 0.2
_TRIES = 3
_HIDING = 1 << 30
_BINDS = 1000
"""Uses of a name that one binding outweighs."""


def steps(state: EditState, findings: Sequence[Finding]) -> list[Step]:
    """Every legal step: moves of one command, then blocks."""
    context = build(state, findings)
    return list(dict.fromkeys([*((move,) for move in moves_in(context)), *blocks(context)]))


def resorts(state: EditState, findings: Sequence[Finding]) -> list[Step]:
    """Steps that are tried when every other one has failed: unlikely blocks, small expressions."""
    context = build(state, findings)
    return [*unlikely_blocks(context), *((move,) for move in resorts_in(context))]


def obvious(state: EditState, findings: Sequence[Finding]) -> list[Step]:
    """Steps that are tried before any policy is asked: a name that does not exist is replaced by a
    close one or defined, an argument that a call lacks is what is called like it, what may be None
    gets a guard."""
    context = build(state, findings)
    if context.broken:
        return []
    moves = [*renames(context), *lacking(context, findings)]
    found = [*((move,) for move in moves), *definitions(context), *guards(context, findings)]
    return list(dict.fromkeys(found))


def promising(
    state: EditState,
    findings: Sequence[Finding],
    options: Sequence[Step],
    cancel: threading.Event | None = None,
) -> list[Step]:
    """The steps that go before all others: what the parser finds helpful, or what settles a name
    that nothing binds. None where the findings say neither. Raises Cancelled."""
    if any(is_syntax_finding(finding) for finding in findings):
        return helpful(state, options, cancel)
    return settling(state, findings, options, cancel)


def helpful(
    state: EditState, options: Iterable[Step], cancel: threading.Event | None = None
) -> list[Step]:
    """The steps after which the text parses, can be read as tokens, or its first error is closer to
    its end.

    Of a large file only what follows the last safe place before the window is parsed. Raises
    Cancelled.
    """
    cut = _safe_line(state)
    left, size = _left(state, cut), max(1, len(_text(state, cut)))
    if left == 0:
        return []
    found: list[Step] = []
    for step, _ in zip(options, range(MAX_CHARS // size), strict=False):
        raise_if_set(cancel)
        try:
            after = reduce(apply, step, state)
        except CommandError:
            continue
        if _left(after, cut) < left:
            found.append(step)
    return found


def settling(
    state: EditState,
    findings: Sequence[Finding],
    options: Iterable[Step],
    cancel: threading.Event | None = None,
) -> list[Step]:
    """The steps after which what nothing here binds is used less often, or is bound.

    Empty where no finding calls a name unknown, or the window binds it, or it may well be an
    attribute of something: then what is wrong may be elsewhere. Raises Cancelled.
    """
    told = [finding for finding in findings if "'NoneType' object" not in finding.text]
    names = undefined_names(told) - COMMON_METHODS
    if not names:
        return []
    context = build(state, told)
    unknown = {name for name in names if not _is_bound(context, name)}
    if not unknown:
        return []

    @cache
    def lacks(text: str) -> int:
        line = shape(text)
        used = sum(token.text in unknown for token in line.tokens if token.kind == "name")
        return used - _BINDS * len(unknown.intersection(bound_names(line)))

    before = sum(map(lacks, state.window))
    found = []
    for step in options:
        raise_if_set(cancel)
        try:
            after = reduce(apply, step, state)
        except CommandError:
            continue
        if sum(map(lacks, after.window)) < before:
            found.append(step)
    return found


def _is_bound(ctx: Context, name: str) -> bool:
    """Whether a line assigns or defines a variable, a method or an attribute of that name."""
    for line in ctx.lines:
        words = [token.text for token in line.shape.tokens]
        if name in bound_names(line.shape) or (".", name, "=") in zip(
            words, words[1:], words[2:], strict=False
        ):
            return True
    return False


def _left(state: EditState, cut: int) -> int:
    """Lines from the first syntax error to the end of the text; 0 without an error, and more than
    there are where a token cannot be read, which hides all other errors.

    Counted from the end, so that inserting and deleting lines above an error is no progress.
    """
    broken = check_syntax(_text(state, cut))
    if broken is None:
        return 0
    left = max(1, len(state.document.lines) - cut - (broken.line or 0))
    return left + _HIDING if is_unreadable(broken) else left


def _text(state: EditState, cut: int) -> str:
    return "".join(line.text + line.end for line in state.document.lines[cut:])


def _safe_line(state: EditState) -> int:
    """A line above the window where a definition begins after text that parses; 0 for none.

    Not the window's first line: a step may put it into a class further up.
    """
    lines = state.document.lines
    first = state.view[0] if state.view else 0
    starts = (
        i for i in range(first - 1, 0, -1) if lines[i].text.startswith(("def ", "class ", "@"))
    )
    for cut, _ in zip(starts, range(_TRIES), strict=False):
        if check_syntax("".join(line.text + line.end for line in lines[:cut])) is None:
            return cut
    return 0


def ordered(
    policy: Policy,
    transcript: Transcript,
    steps: Sequence[Step],
    *,
    screened: bool = False,
    seed: int,
) -> Iterator[tuple[Step, float]]:
    """Steps with their log-probability, most probable first.

    Of steps that begin with the same command the first has its probability, the second half of it,
    the third a third. ``screened``: as if there were no other steps.
    """
    known: dict[Command, list[Step]] = {}
    for step in steps:
        known.setdefault(step[0], []).append(step)
    found = (
        (step, proposal.log_prob - math.log1p(at))
        for proposal in policy.propose(transcript, list(known), seed=seed)
        for at, step in enumerate(known.get(proposal.command, [(proposal.command,)]))
    )
    yield from _shared(found) if screened else found


def _shared(steps: Iterable[tuple[Step, float]]) -> Iterator[tuple[Step, float]]:
    """Steps with probabilities that sum to one: the parser has ruled out all others.

    A share of ``DOUBT`` is spread evenly: what the parser likes is never as unlikely as a policy
    may find it.
    """
    found = sorted(steps, key=lambda item: -item[1])
    most = max((log_prob for _, log_prob in found), default=0.0)
    weights = [math.exp(log_prob - most) for _, log_prob in found]
    total = sum(weights)
    for (step, _), weight in zip(found, weights, strict=True):
        yield step, math.log((1 - DOUBT) * weight / total + DOUBT / len(found))
