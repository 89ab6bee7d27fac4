"""From a base through `editloop train sft` to a file: merged here and there, the same answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from editloop.cli import run as cli
from editloop.document.commands import EXIT, edit_line, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import TRANSCRIPT_VERSION, Finding, Transcript, observe
from editloop.engine import read_info

OPERATORS = (("+", "-"), ("*", "+"), ("<", ">"), ("or", "and"))


def episode(number: int) -> Transcript:
    wrong, right = OPERATORS[number % len(OPERATORS)]
    lines = [f"def f{number}(x, y):", f"    z = x {wrong} y", "    return z"]
    state = EditState.open(Snapshot.from_text("\n".join(lines) + "\n"))
    first = observe(state, [Finding(f"f{number}(3, 4) -> wrong")])
    command = edit_line(2, lines[1], lines[1].replace(f" {wrong} ", f" {right} "))
    return Transcript((first, observe(apply(state, command), ())), (command, EXIT))


def write_demos(path: Path, count: int) -> Path:
    rows = []
    for number in range(count):
        made = episode(number)
        seen = [{"window": o.window, "findings": o.findings} for o in made.observations]
        commands = [render(command) for command in made.commands]
        rows.append({"v": 1, "observations": seen, "commands": commands, "family": ["operator"]})
    path.write_text("".join(json.dumps({**row, "source": ""}) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that was pretrained a little (``base``), and a run of LoRA on it (``tuned``)."""
    import torch
    from tiny_bases import make_base

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("fine-tuned")
    base = make_base(folder / "base", transcripts=map(episode, range(40)), steps=20)
    demos = write_demos(folder / "demos.jsonl", 60)
    budget = ["--steps", "12", "--rank", "8", "--context", "512", "--batch", "2", "--rate", "2e-3"]
    words = ["train", "sft", str(demos), "--base", str(base), "-o", str(folder / "tuned"), *budget]
    assert cli(words) == 0
    return folder


def test_the_merged_run_and_the_adapter_are_the_same_model(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, base = trained / "tuned", trained / "base"
    options = ["--quant", "f16,q8_0", "--limit", "1"]
    assert cli(["export", str(run), "-o", str(tmp_path / "a"), *options]) == 0, (
        capsys.readouterr().err
    )
    adapter = ["--lora", str(run / "adapter")]
    assert cli(["export", str(base), *adapter, "-o", str(tmp_path / "b"), *options]) == 0
    for folder in ("a", "b"):
        report = json.loads((tmp_path / folder / "report.json").read_text())
        assert report["tokens"]["differing"] == []
        assert report["transcripts"] == {"count": 1, "identical": 1}
        half, eight = report["files"]
        assert half["logits"]["agreement"] > 0.97
        assert half["logits"]["largest_difference"] < 0.1
        assert eight["logits"]["agreement"] > 0.9
        info = read_info(tmp_path / folder / "tuned-q8_0.gguf")
        assert (info.rendering, info.base_model) == ("chat", "base")
        assert info.transcript_version == TRANSCRIPT_VERSION
        assert len(info.metadata["editloop.recipe_sha"]) == 16
    assert capsys.readouterr().err.count("1 of 1 transcripts") == 2
