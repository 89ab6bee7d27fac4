"""One process of two: trains, then says what it holds. Run by torchrun."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from editloop_trainer.rlvr.settings import RlvrSettings
from editloop_trainer.rlvr.training import train_rlvr
from transformers import TrainerCallback, TrainerControl


class Sum(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Keeps a number that any difference in the parameters of this process would change."""

    value = 0.0

    def on_train_end(
        self, args: object, state: object, control: TrainerControl, **kwargs: torch.nn.Module
    ) -> None:
        self.value = sum(p.double().abs().sum().item() for p in kwargs["model"].parameters())


def main() -> None:
    base, tasks, out = map(Path, sys.argv[1:4])
    settings = RlvrSettings(**json.loads(sys.argv[4]))
    seen = Sum()
    train_rlvr(base, tasks, out, settings, workers=1, callbacks=[seen])
    assert dist.get_world_size() == 2
    row = {"rank": dist.get_rank(), "world": dist.get_world_size(), "sum": seen.value}
    print("\n" + json.dumps(row), flush=True)
    dist.destroy_process_group()


main()
