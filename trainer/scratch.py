"""Training a small decoder from scratch: Qwen3 shape, Muon for the matrices, AdamW for the rest.

The budget is minutes or steps, whichever ends first; the learning rate follows the share of the
budget that is spent (warm-up, constant, linear to zero), so a run fits the machine at hand.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from trainer.encode import compact_tokenizer
from trainer.rows import Batch, Rows, batches
from trainer.run import Budget, RunError, RunFolder, broken, rate_factor
from trainer.score import evaluate


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


OnStep = Callable[[], None]
STATE = "state.pt"
LOG_STEPS = 10
_COUNTERS = ("step", "epoch", "position", "seconds", "tokens")


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


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """Scalars of one batch: ``weighted`` has the gradient, the others are of command tokens."""

    weighted: Tensor
    command: Tensor
    accuracy: Tensor


def batch_loss(
    model: Qwen3ForCausalLM,
    body: nn.Module,
    batch: Batch,
    settings: Settings,
    generator: torch.Generator,
) -> BatchLoss:
    """``body`` is the model without its output layer, compiled or not."""
    device = model.device
    ids = torch.from_numpy(batch.ids)
    written = torch.from_numpy(batch.written)[:, 1:]
    real = torch.arange(1, ids.shape[1])[None] < torch.from_numpy(batch.lengths)[:, None]
    lucky = torch.rand(written.shape, generator=generator) < settings.observation_share
    chosen = real & (written | lucky)
    ids, written, chosen = ids.to(device), written.to(device), chosen.to(device)
    with torch.autocast(device.type, torch.bfloat16):
        hidden = body(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[chosen])
    wanted = ids[:, 1:][chosen]
    losses = nn.functional.cross_entropy(logits.float(), wanted, reduction="none")
    flags = written[chosen]
    weights = torch.where(flags, 1.0, settings.observation_weight)
    shown = flags if flags.any() else torch.ones_like(flags)
    right = (logits.detach().argmax(-1) == wanted)[shown].float().mean()
    weighted = (losses * weights).sum() / weights.sum()
    return BatchLoss(weighted, losses.detach()[shown].mean(), right)


class ScratchTrainer:
    """Trains a model in a run folder; a killed run goes on from its last checkpoint.

    On CUDA the layers are compiled, and matrix products are TF32 or bfloat16 (not tested there).
    """

    def __init__(
        self, run: RunFolder, model: Qwen3ForCausalLM, settings: Settings, pad: int
    ) -> None:
        self.run, self.model, self.settings, self.pad = run, model, settings, pad
        self.budget = Budget(settings.minutes, settings.steps)
        self.optimizers = optimizers(model, settings)
        self.body: nn.Module = model.model
        if model.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
            # Batches differ in both dimensions.
            self.body = cast(nn.Module, torch.compile(model.model, dynamic=True))
        self.step, self.epoch, self.position, self.seconds, self.tokens = 0, 0, 0, 0.0, 0
        self._logged = (0, 0.0)

    @property
    def spent(self) -> float:
        """The share of the budget that is used."""
        return self.budget.spent(self.step, self.seconds)

    def resume(self) -> bool:
        """Take up the last checkpoint; False where there is none. Raises RunError."""
        found = self.run.resume()
        if found is None:
            return False
        try:
            state = torch.load(
                found.path / STATE, map_location=self.model.device, weights_only=True
            )
            self.model.load_state_dict(state["model"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            for key in _COUNTERS:
                setattr(self, key, state[key])
        except (RuntimeError, OSError, EOFError, KeyError, ValueError, UnpicklingError) as error:
            raise broken(found.path, str(error).partition("\n")[0]) from error
        self._logged = (self.tokens, self.seconds)
        return True

    def save(self) -> None:
        """Write a checkpoint. Raises RunError; the one before stays then."""
        if self.run.holds(self.step):
            return
        state = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            **{key: getattr(self, key) for key in _COUNTERS},
        }
        with self.run.checkpoint(self.step, self.seconds, self.tokens) as folder:
            torch.save(state, folder / STATE)

    def write_model(self, tokenizer: Path) -> None:
        """Write the weights as they are now, with this tokenizer.json, as the run's result."""
        with self.run.result() as folder:
            compact_tokenizer(tokenizer).save_pretrained(folder)
            shutil.copyfile(tokenizer, folder / "tokenizer.json")
            self.model.save_pretrained(folder)

    def train(self, rows: Rows, dev: Rows | None = None, on_step: OnStep = lambda: None) -> None:
        """Go on until the budget is spent; the last state is saved and scored."""
        if not len(rows):
            raise RunError("there are no rows to train on")
        last_save = last_dev = time.monotonic()
        self.model.train()
        endless = self._stream(rows)
        while self.spent < 1.0:
            started = time.monotonic()
            self._step(next(endless))
            now = time.monotonic()
            self.seconds += now - started
            if self.step % LOG_STEPS == 0:
                self._log()
            on_step()
            if now - last_save >= self.settings.checkpoint_seconds:
                self.save()
                last_save = time.monotonic()
            if dev is not None and now - last_dev > self.settings.dev_seconds:
                self._score(dev)
                last_dev = time.monotonic()
        self.save()
        if dev is not None:
            self._score(dev)

    def _step(self, batch: Batch) -> None:
        factor = self._factor()
        rates = (self.settings.matrix_rate, self.settings.other_rate)
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        self._losses = batch_loss(self.model, self.body, batch, self.settings, generator)
        torch.autograd.backward(self._losses.weighted)
        self._norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += int(batch.lengths.sum())

    def _factor(self) -> float:
        return rate_factor(self.spent, self.settings.warmup, self.settings.decay_from)

    def _log(self) -> None:
        tokens, seconds = self._logged
        self._logged = (self.tokens, self.seconds)
        self.run.log(
            {
                **self._now(),
                "loss": self._losses.command.item(),
                "weighted_loss": self._losses.weighted.item(),
                "accuracy": self._losses.accuracy.item(),
                "tokens_per_second": round(
                    (self.tokens - tokens) / max(self.seconds - seconds, 1e-9), 1
                ),
                "grad_norm": self._norm.item(),
                "rate": self._factor(),
            }
        )

    def _score(self, dev: Rows) -> None:
        score = evaluate(self.model, dev, self.settings.batch_tokens, self.pad)
        self.run.log({**self._now(), "dev": asdict(score)})

    def _now(self) -> dict[str, Any]:
        return {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 3)}

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
