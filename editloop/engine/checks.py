"""Made before native code sees a model: checks of version, memory and processor, and sizes."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import (
    NoChatTemplate,
    NotAGguf,
    NotEnoughMemory,
    UnsupportedCpu,
    WrongTranscriptVersion,
)
from .gguf_info import ModelInfo

_WORK = 64 << 20  # graphs and buffers of llama.cpp at our batch size, small models

# A decode can be stopped between the operations of its graph, so no single one may take long:
# this many multiply-adds are about 50 ms on one core.
_LARGEST_STEP = 1_250_000_000


def batch_sizes(info: ModelInfo, gpu: bool) -> tuple[int, int]:
    """(tokens, rows of logits) of one decode, such that a cancel is heard within 200 ms."""
    if gpu:
        return 512, 64
    width = max(1, info.number("embedding_length"))
    feed_forward = max(1, info.number("feed_forward_length", 4 * width))
    vocab = max(1, info.number("vocab_size", 150_000))
    tokens = min(512, max(32, _LARGEST_STEP // (width * feed_forward) // 32 * 32))
    return tokens, min(tokens, 64, max(16, _LARGEST_STEP // (width * vocab)))


def check_version(info: ModelInfo, version: int) -> None:
    """Raises WrongTranscriptVersion unless the model has this version, or none at all."""
    if info.transcript_version not in (None, version):
        raise WrongTranscriptVersion(
            f"{info.path} speaks transcript version {info.transcript_version}, this editloop "
            f"version {version}: choose a model made for it, or install the matching editloop"
        )


def check_kind(info: ModelInfo) -> None:
    """Raises NotAGguf unless it is a whole language model or a LoRA that was trained here,
    NoChatTemplate unless it can be asked.

    It can be asked when it has a chat template, or fills in the middle.
    """
    kind = info.metadata.get("general.type", "model")
    if info.is_adapter and info.transcript_version is not None:
        return
    if kind != "model":
        raise NotAGguf(f"{info.path} is no model but of kind {kind!s:.20}: choose the model's file")
    parts = info.metadata.get("split.count", 1)
    if parts != 1:
        raise NotAGguf(
            f"{info.path} is one of {parts!s:.20} parts: join them with llama-gguf-split --merge"
        )
    for key in ("block_count", "embedding_length"):
        if info.number(key) < 1:
            raise NotAGguf(f"{info.path} has no {info.architecture}.{key}: choose another file")
    template = info.metadata.get("tokenizer.chat_template")
    if not isinstance(template, str) and not info.fill_in:
        raise NoChatTemplate(
            f"{info.path} has no chat template and no fill-in tokens, so it cannot be asked for a "
            "repair: choose an instruct model"
        )


def cache_bytes(info: ModelInfo, cells: int) -> int:
    """Bytes of an F16 key/value cache of `cells` cells."""
    heads = info.number("attention.head_count", 1) or 1
    width = info.number("embedding_length") // heads
    keys = info.number("attention.key_length", width)
    values = info.number("attention.value_length", width)
    kv_heads = info.number("attention.head_count_kv", heads)
    return 2 * cells * info.number("block_count") * kv_heads * (keys + values)


def check_memory(info: ModelInfo, needed: int, free: int | None) -> None:
    """Raises NotEnoughMemory when `needed` bytes and work space exceed `free` (None: unknown)."""
    needed += _WORK
    if free is not None and needed > free:
        raise NotEnoughMemory(
            f"{info.path.name} needs about {needed / 2**20:,.0f} MB and {free / 2**20:,.0f} MB "
            "are free: close other programs, ask for a smaller n_ctx or choose a smaller model"
        )


def check_cpu(missing: Sequence[str]) -> None:
    """Raises UnsupportedCpu when the processor lacks instructions of the compiled library."""
    if missing:
        raise UnsupportedCpu(
            f"llama.cpp was compiled for {', '.join(missing)}, which this processor lacks: "
            "run `CMAKE_ARGS=-DGGML_NATIVE=OFF pip install --no-binary :all: "
            "--force-reinstall --no-deps llama-cpp-python`"
        )
