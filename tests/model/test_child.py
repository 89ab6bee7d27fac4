"""A model in a process of its own: what it answers, and every way in which the process ends."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gguf
import psutil
import pytest
from tiny_checkpoints import CONTROLS, ModelSize

from editloop.engine import Engine
from editloop.model import child
from editloop.model.answers import Answers
from editloop.model.backend import Chat, Gap, ModelError, ModelLost, Plain, Sampling
from editloop.model.child import ChildModel
from editloop.policy import Cancelled

from .tiny_gguf import make_gguf

GAP = Gap("def f(items):\n    return ", "\n")
LONG = Sampling(n=16, temperature=1.0, max_tokens=3000)
"""A question of many seconds."""


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    size = ModelSize("llama", 4, 256, 8, 8, 1024, context=8192)
    return make_gguf(tmp_path_factory.mktemp("child"), size)


@pytest.fixture
def open_model(gguf_file: Path) -> Iterator[Callable[..., ChildModel]]:
    made: list[ChildModel] = []

    def start(path: Path = gguf_file, **settings: float) -> ChildModel:
        made.append(ChildModel(path, threads=1, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for model in made:
        model.close()


def pid_of(model: ChildModel) -> int:
    """The process, once it has loaded."""
    assert model.fills
    assert model.pid is not None
    return model.pid


def wait_for(held: Callable[[], bool]) -> None:
    for _ in range(400):
        if held():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to hold")


def test_it_fills_answers_and_judges(open_model: Callable[..., ChildModel]) -> None:
    model = open_model()
    assert model.fills
    assert model.judges
    chat = Chat((("system", "s"), ("user", "u")), "```python\n")
    rows = model.complete([GAP, chat, Plain("x")], Sampling(n=3, temperature=1.0, max_tokens=4))
    assert [len(replies) for replies in rows] == [3, 3, 3]
    assert all(reply.log_prob < 0 < reply.tokens <= 4 for replies in rows for reply in replies)
    scores = model.score("def f():\n", ["    a\n\n\n    b\n", "c", ""])
    assert [len(row) for row in scores] == [4, 1, 1]
    assert scores[2] == (0.0,)
    assert all(score < 0 for score in (scores[0][0], scores[0][3], scores[1][0]))


def test_what_is_no_answer_is_left_at_its_likeliest_second_choice(
    open_model: Callable[..., ChildModel],
) -> None:
    model = open_model()
    sampling = Sampling(max_tokens=8)
    [[told]] = model.complete([GAP], sampling)
    [[other]] = model.complete([GAP], replace(sampling, unlike=(told.text.strip(),)))
    assert other.text.strip() != told.text.strip()
    assert other.log_prob < 0
    [[same]] = model.complete([GAP], replace(sampling, unlike=("another text",)))
    assert same == told


def test_text_that_spells_control_tokens_is_read_as_text(gguf_file: Path) -> None:
    forged = "".join(f"x = '{control}'\n" for control in CONTROLS)
    own = {Gap: 3, Chat: 3, Plain: 0}  # control tokens that stand in the prompt's own form
    with Engine.load(gguf_file, transcript_version=0, n_threads=1, n_ctx=512) as engine:
        answers = Answers(engine)
        controls = {i for text in CONTROLS for i in engine.tokenize(text, special=True)}
        for prompt in (Gap(forged, forged), Chat((("user", forged),), forged), Plain(forged)):
            ids = answers._ids(prompt)
            assert sum(i in controls for i in ids) == own[type(prompt)]
            assert engine.detokenize(ids).decode().count(forged) == (
                1 if prompt == Plain(forged) else 2
            )
        [scores] = answers.score("", [forged], threading.Event())
        assert len(scores) == len(CONTROLS)


def test_a_signal_during_an_answer_is_one_line(open_model: Callable[..., ChildModel]) -> None:
    for number, words in [
        (signal.SIGILL, "another processor"),
        (signal.SIGKILL, "want of memory"),
        (signal.SIGABRT, "gave up"),
        (signal.SIGSEGV, "SIGSEGV"),
    ]:
        model = open_model()
        pid = pid_of(model)
        threading.Timer(0.3, os.kill, (pid, number)).start()
        with pytest.raises(ModelLost, match=words) as raised:
            model.complete([GAP], LONG)
        assert "\n" not in str(raised.value)
        with pytest.raises(ModelLost, match=words):  # and it stays lost
            model.complete([GAP], Sampling())
        assert not psutil.pid_exists(pid)  # nor is there a zombie
    again = open_model()
    assert again.complete([GAP], Sampling(max_tokens=2))


def patched(path: Path, target: Path, key: str, value: float) -> Path:
    """A copy of a GGUF with another number in its metadata."""
    shutil.copyfile(path, target)
    entry = gguf.GGUFReader(target, "r+").fields[key]
    entry.parts[entry.data[0]][0] = value
    return target


def test_a_file_that_makes_llama_cpp_abort(
    open_model: Callable[..., ChildModel],
    gguf_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A real GGML_ASSERT; what a debugger would say of it reaches nobody."""
    key = "llama.attention.layer_norm_rms_epsilon"
    model = open_model(patched(gguf_file, tmp_path / "bad.gguf", key, -1.0))
    with pytest.raises(ModelLost, match=r"llama\.cpp gave up .*GGML_ASSERT\(eps") as raised:
        model.complete([GAP], Sampling())
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250
    out, err = capfd.readouterr()
    assert out + err == ""


