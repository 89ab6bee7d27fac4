"""From source to a model in the store in one command: killed, stopped, repeated, and refused."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import editloop_export
import pytest
from editloop_export import write_gguf
from editloop_trainer.workflow.ledger import Ledger
from editloop_trainer.workflow.options import make_options
from editloop_trainer.workflow.plan import Plan
from editloop_trainer.workflow.results import by_loop
from editloop_trainer.workflow.runner import Child, locked
from editloop_trainer.workflow.step import Step
from tiny_checkpoints import ModelSize, make_checkpoint, make_instruct, make_tokenizer

from editloop.engine import read_info
from editloop.engine.errors import ModelNotFound
from editloop.model.choose import choose

from .conftest import HALF, ROOT, Cli, environment

FUNCTIONS = Path(__file__).with_name("functions.py")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for the store, the work folder and a small corpus.

    Which functions are held out depends on the name of their folder; of this one some are.
    """
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "tools58").mkdir()
    shutil.copy(FUNCTIONS, folder / "tools58")
    make_instruct(folder / "base", ModelSize("qwen3", context=2048))
    return folder


def command(home: Path, **changes: str) -> list[str]:
    options = {"name": "mine", "corpus": str(home / "tools58"), "minutes": "0.3"}
    options |= {"work": str(home / "work"), "base": str(home / "base"), **changes}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    words += ["--progress", "json"]
    return [sys.executable, "-m", "editloop", "train-and-export", "--no-library", *words]


