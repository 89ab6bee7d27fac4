"""Supervised fine-tuning of a pretrained base with TRL: commands have a loss, observations none.

Rows come tokenized in the base's dialect and are packed to the context length; positions start anew
with each row, and attention does not cross from one to the next. A LoRA adapter is trained unless
``full``; the result is a plain merged folder either way. On CUDA: bfloat16, gradient checkpointing
and, where it is installed, flash attention (not tested there).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel, PrinterCallback
from transformers.utils.import_utils import is_flash_attn_2_available
from trl.trainer.sft_config import SFTConfig

from editloop_trainer.encode import Base, Row
from editloop_trainer.keeper import Clock, Keeper, OnStep, known_warnings
from editloop_trainer.rows import make_dataset
from editloop_trainer.run import Budget, RunError, RunFolder, broken
from editloop_trainer.sft_trainer import RunTrainer, SftSettings


def load_model(folder: Path, *, full: bool) -> PreTrainedModel:
    """A base with its weights. Raises RunError for a damaged one.

    Weights that are trained themselves are float32; frozen ones on CUDA are bfloat16.
    """
    frozen = torch.cuda.is_available() and not full
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16 if frozen else torch.float32,
            attn_implementation="flash_attention_2" if is_flash_attn_2_available() else "sdpa",
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{folder} cannot be loaded: {error}") from error


def fine_tune(
    run: RunFolder,
    base: Base,
    rows: Iterable[Row],
    settings: SftSettings,
    *,
    on_step: OnStep = lambda spent, row: None,
) -> bool:
    """Train until the budget is spent and write ``model/`` (and ``adapter/``) into the run.

    Returns whether it went on from a checkpoint. Raises RunError.
    """
    found = run.resume()
    clock = Clock(Budget(settings.minutes, settings.steps), found)
    dataset = make_dataset(rows, settings.context)
    with known_warnings():
        trainer = RunTrainer(
            run,
            settings,
            clock,
            model=load_model(base.folder, full=settings.full),
            args=_arguments(run, settings),
            train_dataset=dataset,
            processing_class=base.tokenizer,
            peft_config=None if settings.full else lora(settings.rank, settings.alpha),
        )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Keeper(run, clock, settings.checkpoint_seconds, on_step))
    try:
        trainer.train(resume_from_checkpoint=str(found.path) if found else None)
    except (RuntimeError, OSError, ValueError, KeyError, UnpicklingError, SafetensorError) as error:
        if found is None or clock.running:
            raise
        raise broken(found.path, str(error).partition("\n")[0]) from error
    if trainer.is_world_process_zero():
        save_result(trainer.accelerator.unwrap_model(trainer.model), run, base)
    return found is not None


def lora(rank: int, alpha: int = 16) -> LoraConfig:
    """An adapter on every linear layer."""
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")


def _arguments(run: RunFolder, settings: SftSettings) -> SFTConfig:
    cuda = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(run.path),
        max_length=settings.context,
        packing=True,
        packing_strategy="bfd",
        per_device_train_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        num_train_epochs=settings.epochs,
        max_steps=settings.steps or -1,
        learning_rate=settings.peak_rate,
        optim="adamw_torch",
        max_grad_norm=1.0,
        bf16=cuda,
        activation_checkpointing=cuda,
        use_cpu=not cuda,
        seed=settings.seed,
        logging_steps=settings.log_steps,
        ddp_find_unused_parameters=False,
        save_strategy="no",  # the run's own clock asks for checkpoints
        report_to="none",
        disable_tqdm=True,
    )


def save_result(model: Any, run: RunFolder, base: Base) -> None:
    """Write the result as a plain folder; an adapter is merged, and kept beside it."""
    if isinstance(model, PeftModel):
        with run.result("adapter") as folder:
            # GRPO keeps a copy beside it, as what to stay close to.
            model.save_pretrained(str(folder), selected_adapters=["default"])
        model = model.merge_and_unload()
    with run.result() as folder:
        model.save_pretrained(folder)
        base.write_tokenizer(folder)
