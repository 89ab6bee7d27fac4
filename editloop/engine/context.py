"""One llama.cpp context: batches in, logits out, sequences copied and removed, decodes cancelled.

Knows nothing of prefixes or searches. Not thread-safe: the engine's lock is held around it.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from editloop.policy import Cancelled

from .errors import ContextTooSmall, EngineCrashed, NotEnoughMemory
from .native import Abort, llama, recent_log, set_adapter

Ints: TypeAlias = npt.NDArray[np.int32]
Logits: TypeAlias = npt.NDArray[np.float32]
Sink: TypeAlias = Callable[[int, Logits], None]

_WATCH_ABOVE = 0.03  # seconds: shorter decodes end sooner than a watcher thread would help


class NoRoom(ContextTooSmall):
    """No free cells for a batch; the caller evicts something and tries again."""


class Context:
    """`cells` key/value cells shared by `n_seq_max` sequences."""

    def __init__(
        self,
        model: Any,
        *,
        cells: int,
        n_seq_max: int,
        n_threads: int,
        n_batch: int = 512,
        n_outputs: int = 64,
        adapter: Any = None,
    ) -> None:
        self._native = llama()
        self._model, self._adapter = model, adapter
        self._abort = Abort()
        self.n_batch, self.n_outputs, self.n_seq_max = n_batch, n_outputs, n_seq_max
        self.cells, self.n_threads = cells, n_threads
        self.n_vocab = int(
            self._native.llama_vocab_n_tokens(self._native.llama_model_get_vocab(model))
        )
        self.decoded = 0  # tokens decoded since the start, for tests and benchmarks
        self._pace = float("inf")  # seconds per token, largest of late
        self._token = np.zeros(n_batch, np.int32)
        self._pos = np.zeros(n_batch, np.int32)
        self._seq = np.zeros(n_batch, np.int32)
        self._out = np.zeros(n_batch, np.int8)
        self._ones = np.ones(n_batch, np.int32)
        base, step = self._seq.ctypes.data, self._seq.itemsize
        self._seq_ptr = (ctypes.c_void_p * n_batch)(*(base + i * step for i in range(n_batch)))
        self._ctx: Any = None
        self._memory: Any = None
        self.restart()

    def restart(self) -> None:
        """Throws the native context away and makes a new, empty one."""
        self.close()
        params = self._native.llama_context_default_params()
        params.n_ctx = self.cells
        params.n_batch = params.n_ubatch = self.n_batch
        # llama.cpp makes room for one row of each sequence, and aborts where that exceeds the
        # limit.
        params.n_outputs_max = max(self.n_outputs, self.n_seq_max)
        params.n_seq_max = self.n_seq_max
        params.n_threads = params.n_threads_batch = self.n_threads
        params.kv_unified = True  # sequences share the cells of a common prefix
        params.no_perf = True
        self._ctx = self._native.llama_init_from_model(self._model, params)
        if not self._ctx:
            raise NotEnoughMemory(
                f"no context of {self.cells} cells can be made ({recent_log() or 'no reason'}): "
                "ask for a smaller n_ctx or choose a smaller model"
            )
        self._memory = self._native.llama_get_memory(self._ctx)
        if self._adapter:
            set_adapter(self._ctx, self._adapter)
        self._abort.install(self._ctx)

    def close(self) -> None:
        if self._ctx:
            self._native.llama_free(self._ctx)
        self._ctx = self._memory = None

    def copy(self, source: int, target: int, length: int) -> None:
        """Sequence `target` gets the first `length` cells of `source`, shared."""
        self._native.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def remove(self, seq: int, start: int = 0) -> None:
        """Takes the cells from position `start` on out of a sequence."""
        self._native.llama_memory_seq_rm(self._memory, seq, start, -1)

    def decode(
        self,
        tokens: Ints,
        positions: Ints,
        sequences: Ints,
        wanted: npt.NDArray[np.bool_],
        sink: Sink,
        cancel: threading.Event | None = None,
    ) -> None:
        """Decodes rows (n,) and hands `sink(i, logits (n_vocab,))` each wanted row i, in order.

        The logits are a view that is overwritten later: the sink takes what it needs. On
        NoRoom and Cancelled the sequences named are cut back to where they began; after
        EngineCrashed the context has to be restarted.
        """
        start = 0
        try:
            while start < len(tokens):
                stop = min(len(tokens), start + self.n_batch)
                over = np.flatnonzero(wanted[start:stop])[self.n_outputs :]
                stop = start + int(over[0]) if len(over) else stop
                part = slice(start, stop)
                self._submit(tokens[part], positions[part], sequences[part], wanted[part], cancel)
                self._deliver(np.flatnonzero(wanted[part]), start, sink)
                start = stop
        except (Cancelled, NoRoom):
            for seq in np.unique(sequences):
                self.remove(int(seq), int(positions[sequences == seq].min()))
            raise

    def _submit(
        self,
        tokens: Ints,
        positions: Ints,
        sequences: Ints,
        wanted: npt.NDArray[np.bool_],
        cancel: threading.Event | None,
    ) -> None:
        n, native = len(tokens), self._native
        self._token[:n], self._pos[:n], self._seq[:n] = tokens, positions, sequences
        self._out[:n] = wanted
        batch = native.llama_batch()
        batch.n_tokens = n
        for name, array in (("token", self._token), ("pos", self._pos), ("n_seq_id", self._ones)):
            setattr(batch, name, array.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)))
        batch.seq_id = ctypes.cast(self._seq_ptr, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32)))
        batch.logits = self._out.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        with self._watch(cancel, n):
            began = time.perf_counter()
            code = native.llama_decode(self._ctx, batch)
            if code == 0:
                native.llama_synchronize(self._ctx)
        if code == 0:
            pace = (time.perf_counter() - began) / n
            self._pace = pace if self._pace == float("inf") else max(pace, self._pace * 0.9)
            self.decoded += n
        elif code == 1:
            raise NoRoom(f"no room for {n} tokens in {self.cells} cells: ask for a larger n_ctx")
        elif code == 2 or (cancel is not None and cancel.is_set()):
            raise Cancelled("cancelled while decoding")
        else:
            raise EngineCrashed(
                f"llama.cpp failed with code {code} ({recent_log()}): try again, "
                "or with n_gpu_layers 0"
            )

    def _deliver(self, rows: npt.NDArray[np.intp], start: int, sink: Sink) -> None:
        if len(rows) == 0:
            return
        pointer = self._native.llama_get_logits(self._ctx)
        table = np.ctypeslib.as_array(pointer, shape=(len(rows), self.n_vocab))
        for at, row in enumerate(rows):
            sink(start + int(row), table[at])

    @contextlib.contextmanager
    def _watch(self, cancel: threading.Event | None, n: int) -> Iterator[None]:
        """Turns a set event into llama.cpp's abort flag while a long decode runs."""
        self._abort.clear()
        if cancel is None:
            yield
            return
        if cancel.is_set():
            raise Cancelled("cancelled before decoding")
        if n * self._pace < _WATCH_ABOVE:
            yield
            return
        guard, finished = threading.Lock(), False

        def watch() -> None:
            while not finished:
                if cancel.wait(0.02):
                    with guard:
                        if not finished:  # else the flag would hit a later decode
                            self._abort.set()
                    return

        threading.Thread(target=watch, name="editloop-cancel", daemon=True).start()
        try:
            yield
        finally:
            with guard:
                finished = True