def run(home: Path, *, stop_at: str = "", by: int = signal.SIGKILL, **changes: str) -> Any:
    """(exit code, last object that was printed); a signal hits it when a step begins."""
    process = subprocess.Popen(
        command(home, **changes),
        env={**environment(home / "data"), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    row: dict[str, Any] = {}
    for line in process.stdout:
        row = json.loads(line)
        if stop_at and row.get("step") == stop_at and row["fraction"] > 0:
            process.send_signal(by)
            stop_at = ""
    _, errors = process.communicate()
    assert "Traceback" not in errors, errors[-1500:]
    return process.returncode, row


@pytest.mark.timeout(900)
def test_killed_three_times_it_still_ends_right(home: Path) -> None:
    steps = ["demonstrations", "tasks", "before", "tool", "score", "export"]
    chosen = sorted(random.Random(0).sample(steps, 3), key=steps.index)
    for step in chosen:
        code, row = run(home, stop_at=step)
        assert (code, row["step"]) == (-signal.SIGKILL, step)
        assert not (home / "data").exists()
    code, row = run(home)
    assert code == 0, row
    assert (row["done"], row["name"]) == (True, "mine")
    info = read_info(row["path"])
    assert info.path == home / "data" / "editloop" / "models" / "mine.gguf"
    assert row["size"] == info.file_size
    assert (info.rendering, info.base_model, info.transcript_version) == ("places", "base", 1)
    assert info.eval.keys() == {"tasks", "search", "pass_at_1"}
    assert row["before"]["tasks"] == row["after"]["tasks"] == info.eval["tasks"] > 0
    again, repeated = run(home)
    assert (again, repeated) == (0, row)


@pytest.mark.timeout(900)
def test_a_gguf_gets_a_lora_that_repairs(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a code model's shape, killed twice: the store has an adapter, and `fix` uses it."""
    folder = make_instruct(tmp_path / "small", ModelSize("qwen2", context=1024))
    base = write_gguf(folder, tmp_path / "small.gguf")
    changes = {"name": "tuned", "base": str(base), "work": str(tmp_path / "work")}
    for step in ("unpack", "tool"):
        code, row = run(home, stop_at=step, **changes)
        assert (code, row["step"]) == (-signal.SIGKILL, step)
    code, row = run(home, **changes)
    assert code == 0, row
    info = read_info(row["path"])
    assert (info.is_adapter, info.rendering) == (True, "places")
    assert info.metadata["editloop.base_model"] == str(base)
    assert row["before"]["tasks"] == row["after"]["tasks"] == info.eval["tasks"] > 0
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    model = choose("tuned").model
    assert model is not None
    assert (model.name, model.points) == ("tuned", True)
    model.close()
    broken = tmp_path / "half.py"
    broken.write_text(HALF)
    words = ["fix", str(broken), "--model", "tuned", "--tests", "half(4) == 2", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "editloop", *words],
        env=environment(home / "data"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    base.unlink()
    with pytest.raises(ModelNotFound, match=r"tuned\.gguf is a LoRA, and its base is missing"):
        choose("tuned")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, home: Path, by: int) -> None:
    changes = {"name": "other", "work": str(tmp_path / "work"), "minutes": "5"}
    code, row = run(home, stop_at="corpus", by=by, **changes)
    assert code == 130
    assert row == {"error": "stopped in the step corpus; the same command goes on"}
    rows = json.loads((tmp_path / "work" / "workflow.json").read_text())["steps"]
    assert not rows["corpus"]["done"]


def test_children_import_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of this name may be a person's own checkout, of another state."""
    (tmp_path / "editloop_trainer").mkdir()
    (tmp_path / "editloop_trainer" / "__init__.py").write_text("raise SystemExit('not ours')\n")
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log.txt"
    with locked(tmp_path / "work") as lock, log.open("ab") as file:
        Child(file, lock, threading.Event()).run("step", ["--version"], lambda: None)
    assert "editloop 0." in log.read_text()


def test_bad_input_is_one_line(cli: Cli, home: Path, store: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model, store / "taken.gguf")
    source = str(home / "tools58")
    empty = home / "empty"
    empty.mkdir()
    for words, message in (
        (["--name", "a/b", "--corpus", source], "cannot name a model"),
        (["--name", "x", "--corpus", "no-such-thing"], "neither a folder here nor"),
        (["--name", "x", "--corpus", str(empty), "--no-library"], "no Python source in"),
        (["--name", "x", "--corpus", source, "--minutes", "0"], "a positive number"),
        (["--name", "x", "--corpus", source, "--base", str(empty)], "is not a checkpoint"),
        (["--name", "x", "--corpus", source, "--base", "gone"], "no model named"),
        (
            ["--name", "taken", "--corpus", source, "--base", str(home / "base")],
            "taken is in the store already",
        ),
    ):
        done = cli("train-and-export", *words, "--progress", "json", "--work", home / "nowhere")
        assert done.returncode == 2, done
        assert message in json.loads(done.stdout)["error"]
        assert done.stderr.count("\n") == 1
    assert not (home / "nowhere" / "workflow.json").exists()


def test_corpus_names_a_folder_a_file_or_a_package(home: Path) -> None:
    def roots(*corpus: str, library: bool = False) -> list[str]:
        options = make_options(corpus, str(home / "base"), 1, "x", None, library=library)
        return [path.name for path in options.corpus]

    assert roots(str(home / "tools58"), "textwrap", "json") == ["tools58", "textwrap.py", "json"]
    assert roots(str(FUNCTIONS), str(FUNCTIONS)) == ["functions.py"]
    assert len(roots(str(home / "tools58"), library=True)) == 2
    assert roots("torch", library=True) == ["torch"]


def test_the_steps_of_each_kind_of_base(tiny_model: Path, home: Path, tmp_path: Path) -> None:
    chat = make_tokenizer(tmp_path / "tokenizer.json")
    folder = make_checkpoint(tmp_path / "instruct", ModelSize("qwen2"), chat)

    def steps(base: str | Path) -> list[str]:
        corpus = [str(home / "tools58")]
        options = make_options(corpus, str(base), 9, "x", tmp_path / "w", library=False)
        return [step.name for step in Plan(options).steps()]

    with pytest.raises(editloop_export.UnsupportedModel, match="has no chat template"):
        steps(folder)
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    with pytest.raises(editloop_export.UnsupportedModel, match="has no fill-in tokens"):
        steps(folder)
    folder = make_instruct(tmp_path / "code", ModelSize("qwen2"))
    data = ["corpus", "tests", "demonstrations", "tasks"]
    practice = ["practice", "practised draft", "practised score"]
    end = ["tool", "draft", "score", *practice, "export"]
    assert steps(folder) == [*data, "base", "before", *end]
    assert steps(tiny_model) == [*data, "before", "unpack", *end]
    (folder / "config.json").rename(folder / "adapter_config.json")
    with pytest.raises(Exception, match="is a LoRA adapter of"):
        steps(folder)


def test_practice_counts_where_it_did_no_harm(home: Path, tmp_path: Path) -> None:
    corpus, base = [str(home / "tools58")], str(home / "base")
    options = make_options(corpus, base, 9, "x", tmp_path, library=False)
    plan = Plan(options)

    def practises() -> bool:
        return next(step for step in plan.steps() if step.name == "practice").needs()

    def write_score(path: Path, share: float) -> None:
        path.write_text(json.dumps({"done": 20, "solved": 15}))
        by_loop(path).write_text(json.dumps({"done": 20, "solved": round(20 * share)}))

    assert not practises()
    plan.tasks.write_text("{}\n" * 8)
    write_score(plan.taught_score, 0.0)
    assert (practises(), plan.trained) == (False, plan.taught)
    write_score(plan.taught_score, 0.3)
    assert practises()
    for share, trained in ((0.35, plan.practised), (0.3, plan.practised), (0.2, plan.taught)):
        write_score(plan.practised_score, share)
        assert plan.trained == trained
        assert plan.after.stem == trained.name
        assert plan.steps()[-1].inputs[0] == trained / "model"


def test_a_step_is_done_anew_when_what_it_reads_has_changed(home: Path, tmp_path: Path) -> None:
    """What depends on a change and nothing else; the results of a stale step are gone first."""
    source = Path(shutil.copytree(home / "tools58", tmp_path / "source"))

    def steps() -> dict[str, str]:
        base, work = str(home / "base"), tmp_path / "w"
        options = make_options([str(source)], base, 9, "x", work, library=False)
        return {step.name: step.key() for step in Plan(options).steps()}

    (tmp_path / "w").mkdir()
    before = steps()
    (tmp_path / "w" / "tests.jsonl").write_text("{}\n")
    changed = {name for name, key in steps().items() if key != before[name]}
    assert changed == {"demonstrations", "tasks"}

    ledger, output = Ledger(tmp_path / "w"), tmp_path / "w" / "out.jsonl"
    ledger.begin("corpus", "one", 2.0, [output])
    output.write_text("half")
    assert ledger.begin("corpus", "one", 1.0, [output]) == 2.0
    ledger.finish("corpus")
    assert output.exists()
    assert Ledger(tmp_path / "w").is_done("corpus", "one")
    ledger.begin("tests", "one", 1.0, [])
    ledger.spend("tests", 60.0)
    assert Ledger(tmp_path / "w").begin("corpus", "two", 1.0, [output]) == 1.0
    assert not output.exists()
    ledger = Ledger(tmp_path / "w")
    assert not ledger.is_done("corpus", "one")
    assert ledger.spent == 0.0


def test_sources_may_change_until_the_workflow_is_complete(home: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(home / "tools58", tmp_path / "source"))

    def corpus() -> Step:
        base, work = str(home / "base"), tmp_path / "w"
        options = make_options([str(source)], base, 9, "x", work, library=False)
        return Plan(options).steps()[0]

    (tmp_path / "w").mkdir()
    step, ledger = corpus(), Ledger(tmp_path / "w")
    ledger.begin(step.name, step.key(), 1.0, [], step.snapshot)
    ledger.finish(step.name)
    (source / "more.py").write_text("def double(number):\n    return number * 2\n")
    later = corpus()
    assert later.key() == step.key()
    assert later.snapshot != step.snapshot
    assert Ledger(tmp_path / "w").is_done(later.name, later.key(), later.snapshot)
    ledger.complete()
    assert not Ledger(tmp_path / "w").is_done(later.name, later.key(), later.snapshot)
    assert Ledger(tmp_path / "w").is_done(step.name, step.key(), step.snapshot)
