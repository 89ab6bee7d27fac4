from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from data_samples import FIND
from editloop_trainer.benchset import build_benchset, sample
from editloop_trainer.corpus import Entry
from editloop_trainer.demos import DemoSettings, demonstrate, entry_demos
from editloop_trainer.grading import Grader
from editloop_trainer.lessons import demo_transcript
from editloop_trainer.mixture import build_demos, is_dev
from editloop_trainer.record import choose, read_recorded
from editloop_trainer.scenes import SOLUTION_PRELUDE, Scene
from editloop_trainer.tasks import TaskSettings, as_test_functions, check_task, entry_tasks

from editloop.checks.plans import plan_tests
from editloop.cli import run as cli
from editloop.document.commands import parse
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.tasks import Task, read_tasks, write_tasks

ASSERTS = (
    "assert find_pair([2, 7, 11, 15], 9) == [0, 1]",
    "assert find_pair([3, 2, 4], 6) == [1, 2]",
    "assert find_pair([1], 5) == []",
)
ENTRY = Entry("samples/find_pair", FIND, "samples", True, ("find_pair",))


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader() as tools:
        yield tools


def test_demonstrations_end_with_exit_and_replay(grader: Grader) -> None:
    scene = Scene("plain", FIND, ASSERTS)
    demos = list(entry_demos(ENTRY, scene, (), grader, DemoSettings(tested=25)))
    assert len(demos) >= 12
    kinds = set()
    for demo in demos:
        row = json.loads(demo.row())
        assert row["v"] == 1
        assert len(row["observations"]) == len(row["commands"])
        assert row["commands"][-1] == "### EXIT"
        assert row["observations"][-1]["findings"] == []
        if len(row["commands"]) > 1:
            kinds.add(row["observations"][0]["findings"][0][1].split()[0])
        lines = row["observations"][0]["window"]
        state = EditState.open(Snapshot.from_text("\n".join(lines) + "\n"))
        for number, text in enumerate(row["commands"]):
            assert list(state.window) == row["observations"][number]["window"]
            state = apply(state, parse(text))
    assert "SyntaxError:" in kinds
    assert any(kind.startswith("find_pair(") for kind in kinds)
    assert "F821" in kinds


def test_findings_are_those_of_the_product(grader: Grader) -> None:
    scene = Scene("plain", FIND, ASSERTS)
    broken = FIND.replace("target - num", "target + num")
    state = EditState.open(Snapshot.from_text(broken))
    shown = demonstrate(state, [parse("### REPW 6 >>>+ >>>-")], grader.verifier(broken, scene))
    assert shown is not None
    observations, commands, mistakes = shown
    assert mistakes == ()
    assert observations[0]["findings"][0] == [
        None,
        "find_pair([2, 7, 11, 15], 9) -> [], expected [0, 1]",
    ]
    assert [str(c) for c in commands] == ["### REPW 6 >>>+ >>>-", "### EXIT"]
    wrong = [parse("### REPW 6 >>>+ >>>*")]
    assert demonstrate(state, wrong, grader.verifier(broken, scene)) is None


def test_recovery_shows_a_wrong_edit_and_takes_it_back(grader: Grader) -> None:
    scene = Scene("plain", FIND, ASSERTS)
    settings = DemoSettings(tested=25, recovery=1.0)
    demos = [d for d in entry_demos(ENTRY, scene, (), grader, settings) if d.mistakes]
    assert len(demos) >= 10
    for demo in demos:
        transcript = demo_transcript(json.loads(demo.row()))
        [turn] = transcript.mistakes
        windows = [observation.window for observation in transcript.observations]
        assert windows[turn] == windows[turn + 2] != windows[turn + 1]
        assert transcript.observations[turn + 1].findings
        state = EditState.open(Snapshot.from_text("\n".join(windows[0]) + "\n"))
        for window, command in zip(windows, transcript.commands, strict=True):
            assert state.window == window
            state = apply(state, command)


def test_embedded_demonstrations_show_a_window(grader: Grader) -> None:
    neighbour = "import re\n\n" + "".join(
        f"def part_{i}(x):\n    y = re.escape(x)\n    return y\n\n" for i in range(12)
    )
    scene = Scene("plain", FIND, ASSERTS)
    settings = DemoSettings(tested=20, embedded=1.0)
    demos = list(entry_demos(ENTRY, scene, (neighbour,), grader, settings))
    assert demos
    # A broken header leaves no function to show, so the window is wider there.
    narrow = [d for d in demos if len(d.observations[0]["window"]) < 40]
    assert len(narrow) > len(demos) / 2


