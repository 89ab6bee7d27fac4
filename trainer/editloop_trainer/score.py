"""Teacher-forced scores of a model on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from editloop_trainer.rows import Rows, batches


@dataclass(frozen=True, slots=True)
class DevScore:
    """On held-out demonstrations: nats a command token, share of commands whole and right."""

    loss: float
    exact: float
    line: float


@torch.no_grad()
def evaluate(model: PreTrainedModel, rows: Rows, batch_tokens: int, pad: int) -> DevScore:
    """Teacher-forced scores; a command counts as exact when each of its tokens is the likeliest."""
    model.train(False)
    total, count, exact, line, commands = 0.0, 0, 0, 0, 0
    for batch in batches(rows, batch_tokens, seed=0, pad=pad):
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
