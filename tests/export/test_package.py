"""The whole export: several kinds, their report, refusals, and what a kill leaves behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from editloop_export import UnsupportedTokenizer
from editloop_export.package import Options, export_model, judge
from editloop_export.parity import LogitReport
from editloop_export.repair_score import RepairScore
from editloop_export.report import Quantized
from editloop_export.source import find_source
from tiny_checkpoints import ModelSize, make_instruct

from editloop.cli import run as cli
from editloop.document.transcript import TRANSCRIPT_VERSION
from editloop.engine import read_info

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an instruct model; its weights were drawn."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    size = ModelSize("qwen3", width=320, heads=5, kv_heads=1, feed_forward=512, context=2048)
    make_instruct(folder / "model", size, scale=0.05)
    (folder / "settings.json").write_text('{"kind": "sft", "seed": 1}')
    return folder


def test_report_and_metadata(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    quants = ["--quant", "q8_0,q4_k_m", "--limit", "2"]
    code = cli(["export", str(run), "-o", str(out), *quants, "--meta", "editloop.base_model=none"])
    told = " ".join(capsys.readouterr().err.split())
    assert code == 0, told
    assert sorted(p.name for p in out.iterdir()) == [
        "report.json",
        "tiny-q4_k_m.gguf",
        "tiny-q8_0.gguf",
    ]
    info = read_info(out / "tiny-q4_k_m.gguf")
    assert info.quantization == "Q4_K_M"
    assert info.transcript_version == TRANSCRIPT_VERSION
    assert (info.rendering, info.base_model) == ("chat", "none")
    assert info.metadata["general.name"] == "tiny"
    assert len(info.metadata["editloop.recipe_sha"]) == 16
    report = json.loads((out / "report.json").read_text())
    assert report["tokens"]["texts"] == 200
    assert report["tokens"]["differing"] == []
    assert report["transcripts"] == {"count": 2, "identical": 2}
    assert report["reference"] == "float32"
    eight, four = report["files"]
    assert eight["logits"]["positions"] > 100
    assert eight["logits"]["agreement"] >= 0.8
    assert eight["logits"]["largest_difference"] < four["logits"]["largest_difference"]
    assert eight["repair"]["tasks"] == four["repair"]["tasks"] == 2
    assert eight["fallbacks"] == {}
    assert sum(four["fallbacks"].values()) == 13  # the embedding, and six in each layer
    assert "no multiple of 256" in told
    assert "identical in 200 of 200 files and 2 of 2 transcripts" in told


def test_a_kind_that_computes_something_else_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Large numbers in every block of 32 weights that have no effect, but ruin q8_0's scale."""
    from safetensors.numpy import load_file, save_file

    model = Path(shutil.copytree(run / "model", tmp_path / "model"))
    tensors = load_file(model / "model.safetensors")
    for name, tensor in tensors.items():
        if name.endswith("norm.weight") and tensor.shape == (320,):
            tensor[::32] = 0
        elif tensor.ndim == 2 and tensor.shape[1] == 320 and "embed" not in name:
            tensor[:, ::32] = 1000
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    out = tmp_path / "m.gguf"
    out.write_bytes(b"before")
    assert cli(["export", str(model), "-o", str(out), "--limit", "1"]) == 1
    assert "q8_0 is refused: only" in capsys.readouterr().err
    assert out.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.gguf", "m.report.json", "model"]


def test_a_kind_that_breaks_repair_is_refused() -> None:
    def file(quant: str, solved: int, agreement: float = 0.9) -> Quantized:
        logits = LogitReport(8, 500, agreement, 1.0, 4)
        return Quantized(quant, Path("m.gguf"), 1, {}, logits, RepairScore(24, solved, 0))

    best = RepairScore(24, 20, 0)
    assert judge(file("q4_k_m", 15), best).reason == ""
    assert judge(file("q4_k_m", 14), best).reason == "it repairs 14 of 24 tasks, f16 20"
    few = judge(file("q4_k_m", 5), RepairScore(24, 8, 0))
    assert few.reason == "it repairs 5 of 24 tasks, f16 8"
    assert judge(file("q4_k_m", 20, agreement=0.5), best).written
    assert not judge(file("q8_0", 20, agreement=0.5), best).written
    assert judge(file("q8_0", 0, agreement=0.5), best, force=True).written


def test_a_tokenizer_that_llama_cpp_reads_differently(run: Path, tmp_path: Path) -> None:
    """A word that takes the blanks before it: its file looks like any other."""
    model = Path(shutil.copytree(run / "model", tmp_path / "model"))
    path = model / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    number = tokenizer["model"]["vocab"]["self"]
    flags = {"single_word": False, "lstrip": True, "rstrip": False, "normalized": False}
    tokenizer["added_tokens"].append({"id": number, "content": "self", "special": False, **flags})
    path.write_text(json.dumps(tokenizer))
    options = Options({"f16": tmp_path / "m.gguf"}, limit=1)
    with pytest.raises(UnsupportedTokenizer, match=r"of 200 files differently, \w+\.py from token"):
        export_model(find_source(model), options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]


KILLED = """
import os, signal, sys
from pathlib import Path
from editloop_export.package import Options, export_model
from editloop_export.source import find_source

def tell(text):
    if text == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

out = Path(sys.argv[2])
targets = {quant: out / f"m-{quant}.gguf" for quant in ("f16", "q6_k")}
options = Options(targets, parity=sys.argv[4] == "1", limit=1)
export_model(find_source(Path(sys.argv[1])), options, tell)
"""


@pytest.mark.parametrize(("stage", "parity"), [("writing q6_k", "0"), ("comparing token ids", "1")])
def test_a_kill_leaves_nothing_that_could_be_loaded(
    run: Path, tmp_path: Path, stage: str, parity: str
) -> None:
    command = [sys.executable, "-c", KILLED, str(run), str(tmp_path), stage, parity]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*.gguf"))
    targets = {"q6_k": tmp_path / "m-q6_k.gguf"}
    report = export_model(find_source(run), Options(targets, parity=False))
    assert report.files[0].fallbacks
    assert [p.name for p in tmp_path.iterdir()] == ["m-q6_k.gguf"]


LARGE = """
import re, sys
from pathlib import Path
from editloop_export import write_gguf
write_gguf(sys.argv[1], sys.argv[2], quant="f16")
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_large_checkpoint(run: Path, tmp_path: Path) -> None:
    """1 GB of zeros that take no place on the disk; the largest tensor has 128 MB."""
    model = tmp_path / "model"
    model.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (model / name).write_bytes((run / "model" / name).read_bytes())
    width, rows, layers = 2048, 16384, 3
    config = json.loads((run / "model" / "config.json").read_text())
    config |= {"hidden_size": width, "intermediate_size": rows, "num_hidden_layers": layers}
    config |= {"num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 128}
    (model / "config.json").write_text(json.dumps(config))
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], width)}
    shapes["model.norm.weight"] = (width,)
    for layer in range(layers):
        for name, shape in (
            ("mlp.gate_proj", (rows, width)),
            ("mlp.up_proj", (rows, width)),
            ("mlp.down_proj", (width, rows)),
        ):
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    size = sparse_file(model / "model.safetensors", shapes)
    assert size > 1_200_000_000
    out = tmp_path / "m.gguf"
    command = [sys.executable, "-c", LARGE, str(model), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    largest = 4 * rows * width
    assert int(done.stdout) < 2 * largest
    assert out.stat().st_size > 600_000_000


def sparse_file(path: Path, shapes: dict[str, tuple[int, ...]]) -> int:
    """A safetensors file of float32 zeros without blocks on the disk; returns its size."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return path.stat().st_size
