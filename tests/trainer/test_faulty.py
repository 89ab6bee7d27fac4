"""Programs that a model wrote wrongly, as tasks: which are kept, and that a kill loses nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from editloop_trainer.faulty import FaultySettings, build_faulty, edit_distance, judge, task_of
from editloop_trainer.grading import Grader
from editloop_trainer.problems import Problem, Prompts
from editloop_trainer.stream import StreamError
from editloop_trainer.tasks import validate
from killing import in_killed_process, kill_self

from editloop.model.backend import Plain, Prompt, Reply, Sampling
from editloop.tasks import read_tasks

LARGEST = "def largest(xs):\n    return max(xs)\n"
ASSERTS = (
    "assert largest([1, 2]) == 2",
    "assert largest([3, 1]) == 3",
    "assert largest([5]) == 5",
)
PROBLEM = Problem(7, "Write the largest.", "largest", ASSERTS, (), LARGEST)
PARTLY = "def largest(xs):\n    return xs[-1]\n"
RAISES = "def largest(xs):\n    return xs[len(xs)]\n"
WRONG = "def largest(xs):\n    return -max(xs)\n"
ENDLESS = "def largest(xs):\n    while True:\n        pass\n"


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader() as made:
        yield made


def row(number: int, split: str, name: str) -> dict[str, object]:
    return {
        "task_id": number,
        "split": split,
        "text": f"Write {name}.",
        "code": f"def {name}(n):\r\n    return n + {number}",
        "test_list": [f"assert {name}({n}) == {n + number}" for n in range(3)],
        "test_setup_code": "",
        "plus_test_list": [f"assert {name}(9) == {9 + number}"],
        "plus_code": None,
    }


@pytest.fixture
def mbpp(tmp_path: Path) -> Path:
    rows = [row(n, "prompt", f"shown{n}") for n in (2, 3, 4)]
    rows += [row(n, ("train", "validation")[n % 2], f"add{n}") for n in range(20, 30)]
    rows += [row(n, "test", f"secret{n}") for n in range(40, 44)]
    path = tmp_path / "mbpp.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


class Written:
    """A Model that writes what it is told to, or what `text` makes of the function's name."""

    name = "written"
    fills = judges = heeds = points = False

    def __init__(self, *texts: str, killed_at: int = 0) -> None:
        self.texts, self.asked, self.killed_at = texts, 0, killed_at

    def complete(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        cancel: threading.Event | None = None,
    ) -> list[list[Reply]]:
        self.asked += 1
        if self.asked == self.killed_at:
            kill_self()
        found = []
        for prompt in prompts:
            assert isinstance(prompt, Plain)
            assert "secret" not in prompt.text
            name = prompt.text.rsplit("Write ", 1)[1].split(".")[0]
            texts = [text.replace("NAME", name) for text in self.texts]
            texts = [text.replace("SEED", str(sampling.seed)) for text in texts]
            found.append([Reply(t.rstrip("~"), -1.0, 5, not t.endswith("~")) for t in texts])
        return found

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        raise NotImplementedError

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("source", "kind"),
    [(PARTLY, "partly"), (RAISES, "raises"), (WRONG, "wrong"), (ENDLESS, "endless")],
)
def test_how_a_program_fails(source: str, kind: str, grader: Grader) -> None:
    judged = judge(PROBLEM, source, grader)
    assert judged is not None
    assert judged.kind == kind
    assert judge(PROBLEM, LARGEST, grader) is None


def test_a_test_that_fails_is_visible_and_the_others_are_hidden(grader: Grader) -> None:
    judged = judge(PROBLEM, PARTLY, grader)
    assert judged is not None
    one = task_of(PROBLEM, judged, "m")
    assert one is not None
    assert "largest([3, 1])" in one.tests
    assert len(one.test_names) == 1
    assert "largest([3, 1])" not in one.hidden_tests
    assert len(one.hidden_test_names) == 2


def test_only_new_programs_that_fail_are_kept(mbpp: Path, tmp_path: Path) -> None:
    texts = (
        "def NAME(n):\n    return n +",  # does not parse
        "def other(n):\n    return n",  # not what is called
        "def NAME(n):\n    return n * 2~",  # cut off
        "def NAME(n):\n    return n + int(NAME.__name__[3:])",  # right
        "\ndef NAME(n):\n    return n\n",
        "def NAME(m):\n    # the same but for its names\n    return m",
    )
    out = tmp_path / "new" / "tasks.jsonl"
    settings = FaultySettings(batch=4, samples=len(texts))
    made = [("written", lambda: Written(*texts))]
    assert build_faulty(mbpp, out, made, settings=settings, rounds=2) == (10, True)
    tasks = list(read_tasks(out))
    assert {int(task.id.split("/")[1]) for task in tasks} == set(range(20, 30))
    for task in tasks:
        assert task.buggy.endswith("(n):\n    return n\n")
        assert "\r" not in (task.fixed or "\r")
        assert len(task.hidden_test_names) == 3
    assert list(validate(out)) == []


def test_a_killed_run_goes_on_and_more_rounds_add_to_it(mbpp: Path, tmp_path: Path) -> None:
    text = "def NAME(n):\n    return n + SEED"

    def build(out: Path, model: Written, rounds: int) -> tuple[int, bool]:
        settings = FaultySettings(batch=3, samples=1)
        return build_faulty(
            mbpp, out, [("written", lambda: model)], settings=settings, rounds=rounds
        )

    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    build(whole, Written(text), 2)
    in_killed_process(lambda: build(broken, Written(text, killed_at=3), 1))
    assert build(broken, Written(text), 1)[1]
    again = Written(text)
    assert build(broken, again, 1) == (0, True)
    assert again.asked == 0
    assert build(broken, again, 2) == (10, True)
    assert broken.read_text() == whole.read_text()
    with pytest.raises(StreamError, match="other settings"):
        build_faulty(mbpp, broken, [("other", lambda: again)], settings=FaultySettings())


def test_the_prompt_shows_three_examples_and_a_test(mbpp: Path) -> None:
    text = Prompts(mbpp).ask(PROBLEM).text
    assert text.count("assert largest") == 1
    assert text.count("[DONE]") == 3
    assert text.endswith("[BEGIN]\n")


def test_edit_distance() -> None:
    assert edit_distance("", "abc") == 3
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("same", "same") == 0