@pytest.mark.parametrize("key", ["llama.block_count", "llama.attention.head_count"])
def test_a_file_that_llama_cpp_refuses(
    open_model: Callable[..., ChildModel], gguf_file: Path, tmp_path: Path, key: str
) -> None:
    model = open_model(patched(gguf_file, tmp_path / "bad.gguf", key, 2))
    with pytest.raises(ModelLost, match="cannot load") as raised:
        model.complete([GAP], Sampling())
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_model(open_model: Callable[..., ChildModel], tmp_path: Path) -> None:
    for data in (b"", b"GGUF\3\0\0\0" + b"\xff" * 64, b"no model"):
        (tmp_path / "bad.gguf").write_bytes(data)
        with pytest.raises(ModelLost, match=r"bad\.gguf"):
            open_model(tmp_path / "bad.gguf").complete([GAP], Sampling())
    with pytest.raises(ModelLost, match=r"none\.gguf"):
        open_model(tmp_path / "none.gguf").complete([GAP], Sampling())


LIMITED = """
import resource, sys
from pathlib import Path
from editloop.model.backend import *
from editloop.model.child import ChildModel
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
model = ChildModel(Path(sys.argv[1]), threads=1, n_ctx=8192)
try:
    model.complete([Gap("a", "b")], Sampling(max_tokens=2))
except ModelLost as error:
    print("LOST", error)
else:
    print("ANSWERED")
model.close()
"""


def limited(path: Path, megabytes: int) -> str:
    """What becomes of a question where no process may have more than this much memory."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(megabytes << 20)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.stdout


def test_out_of_memory_is_one_line(gguf_file: Path) -> None:
    """At every stage of loading: the limits run from too little for Python to enough."""
    told = [limited(gguf_file, megabytes) for megabytes in (60, 90, 120, 150, 3000)]
    assert [line.split()[0] for line in told] == ["LOST"] * 4 + ["ANSWERED"]
    assert all("(" in line for line in told[:4])  # with a reason


def test_memory_that_runs_out_during_an_answer(open_model: Callable[..., ChildModel]) -> None:
    """It says so, or it is lost; either way the one who asked goes on."""
    model = open_model(n_ctx=8192)
    pid = pid_of(model)
    now = psutil.Process(pid).memory_info().vms
    resource.prlimit(pid, resource.RLIMIT_AS, (now + (1 << 20),) * 2)
    with pytest.raises(ModelError) as raised:
        model.complete([Plain("word " * 5000)] * 4, LONG)
    assert "\n" not in str(raised.value)


def test_cancel_is_heard_and_the_process_stays(open_model: Callable[..., ChildModel]) -> None:
    model = open_model()
    pid, cancel = pid_of(model), threading.Event()
    threading.Timer(0.3, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        model.complete([GAP], LONG, cancel)
    assert time.monotonic() - started < 5  # 0.2 on a quiet machine
    assert model.complete([GAP], Sampling(max_tokens=1))
    assert model.pid == pid
    with pytest.raises(Cancelled):
        model.complete([GAP], Sampling(), cancel)


def test_questions_of_several_threads(open_model: Callable[..., ChildModel]) -> None:
    model, found = open_model(), []

    def ask(number: int) -> None:
        [[reply]] = model.complete([Plain(f"def f{number}")], Sampling(max_tokens=3))
        found.append((number, reply.text))

    threads = [threading.Thread(target=ask, args=(number % 3,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 9
    assert len(set(found)) == 3  # equal questions, equal answers: none got another's


def test_a_process_that_hangs_is_ended(
    open_model: Callable[..., ChildModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while it answers; more is sent than a pipe holds, and nobody waits for long."""
    monkeypatch.setattr(child, "DEAF_SECONDS", 0.5)
    model = open_model()
    pid = pid_of(model)
    os.kill(pid, signal.SIGSTOP)
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        model.complete([Plain("x" * 300_000)], LONG, cancel)
    with pytest.raises(ModelLost, match="did not answer any more"):
        model.complete([GAP], Sampling())
    assert time.monotonic() - started < 10
    wait_for(lambda: not psutil.pid_exists(pid))


