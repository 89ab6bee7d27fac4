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

from editloop.checks.verdict import Verdict
from editloop.document.commands import EXIT, Command, CommandError, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import observe
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
_SIZES = ((2, 3, 4, 5), (10, 4, 1.5, 0.5))
"""Faults of a demonstration with several, and their weights."""
Verify = Callable[[str], Verdict]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How many demonstrations a function gives, and of what kind.

    ``tested`` of an entry with tests, ``plain`` of any other; ``several`` is the share with 2 to 5
    faults, ``embedded`` that seen through a window on a longer file, ``untested`` the share of the
    entries with tests that go without them, ``clean`` the share of entries that also give one
    demonstration with nothing wrong, ``recovery`` the share of demonstrations with a wrong edit
    that is taken back, ``families`` the names of those that are used (empty: all of the training).
    """

    seed: int = 0
    tested: int = 40
    plain: int = 4
    several: float = 0.33
    embedded: float = 0.15
    untested: float = 0.12
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
    slips: Random | None = None,
) -> Shown | None:
    """One episode, which ends as soon as every check passes.

    None where the commands do not lead there, or where nothing was wrong to begin with. With
    ``slips`` one of them comes after a wrong one that is taken back.
    """
    observations: list[dict[str, Any]] = []
    played: list[Command] = []
    mistakes: list[int] = []
    slipping = slips.randrange(len(commands)) if slips and commands else None
    for turn, command in enumerate(commands):
        verdict = verify(state.text)
        if verdict.passed:
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
) -> Iterator[Demo]:
    """The demonstrations of one corpus entry in one scene (source, prelude, tests)."""
    if not grader.reference_passes(scene):
        return
    maker = _Maker(entry, scene, neighbours, grader, settings)
    faults = list(maker.faults())
    for group in [*([fault] for fault in faults), *maker.combinations(faults)]:
        demo = maker.demo(group)
        if demo is not None:
            yield demo
    if maker.rng.random() < settings.clean:
        state = EditState.open(Snapshot.from_text(scene.source))
        seen = _observation(state, grader.verifier(scene.source, scene)(scene.source))
        yield Demo((seen,), (EXIT,), (), ("none",), entry.id)


class _Maker:
    """Makes the demonstrations of an entry, so many of each kind as the settings say."""

    def __init__(
        self,
        entry: Entry,
        scene: Scene,
        neighbours: Sequence[str],
        grader: Grader,
        settings: DemoSettings,
    ) -> None:
        self._entry, self._scene, self._neighbours = entry, scene, neighbours
        self._grader, self._settings = grader, settings
        self.rng = Random(f"{settings.seed}/{entry.id}/{scene.kind}")
        self._module = Module(scene.source)
        self._wanted = settings.tested if scene.asserts else settings.plain

    def faults(self) -> Iterator[Fault]:
        """Faults that a check sees, distinct by the text that they give."""
        seen = {self._module.source}
        left = max(1, round(self._wanted * (1 - self._settings.several)))
        quotas = Quotas(self._settings.chosen(), bool(self._scene.asserts))
        for _ in range(4 * self._wanted):
            group = quotas.next()
            fault = propose(self._module, self.rng, quotas.families[group])
            corruption = compose(self._module, [fault]) if fault is not None else None
            if fault is None or corruption is None or corruption.source in seen:
                continue
            seen.add(corruption.source)
            if self._grader.verifier(corruption.source, self._scene)(corruption.source).passed:
                continue
            yield fault
            quotas.found[group] += 1
            left -= 1
            if not left:
                return

    def combinations(self, faults: Sequence[Fault]) -> list[list[Fault]]:
        """Two to five of the faults at once."""
        number = min(round(self._wanted * self._settings.several), len(faults))
        return [
            self.rng.sample(faults, min(self.rng.choices(*_SIZES)[0], len(faults)))
            for _ in range(number if len(faults) > 1 else 0)
        ]

    def demo(self, group: Sequence[Fault]) -> Demo | None:
        """The demonstration of some faults, a share of them in a longer file; None where the
        commands do not lead back."""
        module, rng, settings = self._module, self.rng, self._settings
        view: tuple[int, ...] | None = None
        if self._neighbours and rng.random() < settings.embedded:
            placed = embed(module.source, self._neighbours)
            if placed is not None and all(f.change.start >= placed.first for f in group):
                group = [Fault(f.family, _shift(f.change, placed.offset)) for f in group]
                module, view = Module(placed.source), ()
        corruption = compose(module, _distinct(group))
        if corruption is None:
            return None
        commands: Sequence[Command] | None = corruption.commands
        if view is not None:
            view, commands = through_window(corruption, group[0].change.start)
        if commands is None:
            return None
        state = EditState.open(Snapshot.from_text(corruption.source), view)
        verify = self._grader.verifier(corruption.source, self._scene, view)
        slips = rng if settings.recovery and rng.random() < settings.recovery else None
        shown = demonstrate(state, commands, verify, slips)
        if shown is None:
            return None
        return Demo(*shown, tuple(corruption.family.split("+")), self._entry.id)


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
