"""Small real bases for tests: a Hugging Face folder with a tokenizer, in seconds on a processor."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from editloop.transcript import SPECIAL_TOKENS, Rendering, Transcript
from trainer.encode import compact_tokenizer, load_base
from trainer.rows import encode_rows
from trainer.run import RunFolder
from trainer.scratch import ScratchTrainer, Settings
from trainer.tokenizer import source_lines, train_tokenizer

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_CHAT_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def stdlib_sources(limit: int = 20) -> Iterator[str]:
    """Modules of the standard library, in a fixed order."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(folder.glob("*.py"))[:limit]:
        yield path.read_text(encoding="utf-8", errors="replace")


def make_base(
    folder: Path,
    *,
    architecture: str = "qwen3",
    rendering: Rendering = "compact",
    width: int = 64,
    layers: int = 2,
    vocabulary: int = 1024,
    context: int = 1024,
    seed: int = 0,
    transcripts: Iterable[Transcript] = (),
    steps: int = 0,
) -> Path:
    """A small base with drawn weights, or trained for ``steps`` on what it is given.

    ``architecture``: llama, qwen2 or qwen3. ``chat`` bases have a ChatML template and know nothing
    of this tool, as an instruct model does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder, rendering, vocabulary)
    torch.manual_seed(seed)
    config = _config(folder, architecture, width, layers, context)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(folder)
    if steps:
        base = load_base(folder)
        rows = encode_rows(transcripts, base.encoder, context)
        settings = Settings(minutes=None, steps=steps, batch_tokens=2048, checkpoint_seconds=1e9)
        with TemporaryDirectory() as scratch:
            run = RunFolder(Path(scratch), {})
            pad = base.tokenizer.pad_token_id
            ScratchTrainer(run, model, settings, int(pad)).train(rows)
        model.save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, rendering: Rendering, vocabulary: int) -> None:
    specials = SPECIAL_TOKENS if rendering == "compact" else _CHAT_TOKENS
    made = train_tokenizer(source_lines(stdlib_sources()), vocabulary, specials)
    if rendering == "compact":
        file = folder / "tokenizer.json"
        made.save(str(file))
        compact_tokenizer(file).save_pretrained(folder)
        return
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers' own
        tokenizer_object=made, pad_token=_CHAT_TOKENS[0], eos_token=_CHAT_TOKENS[2]
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
