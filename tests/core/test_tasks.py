from __future__ import annotations

from pathlib import Path

import pytest

from editloop.tasks import Task, TaskError, parse_task, read_tasks, write_tasks


def test_round_trip(tmp_path: Path) -> None:
    tasks = [
        Task(
            "a",
            "x = '\u2028é'\n",
            "def t(): pass\n",
            ("t",),
            fixed="x = 1\n",
            meta=(("family", "operator"),),
        ),
        Task("b", ""),
    ]
    path = tmp_path / "tasks.jsonl"
    assert write_tasks(path, tasks) == 2
    assert list(read_tasks(path)) == tasks


@pytest.mark.parametrize(
    "row",
    [[], {}, {"id": "a"}, {"id": 1, "buggy": ""}, {"id": "a", "buggy": "", "test_names": "t"},
     {"id": "a", "buggy": "", "test_names": [1]}, {"id": "a", "buggy": "", "fixed": 3}],
)  # fmt: skip
def test_bad_rows(row: object) -> None:
    with pytest.raises(TaskError, match="task"):
        parse_task(row)


@pytest.mark.parametrize(
    "text", [b"{", b"\xff\xfe\n", b'{"id": "a", "buggy": ""}\n\n{"id": "a", "buggy": ""}\n']
)
def test_bad_files_name_the_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(text)
    with pytest.raises(TaskError, match=r"tasks\.jsonl:[13]"):
        list(read_tasks(path))
