"""Demonstrations: corruptions undone one command a turn, with what the checks say in between.

A row is ``{"v": 1, "observations": [{"window": [...], "findings": [[line | null, text], ...]}],
"commands": ["### REPW ...", ..., "### EXIT"], "family": [...], "source": id}``, with ``"mistakes":
[turn, ...]`` where a command is wrong on purpose and the next one takes it back. There is one
observation a command: nothing is seen after EXIT. The bytes depend on inputs and seed alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from editloop.commands import EXIT, Command, CommandError, render
from editloop.state import EditState, apply
from editloop.text import Snapshot
from editloop.transcript import observe
from editloop.verdict import Verdict
from editloop_trainer.corpus import Entry
from editloop_trainer.corruptions import (
    Change,
    Family,
    Fault,
    Module,
    compose,
    propose,
    training_families,
)
from editloop_trainer.corruptions.quotas import Quotas
from editloop_trainer.grading import Grader
from editloop_trainer.scenes import Scene, embed
from editloop_trainer.slips import slip, undoing
from editloop_trainer.windows import through_window

DEMO_VERSION = 1
Verify = Callable[[str], Verdict]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How many demonstrations a function gives, and of what kind.

    ``tested`` of an entry with tests, ``plain`` of any other; ``several`` is the share with 2 to 5
    faults, ``embedded`` that seen through a window on a longer file, ``untested`` the share of the
    entries with tests that go without them, ``silent`` the share of faults kept that no check sees,
    ``clean`` the share of entries that also give one demonstration with nothing wrong,
    ``recovery`` the share of demonstrations with a wrong edit that is taken back, ``families`` the
    names of the families that are used (empty for all of the training).
    """

    seed: int = 0
    tested: int = 40
    plain: int = 4
    several: float = 0.33
    embedded: float = 0.15
    untested: float = 0.12
    silent: float = 0.0
    clean: float = 0.03
    recovery: float = 0.0
    families: tuple[str, ...] = ()

    def chosen(self) -> tuple[Family, ...]:
        wanted = self.families
        return tuple(f for f in training_families() if not wanted or f.name in wanted)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration before it is written."""

    observations: tuple[dict[str, Any], ...]
    commands: tuple[Command, ...]
    mistakes: tuple[int, ...]
    family: tuple[str, ...]
    source: str

    def row(self) -> str:
        row: dict[str, Any] = {
            "v": DEMO_VERSION,
            "observations": self.observations,
            "commands": [render(c) for c in self.commands],
            "family": self.family,
            "source": self.source,
        }
        if self.mistakes:
            row["mistakes"] = self.mistakes
        return json.dumps(row, ensure_ascii=False)


Shown = tuple[tuple[dict[str, Any], ...], tuple[Command, ...], tuple[int, ...]]
"""Observations, commands, and the turns of commands that are wrong on purpose."""


def demonstrate(
    state: EditState,
    commands: Sequence[Command],
    verify: Verify,
    *,
    silent: bool = False,
    slips: Random | None = None,
) -> Shown | None:
    """One episode, which ends as soon as every check passes.

    None where the commands do not lead there, or where nothing was wrong to begin with. With
    ``silent`` all commands are played although the checks saw nothing; with ``slips`` one of them
    comes after a wrong one that is taken back.
    """
    observations: list[dict[str, Any]] = []
    played: list[Command] = []
    mistakes: list[int] = []
    slipping = slips.randrange(len(commands)) if slips and commands else None
    for turn, command in enumerate(commands):
        verdict = verify(state.text)
        if verdict.passed and not silent:
            break
        observations.append(_observation(state, verdict))
        wrong = slip(state, verdict, command, slips) if slips and turn == slipping else None
        if wrong is not None and not (after := verify(wrong[1].text)).passed:
            mistakes.append(len(played))
            played += [wrong[0], undoing(state, wrong[0])]
            observations += [_observation(wrong[1], after), _observation(state, verdict)]
        played.append(command)
        try:
            state = apply(state, command)
        except CommandError:
            return None
    verdict = verify(state.text)
    if not verdict.passed or not played:
        return None
    return (*observations, _observation(state, verdict)), (*played, EXIT), tuple(mistakes)


def _observation(state: EditState, verdict: Verdict) -> dict[str, Any]:
    seen = observe(state, verdict.findings)
    return {"window": list(seen.window), "findings": [list(f) for f in seen.findings]}


def entry_demos(
    entry: Entry,
    scene: Scene,
    neighbours: Sequence[str],
    grader: Grader,
    settings: DemoSettings,
    families: Sequence[Family] | None = None,
) -> Iterator[Demo]:
    """The demonstrations of one corpus entry in one scene (source, prelude, tests)."""
    rng = Random(f"{settings.seed}/{entry.id}/{scene.kind}")
    module = Module(scene.source)
    if not grader.reference_passes(scene):
        return
    wanted = settings.tested if scene.asserts else settings.plain
    faults = list(_visible(module, scene, grader, rng, wanted, families, settings))
    singles = [[fault] for fault, _ in faults]
    several = list(_combinations([f for f, silent in faults if not silent], rng, wanted, settings))
    hidden = {id(fault) for fault, silent in faults if silent}
    for group in singles + several:
        silent = id(group[0]) in hidden
        demo = _demo(entry, module, scene, neighbours, grader, group, rng, settings, silent)
        if demo is not None:
            yield demo
    if rng.random() < settings.clean:
        state = EditState.open(Snapshot.from_text(scene.source))
        seen = _observation(state, grader.verifier(scene.source, scene)(scene.source))
        yield Demo((seen,), (EXIT,), (), ("none",), entry.id)


def _visible(
    module: Module,
    scene: Scene,
    grader: Grader,
    rng: Random,
    wanted: int,
    families: Sequence[Family] | None,
    settings: DemoSettings,
) -> Iterator[tuple[Fault, bool]]:
    """(fault, whether no check sees it), distinct by the text that they give."""
    seen = {module.source}
    left = max(1, round(wanted * (1 - settings.several)))
    quotas = Quotas(settings.chosen() if families is None else families, bool(scene.asserts))
    for _ in range(4 * wanted):
        group = quotas.next()
        fault = propose(module, rng, quotas.families[group])
        corruption = compose(module, [fault]) if fault is not None else None
        if fault is None or corruption is None or corruption.source in seen:
            continue
        seen.add(corruption.source)
        silent = grader.verifier(corruption.source, scene)(corruption.source).passed
        if silent and rng.random() >= settings.silent:
            continue
        yield fault, silent
        quotas.found[group] += 1
        left -= 1
        if not left:
            return


def _combinations(
    faults: Sequence[Fault], rng: Random, wanted: int, settings: DemoSettings
) -> Iterator[list[Fault]]:
    if len(faults) < 2:
        return
    for _ in range(min(round(wanted * settings.several), len(faults))):
        size = rng.choices((2, 3, 4, 5), (10, 4, 1.5, 0.5))[0]
        yield rng.sample(list(faults), min(size, len(faults)))


def _demo(
    entry: Entry,
    module: Module,
    scene: Scene,
    neighbours: Sequence[str],
    grader: Grader,
    group: Sequence[Fault],
    rng: Random,
    settings: DemoSettings,
    silent: bool,
) -> Demo | None:
    view: tuple[int, ...] | None = None
    if neighbours and rng.random() < settings.embedded:
        placed = embed(module.source, neighbours)
        if placed is not None and all(f.change.start >= placed.first for f in group):
            group = [Fault(f.family, _shift(f.change, placed.offset)) for f in group]
            module = Module(placed.source)
            view = ()
    corruption = compose(module, _distinct(group))
    if corruption is None:
        return None
    commands: Sequence[Command] | None = corruption.commands
    if view is not None:
        view, commands = through_window(corruption, group[0].change.start)
    if commands is None:
        return None
    state = EditState.open(Snapshot.from_text(corruption.source), view)
    verify = grader.verifier(corruption.source, scene, view)
    slips = rng if settings.recovery and rng.random() < settings.recovery else None
    shown = demonstrate(state, commands, verify, silent=silent, slips=slips)
    if shown is None:
        return None
    return Demo(*shown, tuple(corruption.family.split("+")), entry.id)


def _shift(change: Change, offset: int) -> Change:
    return Change(change.start + offset, change.stop + offset, change.lines)


def _distinct(group: Sequence[Fault]) -> list[Fault]:
    """Faults that do not touch an earlier one of the group."""
    kept: list[Fault] = []
    for fault in group:
        a = fault.change
        if all(a.start > f.change.stop or f.change.start > a.stop for f in kept):
            kept.append(fault)
    return kept
