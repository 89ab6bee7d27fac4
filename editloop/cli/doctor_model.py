"""The part of ``editloop doctor`` about models: which one, how fast it is here, what would help."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from editloop.cli.findings import BROKEN, MISSING, OK, Finding

if TYPE_CHECKING:
    from editloop.engine.gguf_info import ModelInfo

SECONDS = 10.0
"""How long the model is tried at most, its loading not counted."""
_STEPS = (4, 16, 48)  # tokens; the last that is done in time is told
_LARGE = 100_000_000  # bytes; smaller models are quick in any form
# Kinds that llama.cpp packs anew for this processor's registers as it loads them, on x86 and ARM.
_REPACKED = ("Q4_0", "Q4_K", "IQ4_NL")
_TEXT = '''\
"""Prices with tax."""


def total(items, rates, default=0.19):
    """The sum of price times quantity with the rate of each item's kind.

    >>> total([("book", 10, 2)], {"book": 0.07})
    21.4
    """
    result = 0
    for kind, price, quantity in items:
        if quantity < 0:
            raise ValueError(f"{kind}: {quantity} pieces")
        rate = rates.get(kind, default)
        result += price * quantity * (1 + rate)
    return round(result, 2)


def cheapest(items):
    """The item with the lowest price, None where there is none."""
'''


def probe_model() -> Iterator[Finding]:
    """The default model: its file, what it is, what runs it."""
    from editloop.document.transcript import TRANSCRIPT_VERSION
    from editloop.engine.checks import check_kind, check_version
    from editloop.engine.errors import EngineError
    from editloop.engine.gguf_info import read_info
    from editloop.model.store import chosen_path

    try:
        path = chosen_path()
        if path is None:
            yield Finding(MISSING, "model", "none is the default: rules and moves repair alone")
            return
        info = read_info(path)
        check_version(info, TRANSCRIPT_VERSION)
        check_kind(info)
    except (EngineError, OSError) as error:
        yield Finding(BROKEN, "model", str(error))
        return
    kind = "fills in" if info.fill_in else info.rendering
    told = f"{info.parameters / 1e6:,.1f} M parameters, {info.quantization}, {kind}"
    yield Finding(OK, "model", f"{path} ({told})")


def probe_speed() -> Iterator[Finding]:
    """A try of the default model, ten seconds at most, and what would be faster."""
    from editloop.engine.errors import EngineError
    from editloop.engine.gguf_info import read_info
    from editloop.model.backend import ModelError
    from editloop.model.store import chosen_path

    try:
        path = chosen_path()
        if path is None:
            return
        info = read_info(path)
        yield Finding(OK, "speed", f"{_try(path)} ({_backend()})")
    except (EngineError, ModelError, OSError) as error:
        yield Finding(MISSING, "speed", f"not tried: {error}")
        return
    for text in faster(info):
        yield Finding(MISSING, "faster", text)


def _try(path: Path) -> str:
    """Load a model in a process of its own and let it write. Raises ModelError."""
    from editloop.model.backend import Plain, Sampling
    from editloop.model.child import open_model
    from editloop.policy import Cancelled

    model = open_model(path.absolute(), n_ctx=1024)
    cancel = threading.Event()
    timer = threading.Timer(SECONDS, cancel.set)
    rate = f"less than {_STEPS[0] / SECONDS:.1g}"
    try:
        start = time.monotonic()
        _ = model.fills  # waits until it is loaded
        told = f"; loaded in {time.monotonic() - start:.1f} s"
        timer.start()
        start = time.monotonic()
        model.complete([Plain(_TEXT)], Sampling(max_tokens=1), cancel)
        told += f", read 20 lines in {time.monotonic() - start:.1f} s"
        for tokens in _STEPS:
            start = time.monotonic()
            [[reply]] = model.complete([Plain(_TEXT)], Sampling(max_tokens=tokens), cancel)
            rate = f"{max(1, reply.tokens) / (time.monotonic() - start):.3g}"
    except Cancelled:
        pass  # what was seen until then is told
    finally:
        timer.cancel()
        model.close()
    return f"{rate} tokens a second{told}"


def _backend() -> str:
    from editloop.engine.host import default_threads
    from editloop.engine.native import default_gpu_layers

    if default_gpu_layers():
        return "llama.cpp on the GPU"
    threads = default_threads()
    return f"llama.cpp on the CPU, {threads} thread{'s' * (threads != 1)}"


def faster(info: ModelInfo) -> Iterator[str]:
    """What would speed up a model here, a line each."""
    from editloop.engine.host import physical_cores
    from editloop.engine.native import default_gpu_layers

    if default_gpu_layers():
        return
    if gpu_here():
        yield (
            "a GPU is here that this llama.cpp does not use: CMAKE_ARGS=-DGGML_CUDA=ON pip install "
            "--no-binary :all: --force-reinstall --no-deps llama-cpp-python"
        )
    if info.bulk not in _REPACKED and info.file_size > _LARGE:
        name = info.quantization
        name += "" if name == info.bulk else f", mostly {info.bulk}"
        yield f"this file is {name}: CPUs are faster with Q4_0 or Q4_K"
    load, cores = os.getloadavg()[0], physical_cores()
    if load > cores:
        yield f"other programs are busy (load {load:.1f} on {cores} cores)"


def gpu_here() -> bool:
    """Whether there is a GPU that a build of llama.cpp could use: NVIDIA's or AMD's driver."""
    return bool(shutil.which("nvidia-smi")) or any(
        Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd")
    )


def probe_store() -> Iterator[Finding]:
    """The other models, those that cannot be read, and one that could be fetched."""
    from editloop.model.store import list_models, store_folder

    models = list_models()
    bad = [model for model in models if model.error is not None]
    for model in bad:
        yield Finding(MISSING, "models", f"{model.name}: {model.error}")
    yield Finding(OK, "models", f"{len(models) - len(bad)} found; the store is {store_folder()}")
    if not any(model.info and model.info.fill_in for model in models):
        yield Finding(MISSING, "models", "no code model is here: editloop models get")
