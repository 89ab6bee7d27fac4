"""Loading: every refusal with its message, the file's description, threads."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from editloop.engine import Engine, host, read_info
from editloop.engine.errors import (
    ModelNotFound,
    NotAGguf,
    NotEnoughMemory,
    TruncatedGguf,
    UnsupportedCpu,
    WrongTranscriptVersion,
)

VERSION = 7


def test_importing_does_not_load_llama_cpp() -> None:
    code = (
        "import sys, editloop.engine as e; e.read_info;"
        "heavy = {'llama_cpp', 'torch', 'gguf', 'transformers'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_info(model: Path) -> None:
    info = read_info(model)
    assert info.architecture == "llama"
    assert info.quantization == "F32"
    assert info.context_length == 1024
    assert info.transcript_version == VERSION
    assert info.rendering == "chat"
    assert info.base_model == "tiny"
    assert info.eval == {"pass@1": 0.5, "suite": "none"}
    assert info.file_size == model.stat().st_size
    assert info.parameters == 1500 * 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128 + 128) + 64
    assert info.number("block_count") == 2
    assert "tokenizer.ggml.tokens" not in info.metadata


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no model file at .*nothing.gguf: check the path"):
        Engine.load(tmp_path / "nothing.gguf", transcript_version=VERSION)
    with pytest.raises(ModelNotFound):
        read_info(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\3\4 something else", b"\x7fELF" * 100])
def test_not_a_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(NotAGguf, match=r"is not a GGUF file: choose a file that ends in \.gguf"):
        Engine.load(path, transcript_version=VERSION)


@pytest.mark.parametrize("share", [4 / 4e9, 1e-4, 0.01, 0.05, 0.2, 0.5, 0.9, 0.999])
def test_truncated(model: Path, tmp_path: Path, share: float) -> None:
    data = model.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[: max(4, min(len(data) - 1, int(len(data) * share)))])
    with pytest.raises(TruncatedGguf, match=r"is cut short at .* download or export it again"):
        Engine.load(path, transcript_version=VERSION)


def test_truncated_by_one_byte_and_whole(model: Path, tmp_path: Path) -> None:
    data = model.read_bytes()
    path = tmp_path / "cut.gguf"
    end = len(data.rstrip(b"\0"))  # padding may follow the last tensor
    path.write_bytes(data[: end - 64])
    with pytest.raises(TruncatedGguf):
        read_info(path)


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        (4, struct.pack("<I", 1), NotAGguf),  # a version of long ago
        (4, struct.pack(">I", 3), NotAGguf),  # big-endian
        (8, struct.pack("<Q", 2**60), TruncatedGguf),  # tensors
        (16, struct.pack("<Q", 2**60), TruncatedGguf),  # values
        (24, struct.pack("<Q", 2**63), TruncatedGguf),  # length of the first key
        (24 + 8 + 20, struct.pack("<I", 77), NotAGguf),  # type of the first value
    ],
)
def test_damaged_header(
    model: Path, tmp_path: Path, offset: int, value: bytes, error: type[Exception]
) -> None:
    data = bytearray(model.read_bytes())
    data[offset : offset + len(value)] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    with pytest.raises(error):
        read_info(path)


def test_wrong_transcript_version(model: Path) -> None:
    message = "speaks transcript version 7, this editloop version 8: choose a model made for it"
    with pytest.raises(WrongTranscriptVersion, match=message):
        Engine.load(model, transcript_version=8)


def test_not_enough_memory(model: Path) -> None:
    with pytest.raises(NotEnoughMemory, match=r"tiny.gguf needs about \d+ MB and 10 MB are free"):
        Engine.load(model, transcript_version=VERSION, free_memory=lambda: 10 << 20)


def test_unknown_memory_is_no_reason_to_refuse(model: Path) -> None:
    Engine.load(model, transcript_version=VERSION, n_threads=1, free_memory=lambda: None).close()


def test_unsupported_cpu(model: Path) -> None:
    def old() -> frozenset[str]:
        return frozenset({"fpu", "sse", "sse2"})

    with pytest.raises(UnsupportedCpu, match=r"compiled for .*which this processor lacks: run"):
        Engine.load(model, transcript_version=VERSION, cpu_flags=old)
    Engine.load(model, transcript_version=VERSION, cpu_flags=lambda: None, n_threads=1).close()


def test_this_machine() -> None:
    assert host.default_threads() >= 1
    free, flags = host.free_memory(), host.cpu_flags()
    assert free is None or free > 1 << 20
    assert flags is None or flags


def test_n_ctx_is_what_the_model_was_trained_for_at_most(model: Path) -> None:
    for wanted, found in ((None, 1024), (256, 256), (100_000, 1024)):
        with Engine.load(model, transcript_version=VERSION, n_ctx=wanted, n_threads=1) as engine:
            assert engine.n_ctx == found


def test_text(shared: Engine) -> None:
    for text in ("", "x", "def f():\n\treturn 'é😀\u2028'\r\n", "<|end|>", "a\0b", "\f\v"):
        ids = shared.tokenize(text)
        assert shared.detokenize(ids) == text.encode()
        assert all(token > 4 for token in ids)
    (end,) = shared.tokenize("<|end|>", special=True)
    assert shared.tokenize("a<|end|>", special=True)[-1] == end
    assert shared.detokenize([end]) == b"<|end|>"


def test_tokens_of_any_length_survive(folder: Path, model: Path) -> None:
    """Trained without a limit, a BPE has tokens of more than 32 bytes."""
    import json

    from editloop_export import write_gguf
    from tiny_checkpoints import ModelSize, make_checkpoint

    data = json.loads((folder / "trained.json").read_text())
    dash, vocab, merges = "-", data["model"]["vocab"], data["model"]["merges"]
    for _ in range(7):  # 2, 4, ... 128 dashes
        if dash * 2 not in vocab:
            vocab[dash * 2] = 1 + max(vocab.values())
            merges.append([dash, dash])
        dash *= 2
    (folder / "long.json").write_text(json.dumps(data))
    checkpoint = make_checkpoint(folder / "long", ModelSize(), folder / "long.json")
    path = write_gguf(checkpoint, folder / "long.gguf")
    with Engine.load(path, transcript_version=VERSION, n_threads=1) as engine:
        text = "# " + "-" * 300
        ids = engine.tokenize(text)
        assert max(len(engine.detokenize([token])) for token in ids) == 128
        assert engine.detokenize(ids) == text.encode()
