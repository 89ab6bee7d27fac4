"""Small real checkpoints with random weights, no torch.

The tokenizer is trained on the standard library; the weights are drawn, so the model knows
nothing, but it has the true shapes and runs through the same code as a trained one.
"""

from __future__ import annotations

import json
import os
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from editloop_export.tokenizer import SPLITS

__all__ = [
    "CHATML",
    "CONTROLS",
    "SPECIALS",
    "ModelSize",
    "make_checkpoint",
    "make_instruct",
    "make_tokenizer",
    "stdlib_texts",
    "trained_bpe",
]

SPECIALS = ("<|pad|>", "<|bos|>", "<|end|>", "<|cmd|>", "<|state|>")
CONTROLS = ("<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class ModelSize:
    """`architecture` is "llama", "qwen2" or "qwen3"; the rest as in config.json."""

    architecture: str = "llama"
    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 128
    context: int = 2048
    tied: bool = True
    biased: bool = False  # Llama only: q, k, v and o carry biases


def stdlib_texts(limit: int = 200) -> Iterator[str]:
    """Sources of the standard library's modules, in a fixed order."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(folder.glob("*.py"))[:limit]:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            yield file.read()


def trained_bpe(texts: Iterable[str], size: int, specials: Sequence[str], split: str) -> Any:
    """A byte-level BPE tokenizer of some texts; ``split``: what comes apart first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=32,
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def make_tokenizer(
    path: Path, *, vocab_size: int = 1500, style: str = "qwen2", specials: Sequence[str] = SPECIALS
) -> Path:
    """Trains a byte-level BPE on the standard library and writes tokenizer.json."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    made = trained_bpe(stdlib_texts(40), vocab_size, specials, SPLITS[style])
    made.save(str(path))
    return path


def make_checkpoint(
    folder: Path, size: ModelSize, tokenizer: Path, *, seed: int = 0, scale: float = 0.1
) -> Path:
    """Writes config.json, model.safetensors and tokenizer files; weights drawn with `scale`."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    data = tokenizer.read_text(encoding="utf-8")
    vocab = json.loads(data)
    n_vocab = 1 + max(*vocab["model"]["vocab"].values(), *(t["id"] for t in vocab["added_tokens"]))
    (folder / "tokenizer.json").write_text(data, encoding="utf-8")
    names = {"bos_token": SPECIALS[1], "eos_token": SPECIALS[2], "pad_token": SPECIALS[0]}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps(_config(size, n_vocab), indent=1))
    random = np.random.default_rng(seed)
    tensors = {
        name: _draw(random, name, shape, scale) for name, shape in _shapes(size, n_vocab).items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def make_instruct(folder: Path, size: ModelSize, *, scale: float = 0.1) -> Path:
    """A checkpoint with a chat template and fill-in tokens, as pretrained code models have them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(folder / "tokenizer.json", specials=(*SPECIALS, *CONTROLS))
    checkpoint = make_checkpoint(folder, size, tokenizer, scale=scale)
    (checkpoint / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    return checkpoint


def _draw(
    random: np.random.Generator, name: str, shape: tuple[int, ...], scale: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    values = random.standard_normal(shape).astype(np.float32) * np.float32(scale)
    return values + np.float32(1) if "norm" in name else values


def _config(size: ModelSize, n_vocab: int) -> dict[str, object]:
    kind = size.architecture
    return {
        "architectures": [kind.capitalize() + "ForCausalLM"],
        "model_type": kind,
        "hidden_size": size.width,
        "intermediate_size": size.feed_forward,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "head_dim": size.width // size.heads,
        "hidden_act": "silu",
        "max_position_embeddings": size.context,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "vocab_size": n_vocab,
        "tie_word_embeddings": size.tied,
        "attention_bias": size.biased,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "torch_dtype": "float32",
    }


def _shapes(size: ModelSize, n_vocab: int) -> dict[str, tuple[int, ...]]:
    width, head = size.width, size.width // size.heads
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (n_vocab, width)}
    for layer in range(size.layers):
        base = f"model.layers.{layer}."
        rows = {"q": size.heads * head, "k": size.kv_heads * head, "v": size.kv_heads * head}
        for letter, count in rows.items():
            shapes[f"{base}self_attn.{letter}_proj.weight"] = (count, width)
            if size.architecture == "qwen2" or size.biased:
                shapes[f"{base}self_attn.{letter}_proj.bias"] = (count,)
            if size.architecture == "qwen3" and letter != "v":
                shapes[f"{base}self_attn.{letter}_norm.weight"] = (head,)
        shapes[base + "self_attn.o_proj.weight"] = (width, size.heads * head)
        if size.biased:
            shapes[base + "self_attn.o_proj.bias"] = (width,)
        shapes[base + "mlp.gate_proj.weight"] = (size.feed_forward, width)
        shapes[base + "mlp.up_proj.weight"] = (size.feed_forward, width)
        shapes[base + "mlp.down_proj.weight"] = (width, size.feed_forward)
        shapes[base + "input_layernorm.weight"] = (width,)
        shapes[base + "post_attention_layernorm.weight"] = (width,)
    shapes["model.norm.weight"] = (width,)
    if not size.tied:
        shapes["lm_head.weight"] = (n_vocab, width)
    return shapes
