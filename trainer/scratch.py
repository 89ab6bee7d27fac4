"""Training a small decoder from scratch: Qwen3 shape, Muon for the matrices, AdamW for the rest.

The budget is minutes or steps, whichever ends first; the learning rate follows the share of the
budget that is spent (warm-up, constant, linear to zero), so a run fits the machine at hand. A
checkpoint holds everything, is written atomically, and a killed run goes on from it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from trainer.rows import Batch, Rows, batches


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Dimensions in multiples of 64, as GGUF's block formats want them."""

    vocabulary: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 768
    context: int = 2048

    def config(self, pad: int, bos: int, eos: int) -> Qwen3Config:
        return Qwen3Config(
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            intermediate_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            head_dim=64,
            max_position_embeddings=self.context,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
            tie_word_embeddings=True,
            pad_token_id=pad,
            bos_token_id=bos,
            eos_token_id=eos,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """One training run. Rates are for batches of ``batch_tokens`` padded tokens."""

    minutes: float | None = 60.0
    steps: int | None = None
    batch_tokens: int = 8192
    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    weight_decay: float = 0.05
    warmup: float = 0.02
    decay_from: float = 0.3
    observation_weight: float = 0.1
    """Weight in the loss of a token that the model reads; 1 for what it writes."""
    observation_share: float = 0.25
    """Share of the read tokens that get a loss at all: the output layer is much of a step."""
    seed: int = 0
    checkpoint_seconds: float = 120.0
    dev_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class DevScore:
    """On held-out demonstrations: nats a command token, share of commands whole and right."""

    loss: float
    exact: float
    line: float


Log = Callable[[dict[str, Any]], None]


def make_model(shape: ModelShape, pad: int, bos: int, eos: int, seed: int) -> Qwen3ForCausalLM:
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(shape.config(pad, bos, eos))
    for name, parameter in model.named_parameters():
        # Residual branches start at zero: the untrained network is the identity on embeddings.
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            nn.init.zeros_(parameter)
    return model


def optimizers(model: nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and ".layers." in n]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(
            matrices, lr=settings.matrix_rate, momentum=0.95, weight_decay=settings.weight_decay
        ),
        torch.optim.AdamW(others, lr=settings.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate_factor(spent: float, settings: Settings) -> float:
    """Factor on the learning rates when ``spent`` (0 to 1) of the budget is used."""
    if spent < settings.warmup:
        return max(spent / settings.warmup, 0.01)
    if spent < settings.decay_from:
        return 1.0
    return max(0.0, (1.0 - spent) / (1.0 - settings.decay_from))


def batch_loss(
    model: Qwen3ForCausalLM, batch: Batch, settings: Settings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(weighted mean for the gradient, mean over command tokens for the log), both scalars."""
    device = model.device
    ids = torch.from_numpy(batch.ids)
    written = torch.from_numpy(batch.written)[:, 1:]
    real = torch.arange(1, ids.shape[1])[None] < torch.from_numpy(batch.lengths)[:, None]
    lucky = torch.rand(written.shape, generator=generator) < settings.observation_share
    chosen = real & (written | lucky)
    ids, written, chosen = ids.to(device), written.to(device), chosen.to(device)
    with torch.autocast(device.type, torch.bfloat16):
        hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[chosen])
    losses = nn.functional.cross_entropy(logits.float(), ids[:, 1:][chosen], reduction="none")
    flags = written[chosen]
    weights = torch.where(flags, 1.0, settings.observation_weight)
    command = losses[flags].mean() if flags.any() else losses.mean()
    return (losses * weights).sum() / weights.sum(), command.detach()


@torch.no_grad()
def evaluate(model: Qwen3ForCausalLM, rows: Rows, settings: Settings, pad: int) -> DevScore:
    """Teacher-forced scores; a command counts as exact when each of its tokens is the likeliest."""
    model.train(False)
    total, count, exact, line, commands = 0.0, 0, 0, 0, 0
    for batch in batches(rows, settings.batch_tokens, seed=0, pad=pad):
        ids = torch.from_numpy(batch.ids).to(model.device)
        written = torch.from_numpy(batch.written)[:, 1:]
        with torch.autocast(model.device.type, torch.bfloat16):
            hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
            logits = model.lm_head(hidden[written.to(model.device)]).float()
        wanted = ids[:, 1:][written.to(model.device)]
        losses = nn.functional.cross_entropy(logits, wanted, reduction="none")
        total, count = total + losses.sum().item(), count + len(wanted)
        right = (logits.argmax(-1) == wanted).tolist()
        for first, last in _command_spans(written):
            commands += 1
            exact += all(right[first:last])
            line += all(right[first : first + 2])
    model.train()
    return DevScore(total / max(count, 1), exact / max(commands, 1), line / max(commands, 1))


def _command_spans(written: Tensor) -> list[tuple[int, int]]:
    """Spans of commands within the flattened run of written tokens."""
    rows, columns = written.nonzero(as_tuple=True)
    spans: list[tuple[int, int]] = []
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i] != rows[i - 1] or columns[i] != columns[i - 1] + 1:
            spans.append((start, i))
            start = i
    return spans


class Run:
    """A training run in a folder: ``settings.json``, ``log.jsonl``, ``state.pt``, ``model/``."""

    def __init__(self, folder: Path, model: Qwen3ForCausalLM, settings: Settings, pad: int) -> None:
        self.folder, self.model, self.settings, self.pad = folder, model, settings, pad
        self.optimizers = optimizers(model, settings)
        self.step, self.epoch, self.position, self.seconds, self.tokens = 0, 0, 0, 0.0, 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=1))

    @property
    def spent(self) -> float:
        by_steps = self.step / self.settings.steps if self.settings.steps else 0.0
        by_time = self.seconds / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return max(by_steps, by_time)

    def resume(self) -> bool:
        """Take up the last checkpoint; False where there is none."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.model.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for key in ("step", "epoch", "position", "seconds", "tokens"):
            setattr(self, key, state[key])
        return True

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "seconds": self.seconds,
            "tokens": self.tokens,
        }
        part = self.folder / "state.pt.part"
        torch.save(state, part)
        os.replace(part, self.folder / "state.pt")
        self.model.save_pretrained(self.folder / "model")

    def train(self, rows: Rows, dev: Rows | None, log: Log) -> None:
        """Go on until the budget is spent; the last state is saved and scored."""
        last_save = last_dev = time.monotonic()
        self.model.train()
        for batch in self._stream(rows):
            if self.spent >= 1.0:
                break
            started = time.monotonic()
            self._step(batch, log)
            now = time.monotonic()
            self.seconds += now - started
            if now - last_save > self.settings.checkpoint_seconds:
                self.save()
                last_save = time.monotonic()
            if dev is not None and now - last_dev > self.settings.dev_seconds:
                log({"dev": asdict(evaluate(self.model, dev, self.settings, self.pad))})
                last_dev = time.monotonic()
        self.save()
        if dev is not None:
            log({"dev": asdict(evaluate(self.model, dev, self.settings, self.pad)), "end": True})

    def _step(self, batch: Batch, log: Log) -> None:
        factor = rate_factor(self.spent, self.settings)
        rates = (self.settings.matrix_rate, self.settings.other_rate)
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        loss, command = batch_loss(self.model, batch, self.settings, generator)
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += int(batch.lengths.sum())
        if self.step % 10 == 0:
            log({"loss": loss.item(), "command_loss": command.item(), "norm": norm.item()})

    def _stream(self, rows: Rows) -> Iterator[Batch]:
        """Batches without end; after a resume those that were used are passed over."""
        while True:
            epoch = batches(
                rows,
                self.settings.batch_tokens,
                seed=self.settings.seed + self.epoch,
                pad=self.pad,
            )
            for position, batch in enumerate(epoch):
                if position >= self.position:
                    self.position = position + 1
                    yield batch
            self.epoch, self.position = self.epoch + 1, 0