def test_a_hidden_prelude_counts(grader: Grader) -> None:
    source = "class Solution:\n    def top(self, a: List[int]) -> int:\n        return max(a)\n"
    scene = Scene("prelude", source, ("assert Solution().top([1, 3]) == 3",), SOLUTION_PRELUDE)
    assert grader.reference_passes(scene)
    assert not grader.reference_passes(Scene("plain", source))


def test_files_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    rows = [
        asdict(Entry(f"s/f{i}", FIND.replace("find_pair", f"f{i}"), "s", True, (f"f{i}",)))
        for i in range(6)
    ]  # fmt: skip
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = []
    for workers in (1, 2):
        out = tmp_path / f"demos{workers}.jsonl"
        count, complete = build_demos(corpus, out, workers=workers)
        assert complete
        assert count > 6
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_tasks_fail_and_their_references_pass(grader: Grader, tmp_path: Path) -> None:
    entry = ENTRY if not is_dev(ENTRY) else Entry("samples/other", FIND, "s", True, ("find_pair",))
    path = tmp_path / "tests.jsonl"
    path.write_text(json.dumps({"id": entry.id, "asserts": ASSERTS}) + "\n")
    recorded = read_recorded(path)[entry.id]
    tasks = list(entry_tasks(entry, recorded, grader, TaskSettings(each=5)))
    assert len(tasks) == 5
    assert all(check_task(task, grader) == "" for task in tasks)
    assert check_task(Task("x", FIND, *as_test_functions(ASSERTS), fixed=FIND), grader)


def test_test_source_is_understood() -> None:
    text, names = as_test_functions(ASSERTS)
    assert names == ("test_1", "test_2", "test_3")
    assert plan_tests(text, names).kind == "calls"


def test_benchset_is_deterministic(tmp_path: Path) -> None:
    path = tmp_path / "mbpp.jsonl"
    row = {"split": "test", "code": FIND, "test_list": ASSERTS, "test_setup_code": "",
           "plus_code": None, "plus_test_list": ["assert find_pair([], 1) == []"]}  # fmt: skip
    path.write_text("".join(json.dumps({**row, "task_id": i}) + "\n" for i in range(4)))
    first, second = build_benchset(path, number=3), build_benchset(path, number=3)
    assert first == second
    assert len(first) == 3
    assert first[0].hidden_test_names == ("hidden_1",)
    assert len({dict(t.meta)["family"] for t in first}) == 3
    out = tmp_path / "out.jsonl"
    write_tasks(out, first)
    assert sample(out, 2, 1) == sample(out, 2, 1)
    assert len(list(read_tasks(out))) == 3


def test_benchset_of_chosen_families(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "mbpp.jsonl", tmp_path / "out.jsonl"
    row = {"split": "test", "code": FIND, "test_list": ASSERTS, "test_setup_code": "",
           "plus_code": None, "plus_test_list": [], "task_id": 1}  # fmt: skip
    path.write_text(json.dumps(row) + "\n")
    words = ["train", "benchset", str(path), "--out", str(out), "--number", "1", "--family"]
    assert cli([*words, "boundarie"]) == 2
    assert "no family boundarie: there are operator, " in capsys.readouterr().err
    assert not out.exists()
    assert cli([*words, "missing_colon"]) == 0
    assert [dict(task.meta)["family"] for task in read_tasks(out)] == ["missing_colon"]


def test_demonstrations_of_chosen_families(
    grader: Grader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ("missing_return", "wrong_return")
    settings = DemoSettings(tested=12, several=0.0, clean=0.0, families=chosen)
    demos = list(entry_demos(ENTRY, Scene("plain", FIND, ASSERTS), (), grader, settings))
    assert {demo.family for demo in demos} == {("missing_return",), ("wrong_return",)}
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("")
    words = ["train", "demos", str(corpus), "--out", str(tmp_path / "out"), "--family"]
    assert cli([*words, "missing_else"]) == 2, "a family that is held out"
    assert "no family missing_else: there are operator, " in capsys.readouterr().err


def test_calls_are_chosen_by_their_answers() -> None:
    assert choose([((1,), 1), ((2,), 1), ((3,), 1)]) == []
    assert len(choose([((i,), i % 3) for i in range(9)])) == 5