def test_a_process_that_hangs_while_it_loads_is_ended(
    open_model: Callable[..., ChildModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LOAD_SECONDS", 0.5)
    model = open_model()
    model.start()
    assert model.pid is not None
    os.kill(model.pid, signal.SIGSTOP)
    with pytest.raises(ModelLost, match="did not load within"):
        model.complete([GAP], Sampling())


def test_closing_ends_the_process_even_a_stopped_one(
    open_model: Callable[..., ChildModel],
) -> None:
    model = open_model()
    pid = pid_of(model)
    os.kill(pid, signal.SIGSTOP)
    model.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(ModelLost, match="closed"):
        model.complete([GAP], Sampling())


def test_it_leaves_when_idle_and_comes_back(open_model: Callable[..., ChildModel]) -> None:
    model = open_model(idle_seconds=0.3)
    for _ in range(2):
        pid = pid_of(model)
        assert model.complete([GAP], Sampling(max_tokens=2))
        wait_for(lambda pid=pid: model.pid is None and not psutil.pid_exists(pid))  # type: ignore[misc]


def test_it_does_not_leave_during_an_answer(open_model: Callable[..., ChildModel]) -> None:
    model = open_model(idle_seconds=0.2)
    [replies] = model.complete([GAP], Sampling(n=8, temperature=1.0, max_tokens=150))
    assert len(replies) == 8


def test_asking_while_it_leaves(open_model: Callable[..., ChildModel]) -> None:
    """Each question comes about when the process leaves; none may be lost with it."""
    model = open_model(idle_seconds=0.05)
    for number in range(5):
        assert model.complete([GAP], Sampling(max_tokens=1))
        time.sleep(0.04 + number * 0.005)


def test_nothing_is_left_behind(open_model: Callable[..., ChildModel]) -> None:
    """Neither files nor threads nor processes, however a model ended."""

    def held() -> tuple[int, int]:
        gc.collect()
        own = psutil.Process()
        threads = [t for t in threading.enumerate() if t is not threading.main_thread()]
        return own.num_fds(), len(threads) + len(own.children())

    before = held()
    for end in (ChildModel.close, lambda model: os.kill(model.pid, signal.SIGKILL)):
        for _ in range(2):
            model = open_model()
            model.complete([GAP], Sampling(max_tokens=1))
            end(model)
            wait_for(lambda model=model: model.pid is None)  # type: ignore[misc]
            model.close()
    wait_for(lambda: held() == before)


def test_it_ends_with_the_process_that_asked(gguf_file: Path) -> None:
    program = (
        "import sys, os, signal; from pathlib import Path\n"
        "from editloop.model.child import ChildModel\n"
        "model = ChildModel(Path(sys.argv[1]), threads=1); model.fills\n"
        "print(model.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(gguf_file)], capture_output=True, text=True, timeout=60
    )
    pid = int(done.stdout)
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")
