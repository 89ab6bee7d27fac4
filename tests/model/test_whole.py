from __future__ import annotations

import pytest

from editloop.model.whole import FENCE, ask_part, joint, read_part, uncommented, unindented

OLD = [
    "    def total(self, prices):",
    "        found = 0",
    "        for price in prices:",
    "            found = price",
    "        if self.tax:",
    "            found *= self.tax",
    "        return round(found, 2)",
]
NEW = [
    "def total(self, prices):",
    "    found = 0",
    "    for price in prices:",
    "        found += price",
    "    if self.tax:",
    "        found *= self.tax",
]


def test_the_code_stands_first_and_what_failed_behind_it() -> None:
    asked = ask_part(OLD, ["total([1, 2]) -> 2, expected 3"])
    [(_, text)] = asked.messages
    assert text.startswith(f"{FENCE}def total(self, prices):\n    found = 0\n")
    assert text.index("```\n\n") < text.index("It fails: total([1, 2])")
    assert asked.begun == FENCE


def test_what_an_answer_leaves_out_behind_lines_that_it_repeats_stays() -> None:
    assert read_part("\n".join([*NEW, ""]), OLD) == (*OLD[:3], OLD[3].replace("=", "+="), *OLD[4:])


def test_of_several_definitions_the_one_that_was_asked_for_is_read() -> None:
    whole = ["import math", "", *NEW, "    return found", "", "def other():", "    pass"]
    found = read_part("\n".join([*whole, "```", "I added the sum."]), OLD)
    assert [line.strip() for line in found] == [line.strip() for line in [*NEW, "return found"]]
    assert found[0] == OLD[0]


def test_a_blank_line_keeps_no_indentation() -> None:
    assert read_part("def f():\n    a = 1\n\n    return a", ["  def f():", "    return 1"])[2] == ""


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        (["a = 10", "bbbb = 2", "cccc = 3"], 3),
        (["aaaa = 1", "bbbb = 2", "cccc = 3"], None),  # nothing is changed
        (["a = 10", "bbbb = 2"], None),  # one line alone
        (["a = 10", "bbbb = 2", "cccc = 4"], None),
        ([], None),
    ],
)
def test_where_a_version_rejoins(lines: list[str], at: int | None) -> None:
    assert joint(lines, ["aaaa = 1", "bbbb = 2", "cccc = 3", "dddd = 4"]) == at


def test_lines_that_stand_there_twice_tell_no_place() -> None:
    assert joint(["new", "bbbb", "cccc"], ["aaaa", "bbbb", "cccc", "bbbb", "cccc"]) is None


def test_a_comment_that_is_new_is_no_change() -> None:
    reply = [NEW[0], "    # add up", *NEW[1:3]]
    old = unindented(OLD)
    assert joint(uncommented(reply, old), old) is None
