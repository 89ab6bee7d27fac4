"""Supervised fine-tuning of a pretrained base with TRL: commands have a loss, observations none.

Rows come tokenized in the base's dialect and are packed to the context length; positions start anew
with each row, and attention does not cross from one to the next. A LoRA adapter is trained unless
``full``; the result is a plain merged folder either way. On CUDA: bfloat16, gradient checkpointing
and, where it is installed, flash attention (not tested there).
"""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no stubs
import torch
from datasets import Dataset  # type: ignore[import-untyped]  # it has no stubs
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel, PrinterCallback
from transformers.utils.import_utils import is_flash_attn_2_available
from trl.trainer.sft_config import SFTConfig

from editloop_trainer.encode import Base
from editloop_trainer.rows import Rows
from editloop_trainer.run import RunError, RunFolder, broken
from editloop_trainer.score import evaluate
from editloop_trainer.sft_trainer import Keeper, OnStep, RunTrainer, SftSettings


def make_dataset(rows: Rows, context: int) -> Dataset:
    """``input_ids`` and ``labels`` of the rows that teach something and fit. Raises RunError."""
    labels = np.where(rows.written, rows.ids.astype(np.int32), -100).astype(np.int32)
    offsets = pa.array(rows.bounds, pa.int32())
    table = pa.table(
        {
            "input_ids": pa.ListArray.from_arrays(offsets, pa.array(rows.ids.astype(np.int32))),
            "labels": pa.ListArray.from_arrays(offsets, pa.array(labels)),
        }
    )
    starts = rows.bounds[:-1][rows.lengths > 0]
    taught = np.zeros(len(rows), np.bool_)
    taught[rows.lengths > 0] = np.logical_or.reduceat(rows.written, starts) if len(starts) else ()
    fitting = np.flatnonzero(taught & (rows.lengths <= context))
    if not len(fitting):
        raise RunError(f"no row has a command and fits into {context} tokens")
    return Dataset(table.take(pa.array(fitting)).combine_chunks())


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
    rows: Rows,
    settings: SftSettings,
    *,
    dev: Rows | None = None,
    on_step: OnStep = lambda spent: None,
) -> bool:
    """Train until the budget is spent and write ``model/`` (and ``adapter/``) into the run.

    Returns whether it went on from a checkpoint. Raises RunError.
    """
    found = run.resume()
    dataset = make_dataset(rows, settings.context)
    with warnings.catch_warnings():
        # peft 0.21 asks transformers by an old name.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        trainer = RunTrainer(
            run,
            settings,
            model=load_model(base.folder, full=settings.full),
            args=_arguments(run, settings),
            train_dataset=dataset,
            processing_class=base.tokenizer,
            peft_config=None if settings.full else _lora(settings),
        )
    trainer.remove_callback(PrinterCallback)
    if found is not None:
        trainer.clock.seconds, trainer.clock.tokens = found.seconds, found.tokens
    trainer.add_callback(Keeper(trainer, on_step))
    try:
        trainer.train(resume_from_checkpoint=str(found.path) if found else None)
    except (RuntimeError, OSError, ValueError, KeyError, UnpicklingError, SafetensorError) as error:
        if found is None or trainer.clock.running:
            raise
        raise broken(found.path, str(error).partition("\n")[0]) from error
    if trainer.is_world_process_zero():
        _finish(run, base, trainer, settings, dev)
    return found is not None


def _lora(settings: SftSettings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


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
        report_to=settings.report_to if settings.report_to in ("trackio", "wandb") else "none",
        disable_tqdm=True,
    )


def save_result(model: Any, run: RunFolder, base: Base) -> Any:
    """Write the result as a plain folder and return what it holds; an adapter is merged, and kept
    beside it."""
    if isinstance(model, PeftModel):
        with run.result("adapter") as folder:
            # GRPO keeps a copy beside it, as what to stay close to.
            model.save_pretrained(str(folder), selected_adapters=["default"])
        model = model.merge_and_unload()
    with run.result() as folder:
        model.save_pretrained(folder)
        base.write_tokenizer(folder)
    return model


def _finish(
    run: RunFolder, base: Base, trainer: RunTrainer, settings: SftSettings, dev: Rows | None
) -> None:
    model = save_result(trainer.accelerator.unwrap_model(trainer.model), run, base)
    if dev is not None:
        pad = base.tokenizer.pad_token_id or 0
        score = evaluate(model, dev, settings.batch * settings.context, pad)
        clock = trainer.clock
        run.log(
            {
                "step": trainer.state.global_step,
                "tokens": clock.tokens,
                "seconds": round(clock.seconds, 3),
                "dev": asdict(score),
            }
        )
