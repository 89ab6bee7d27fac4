"""Small real bases for tests: a Hugging Face folder with a tokenizer, in seconds on a processor."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch
from editloop_export.tokenizer import SPLITS
from editloop_trainer.encode import load_base
from tiny_checkpoints import trained_bpe
from tokenizers import Tokenizer
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from editloop.document.transcript import Transcript

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def stdlib_sources(limit: int = 20) -> Iterator[str]:
    """Modules of the standard library, in a fixed order."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(folder.glob("*.py"))[:limit]:
        yield path.read_text(encoding="utf-8", errors="replace")


def make_base(
    folder: Path,
    *,
    architecture: str = "qwen3",
    texts: Iterable[str] | None = None,
    width: int = 64,
    layers: int = 2,
    vocabulary: int = 1024,
    context: int = 1024,
    seed: int = 0,
    transcripts: Iterable[Transcript] = (),
    steps: int = 0,
) -> Path:
    """A small instruct model that knows nothing of this tool, or was taught ``transcripts`` for
    ``steps`` steps.

    ``architecture``: llama, qwen2 or qwen3. ``texts``: what its tokenizer is trained on, None for
    the standard library.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, stdlib_sources() if texts is None else texts, vocabulary)
    torch.manual_seed(seed)
    config = _config(folder, architecture, width, layers, context)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(folder)  # the encoder reads its config
    if steps:
        _teach(model, folder, transcripts, steps)
        model.save_pretrained(folder)
    return folder


def _teach(model: Any, folder: Path, transcripts: Iterable[Transcript], steps: int) -> None:
    encoder, rng = load_base(folder).encoder, Random(0)
    rows = [row for transcript in transcripts for row in encoder.rows(transcript)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        chosen = rng.sample(rows, min(16, len(rows)))
        ids = pad_sequence([torch.tensor(ids) for ids, _ in chosen], batch_first=True)
        labels = pad_sequence(
            [torch.tensor(ids).where(torch.tensor(flags), -100) for ids, flags in chosen],
            batch_first=True,
            padding_value=-100,
        )
        torch.autograd.backward(model(input_ids=ids, labels=labels).loss)
        optimizer.step()
        optimizer.zero_grad()


def write_tokenizer(folder: Path, texts: Iterable[str], vocabulary: int) -> None:
    """A byte-level BPE of these texts, and a chat template."""
    made = trained_bpe(texts, vocabulary, _TOKENS, SPLITS["qwen2"])
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers' own
        tokenizer_object=made, pad_token=_TOKENS[0], eos_token=_TOKENS[2]
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)


def _config(folder: Path, architecture: str, width: int, layers: int, context: int) -> Any:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return AutoConfig.for_model(
        architecture,
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=width // 2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=None,
        bos_token_id=None,
    )
