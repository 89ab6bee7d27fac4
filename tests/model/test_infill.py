from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editloop.model.infill import Place, begin_of, begun, gap, head, part_head, stops, written

LINES = [
    "def mean(values):",
    "    total = 0",
    "    for value in values:",
    "        total += value",
    "    return total",
    "",
    "print(mean([]))",
]


def test_a_gap_leaves_the_place_out() -> None:
    question = gap(LINES, Place(4, 5))
    assert question.before == "\n".join(LINES[:4]) + "\n    "
    assert question.after == "\nprint(mean([]))\n"


def test_what_failed_and_what_was_there_are_comments() -> None:
    question = gap(LINES, Place(4, 5), ["mean([2, 4]) -> 6,\n expected 3"])
    assert question.before.endswith(
        "        total += value\n"
        "    # fixed: mean([2, 4]) -> 6, expected 3\n"
        "    # was: return total\n"
        "    "
    )


def test_an_insertion_was_nothing() -> None:
    question = gap(LINES, Place(1, 1), ["it failed"])
    assert question.before == "def mean(values):\n    # fixed: it failed\n    "
    assert question.after.startswith("    total = 0\n")


def test_a_head_is_kept() -> None:
    question = gap(LINES, Place(4, 5, "    return"))
    assert begun(question) == "    return"
    assert written(begun(question), " total / len(values)\n") == [
        ("    return total / len(values)",)
    ]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("    amount = float(row['x'])", "    amount ="),
        ("  return x", "  return"),
        ("if a == b:", "if"),
        ("for w, n in counts.items():", "for w, n in"),
        ("lines[i] += 3", "lines[i] +="),
        ("self.a.b(x, y)", "self.a.b("),
        ("foo(a=3)", "foo("),
        ("a == b", ""),
        ("else:", ""),
        ("return", ""),
        ("def f(x=3):", ""),
    ],
)
def test_heads(line: str, kept: str) -> None:
    assert head(line) == kept


@given(st.text(alphabet=" abx=()[].+-:'\"#", max_size=30))
def test_a_head_is_the_beginning(line: str) -> None:
    assert line.startswith(head(line))
    assert len(head(line)) < max(1, len(line))


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ('    "Label": group["label"] or "",', '    "Label":'),
        ("    'a': 1,", "    'a':"),
        ("    name=value,", "    name="),
        ("    key: value,", "    key:"),
        ("    a == b,", ""),
        ("    (1, 2),", ""),
        ("    x,", ""),
        ("", ""),
    ],
)
def test_of_a_line_within_a_statement_the_key_is_kept(line: str, kept: str) -> None:
    assert part_head(line) == kept


def test_long_files_are_cut_at_lines() -> None:
    lines = [f"value_{number} = {number}" for number in range(1000)]
    question = gap(lines, Place(500, 501))
    assert question.before.split("\n")[-2] == "value_499 = 499"
    assert question.before.split("\n")[0].startswith("value_")
    assert question.after.startswith("value_501 = 501\n")
    assert len(question.before) < 2000
    assert len(question.after) < 1000


def test_places_near_one_another_share_what_is_before() -> None:
    lines = [f"value_{n:03} = {n:03}" for n in range(300)]
    known: list[int] = []
    assert len({begin_of(lines, at, known) for at in range(200, 240)}) == 1
    far = begin_of(lines, known[0] + 2, known)  # hardly anything would be shown before it
    assert [far] == known[1:]
    assert gap(lines, Place(230, 231), begin=far).before.startswith(lines[far])


def test_a_reply_ends_where_it_rejoins() -> None:
    assert "\n    for value in values:\n" in stops(LINES, Place(1, 2))
    assert not any(text.startswith("\n") for text in stops(LINES, Place(6, 7)))


def test_a_reply_ends_at_a_comment_where_there_was_none() -> None:
    assert "  #" in stops(LINES, Place(1, 2))
    assert "  #" not in stops([*LINES[:1], "    total = 0  # cents", *LINES[2:]], Place(1, 2))


def test_a_reply_can_mean_one_line_or_all() -> None:
    text = "if not values:\n        return 0\r\n\n    # done\n"
    assert written("    ", text) == [
        ("    if not values:", "        return 0"),
        ("    if not values:",),
    ]


def test_an_empty_reply_takes_the_lines_away() -> None:
    assert written("    ", "") == [()]
