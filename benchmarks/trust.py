"""How many fixes were right, by what is known of them when they are offered.

editloop train faulty MBPP.jsonl --model GGUF --out FAULTY.jsonl
python benchmarks/hide_tests.py FAULTY.jsonl --keep 2 --out TWO.jsonl
editloop bench FAULTY.jsonl --policy prior --budget 5 --out RESULTS.jsonl    # and so on for TWO
python benchmarks/trust.py RESULTS.jsonl ... [--out editloop/data/trust.json] [--figure FILE.png]

``--out`` is what the line of trust reads: nothing that was counted on tasks for evaluation may be
written there. Whether the shares hold for programs that were not counted is told by counting one
half of the programs, and asking of the other half how many of its fixes were right.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from editloop.bench.results import BenchError, TaskResult, read_results, write_json
from editloop.bench.summary import wilson
from editloop.trust.share import Group, rows


def main(argv: Sequence[str]) -> int:
    """Print the tables and write what is asked for; 2 where a file cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--prefer-from", type=float, default=0.5)
    options = parser.parse_args(argv)
    try:
        read = [one for path in options.results for one in read_results(path).values()]
    except (OSError, BenchError) as error:
        print(error, file=sys.stderr)
        return 2
    fixes = [one for one in read if _is_judged(one)]
    counted = Counted.of(fixes)
    print("| examples | other fixes differ | right | share, 95% |\n|---|---|---|---|")
    for group, number in sorted(counted.every.items()):
        told = _told(counted.right[group], number)
        print(f"| {group.examples} | {'yes' if group.differ else 'no'} | {told} |")
    points = reliability(fixes)
    print("\n| share in one half | right in the other | share, 95% |\n|---|---|---|")
    for point in points:
        print(f"| {point.expected:.0%} | {_told(point.right, point.of)} |")
    print_preferred(fixes, counted, options.prefer_from)
    if options.out is not None:
        write_json(options.out, rows(counted.right, counted.every))
    if options.figure is not None:
        draw(points, options.figure)
    return 0


def _is_judged(one: TaskResult) -> bool:
    """Whether it is a fix that hidden tests judged and that was compared with others."""
    judged = one.solved_hidden is not None and one.others is not None
    return one.solved and bool(one.edit_size) and judged


def _group(one: TaskResult) -> Group:
    return Group.of(one.examples, one.differing)


def _told(right: int, of: int) -> str:
    low, high = wilson(right, of)
    return f"{right} of {of} | {right / of:.0%} ({low:.0%} to {high:.0%})"


@dataclass(frozen=True, slots=True)
class Counted:
    """Right fixes, by the hidden tests, and all fixes of each group."""

    right: Counter[Group]
    every: Counter[Group]

    @staticmethod
    def of(fixes: Iterable[TaskResult]) -> Counted:
        right: Counter[Group] = Counter()
        every: Counter[Group] = Counter()
        for one in fixes:
            every[_group(one)] += 1
            right[_group(one)] += bool(one.solved_hidden)
        return Counted(right, every)

    def share(self, group: Group) -> float | None:
        """The share of right ones, None where none was counted."""
        return self.right[group] / self.every[group] if self.every[group] else None


@dataclass(frozen=True, slots=True)
class Point:
    """Of a group, the share that was ``expected``, and how many ``of`` others were ``right``."""

    expected: float
    right: int
    of: int


def reliability(fixes: Sequence[TaskResult]) -> list[Point]:
    """A point for each group that both halves of the programs have, each half expected once from
    the other; halves by a digest of the program's id, so that all runs of one are together."""
    halves: tuple[list[TaskResult], list[TaskResult]] = ([], [])
    for one in fixes:
        halves[zlib.crc32(one.id.encode()) % 2].append(one)
    found = []
    for known, others in (halves, halves[::-1]):
        counted, seen = Counted.of(known), Counted.of(others)
        for group, number in sorted(seen.every.items()):
            expected = counted.share(group)
            if expected is not None:
                found.append(Point(expected, seen.right[group], number))
    return sorted(found, key=lambda point: point.expected)


def print_preferred(fixes: Sequence[TaskResult], counted: Counted, least: float) -> None:
    """What is preferred, and how much of it is right: all fixes, those from which no other differs,
    and of these the groups of which at least the share ``least`` was right."""
    agreed = [one for one in fixes if not one.differing]
    likely = [one for one in agreed if (counted.share(_group(one)) or 0.0) >= least]
    print("\n| preferred | right | share, 95% |\n|---|---|---|")
    for name, chosen in (
        ("all that were verified", fixes),
        ("no other fix differs", agreed),
        (f"and at least {least:.0%} of such fixes were right", likely),
    ):
        if chosen:
            right = sum(bool(one.solved_hidden) for one in chosen)
            print(f"| {name} | {_told(right, len(chosen))} |")
    rivals = [one for one in fixes if one.others]
    differ = [one for one in rivals if one.differing]
    print(
        f"\n{len(differ)} of {len(rivals)} fixes with a rival differ from one on some call; "
        f"in {sum(bool(one.right) for one in differ)} of these some fix is right."
    )


def draw(points: Sequence[Point], path: Path) -> None:
    """The reliability diagram as a picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4, 4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for point in points:
        low, high = wilson(point.right, point.of)
        axes.plot([point.expected] * 2, [low, high], color="0.6", linewidth=1)
        axes.scatter(point.expected, point.right / point.of, s=4 * point.of, color="C0")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of right fixes in one half of the programs")
    axes.set_ylabel("right in the other half, with 95%")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
