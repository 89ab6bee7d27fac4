"""Qwen2.5-Coder-0.5B-Instruct as it is, where ``$EDITLOOP_TEST_MODEL`` names its file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from editloop.cli.doctor_model import faster, probe_model, probe_speed
from editloop.cli.findings import OK
from editloop.engine.checks import check_kind
from editloop.engine.gguf_info import read_info
from editloop.model.backend import ModelLost, Plain, Sampling
from editloop.model.catalogue import find_entry
from editloop.model.child import ChildModel
from editloop.model.download import get
from editloop.model.infill import Place, gap
from editloop.model.store import chosen_default
from editloop.model.storing import add_model
from editloop.policy import Cancelled

NAME = "qwen2.5-coder-0.5b"
MODEL = Path(os.environ.get("EDITLOOP_TEST_MODEL", ""))

pytestmark = pytest.mark.skipif(
    not MODEL.is_file(), reason="EDITLOOP_TEST_MODEL names no model (editloop models get)"
)


@pytest.fixture
def linked(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that has the model by a link."""
    store.mkdir(parents=True)
    (store / f"{NAME}.gguf").symlink_to(MODEL.absolute())
    monkeypatch.setenv("XDG_DATA_HOME", str(store.parents[1]))
    return store


def test_it_is_what_the_catalogue_says(linked: Path) -> None:
    entry = find_entry(NAME)
    assert get(entry, linked) == linked / f"{NAME}.gguf"
    assert chosen_default(linked) == NAME
    info = read_info(MODEL)
    check_kind(info)
    assert info.fill_in
    assert info.bulk == "Q5_0"
    assert any("Q5_0" in text for text in faster(info))


def test_it_is_accepted_and_tried(linked: Path) -> None:
    assert add_model(MODEL, "mine", store=linked).stat().st_size == find_entry(NAME).bytes
    (linked / "default").write_text(f"{NAME}\n")
    [model] = probe_model()
    assert model.mark == OK
    assert NAME in model.text
    assert "fills in" in model.text
    speed = next(probe_speed())
    assert speed.mark == OK
    assert "tokens a second" in speed.text
    assert "llama.cpp on the" in speed.text


LINES = [
    "def initials(name):",
    '    """First letters of all parts of a name, in capitals: `ada lovelace` has AL."""',
    "    parts = name.split()",
    "    return parts",
]


@pytest.fixture(scope="module")
def model() -> Iterator[ChildModel]:
    with closing(ChildModel(MODEL)) as made:
        yield made


def test_it_fills_a_gap_with_one_statement(model: ChildModel) -> None:
    assert model.fills
    assert model.judges
    assert not model.heeds
    sampling = Sampling(max_tokens=48, statement=True)
    [[reply]] = model.complete([gap(LINES, Place(3, 4, "    return"))], sampling)
    assert reply.finished
    assert len(reply.text.strip().splitlines()) == 1
    assert "parts" in reply.text
    [[again]] = model.complete([gap(LINES, Place(3, 4, "    return"))], sampling)
    assert again == reply


def test_it_finds_right_code_likelier(model: ChildModel) -> None:
    context = "def total(values):\n    result = 0\n    for value in values:\n"
    right, wrong = model.score(
        context,
        [
            "        result += value\n    return result\n",
            "        result += 0\n    return value\n",
        ],
    )
    assert len(right) == len(wrong) == 2
    assert sum(right) > sum(wrong)


def test_a_cancel_is_heard_while_it_reads(model: ChildModel) -> None:
    cancel = threading.Event()
    threading.Timer(1.0, cancel.set).start()
    long = gap([f"value_{n} = compute({n})" for n in range(60)], Place(30, 31))
    with pytest.raises(Cancelled):
        model.complete([long] * 8, Sampling(n=4, max_tokens=400, temperature=1.0), cancel)
    [[reply]] = model.complete([Plain("x = 1\n")], Sampling(max_tokens=2))
    assert reply.tokens


def test_a_killed_process_is_one_line_and_the_next_one_works() -> None:
    with closing(ChildModel(MODEL)) as model:
        assert model.fills
        assert model.pid is not None
        os.kill(model.pid, signal.SIGABRT)
        with pytest.raises(ModelLost) as raised:
            model.complete([Plain("x = 1\n")], Sampling(max_tokens=2))
        assert "\n" not in str(raised.value)
    with closing(ChildModel(MODEL)) as model:
        assert model.complete([Plain("x = 1\n")], Sampling(max_tokens=2))


def test_it_repairs_what_no_move_makes(tmp_path: Path) -> None:
    file = Path(shutil.copy(Path(__file__).parents[2] / "examples" / "initials.py", tmp_path))
    command = [sys.executable, "-m", "editloop", "fix", file.name, "--write", "--budget", "240"]
    done = subprocess.run(
        [*command, "--model", str(MODEL.absolute())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 examples pass" in done.stdout
    doctest = [sys.executable, "-m", "doctest", file.name]
    assert subprocess.run(doctest, cwd=tmp_path, check=False).returncode == 0
