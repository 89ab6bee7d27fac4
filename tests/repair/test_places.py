from __future__ import annotations

from editloop.checks.suitetrace import SuiteTrace
from editloop.model.infill import Place
from editloop.repair.places import line_scores, places

LINES = [
    "def shares(total, people):",
    "    each = total / people",
    "    return each",
    "",
    "def names(",
    "    people,",
    "):",
    "    found = [",
    "        person.name",
    "        for person in people",
    "    ]",
    "    return found",
]


def _trace(passed: bool, lines: set[int], frames: tuple[int, ...] = ()) -> SuiteTrace:
    return SuiteTrace("t", passed, frozenset(lines), frames)


def test_the_innermost_frame_comes_first() -> None:
    scores = line_scores(LINES, [_trace(False, set(), (7, 1))])
    assert scores[1] > scores[7] > scores[0] == 0


def test_lines_out_of_range_are_passed_over() -> None:
    scores = line_scores(LINES, [_trace(False, {10**6}, (10**6, -1))], [99], [77])
    assert set(scores) == set(range(len(LINES)))


def test_the_best_line_is_asked_about_first_in_each_way() -> None:
    scores = line_scores(LINES, found=[1])
    ordered = places(LINES, scores, range(len(LINES)))
    assert ordered[0] == Place(1, 2, "    each =")
    assert set(ordered[:4]) >= {Place(1, 2), Place(1, 1)}


def test_a_line_that_smells_alone_is_first_and_of_many_none_is() -> None:
    frames = [_trace(False, {0}, (0,))]
    assert max(line_scores(LINES, frames, smelling=[5]).items(), key=lambda one: one[1])[0] == 5
    many = line_scores(LINES, frames, smelling=range(3, 11))
    assert max(many.items(), key=lambda one: one[1])[0] == 0


def test_a_statement_of_several_lines_is_one_place() -> None:
    ordered = places(LINES, line_scores(LINES, found=[7, 8, 9, 10]), range(len(LINES)))
    assert ordered[0] == Place(7, 11, "    found =")
    assert Place(9, 10) not in ordered


def test_its_most_suspicious_line_is_one_by_itself() -> None:
    ordered = places(LINES, line_scores(LINES, found=[9]), range(len(LINES)))
    assert set(ordered[:2]) == {Place(7, 11, "    found ="), Place(9, 10, part=True)}
    assert Place(8, 9) not in ordered


def test_of_a_long_statement_each_line_is_a_place_that_keeps_its_key() -> None:
    lines = ["def f(x):", "    return dict(", *(f"        {c * 60}=x," for c in "abcd"), "    )"]
    ordered = places(lines, line_scores(lines, found=[4]), range(len(lines)))
    assert ordered[0] == Place(4, 5, f"        {'c' * 60}=", part=True)
    assert {place.first for place in ordered if not place.inserts} == set(range(7))
    assert all(
        place.stop - place.first == 1 for place in ordered if place.first > 1 and not place.inserts
    )


def test_only_what_is_shown() -> None:
    scores = line_scores(LINES, found=[1])
    assert all(place.first >= 7 for place in places(LINES, scores, range(7, 12)))


def test_text_that_does_not_parse_has_places() -> None:
    assert places(["def f(:", "    return 1"], {0: 1.0, 1: 0.0}, range(2))[0] == Place(0, 1)
