"""The engine: one GGUF loaded through llama.cpp, which continues prefixes and scores texts.

What it adds to llama-cpp-python's own `Llama`: many sequences share the prefix and are decoded as
one batch, several prefixes stay cached at once, and everything can be cancelled. GPU backends are
used through `n_gpu_layers` only (not tested).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import host
from .checks import batch_sizes, cache_bytes, check_cpu, check_memory, check_version
from .context import Context, Ints, Logits
from .errors import ContextTooSmall, EngineClosed, EngineCrashed, NoChatTemplate
from .generate import Continuation, Generator, log_probabilities
from .gguf_info import ModelInfo, read_info
from .native import cpu_library, default_gpu_layers, llama, load_adapter, load_model
from .rows import Plan, RowPool
from .template import ChatTemplate
from .vocab import Vocabulary

_DEFAULT_CONTEXT = 8192  # of models trained for more: cache memory grows with it


class Engine(Vocabulary):
    """Make one with `Engine.load`. All methods may be called from any thread; of those that compute
    one runs at a time.

    `info` describes the file, `adapter` that of a LoRA on it, `n_vocab` and `n_ctx` are in tokens.
    """

    def __init__(
        self,
        info: ModelInfo,
        model: object,
        context: Context,
        n_ctx: int,
        adapter: ModelInfo | None = None,
    ) -> None:
        super().__init__(model, context.n_vocab)
        self.info, self.n_ctx, self.adapter = info, n_ctx, adapter
        self._model, self._context = model, context
        self._pool = RowPool(context)
        self._lock = threading.RLock()
        self._closed = False

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        transcript_version: int,
        adapter: str | Path | None = None,
        n_ctx: int | None = None,
        n_gpu_layers: int | None = None,
        n_threads: int | None = None,
        n_seq_max: int = 64,
        free_memory: Callable[[], int | None] = host.free_memory,
        cpu_flags: Callable[[], frozenset[str] | None] = host.cpu_flags,
    ) -> Engine:
        """Checks a GGUF and loads it, with a LoRA beside it where `adapter` names one.

        `n_ctx`: longest prefix plus continuation, at most what the model was trained for (also
        the default, up to 8192). `n_gpu_layers` None: all when a GPU backend is compiled in.
        `n_threads` None: as many as the machine has cores to give. A model without
        `editloop.transcript_version` (an instruct model) is accepted.

        Raises ModelNotFound, NotAGguf, TruncatedGguf, WrongTranscriptVersion, NotEnoughMemory,
        UnsupportedCpu, BackendMissing.
        """
        info = read_info(path)
        lora = read_info(adapter) if adapter is not None else None
        for each in filter(None, (info, lora)):
            check_version(each, transcript_version)
        trained = info.context_length or _DEFAULT_CONTEXT
        n_ctx = min(n_ctx or _DEFAULT_CONTEXT, trained)
        # beside the longest row there is room for other prefixes and for branches
        cells = -(-(n_ctx + max(2048, n_ctx // 2)) // 256) * 256
        check_memory(info, info.file_size + cache_bytes(info, cells), free_memory())
        check_cpu(host.missing_instructions(cpu_library(), cpu_flags()))
        gpu_layers = default_gpu_layers() if n_gpu_layers is None else n_gpu_layers
        model = load_model(info, gpu_layers)
        n_batch, n_outputs = batch_sizes(info, gpu_layers > 0)
        context = Context(
            model,
            cells=cells,
            n_batch=n_batch,
            n_outputs=n_outputs,
            n_seq_max=max(4, min(n_seq_max, llama().llama_max_parallel_sequences())),
            n_threads=n_threads or host.default_threads(),
            adapter=load_adapter(model, lora) if lora is not None else None,
        )
        return cls(info, model, context, n_ctx, lora)

    @cached_property
    def template(self) -> ChatTemplate:
        """The chat template of the file. Raises NoChatTemplate."""
        source = self.info.metadata.get("tokenizer.chat_template")
        if not isinstance(source, str):
            raise NoChatTemplate(f"{self.info.path} has no chat template: choose an instruct model")
        bos, eos = self.begin_and_end
        return ChatTemplate(source, bos=bos, eos=eos)

    def generate(
        self,
        prefixes: Sequence[Sequence[int]],
        n: int,
        *,
        ended: Callable[[Sequence[int]], bool],
        temperature: float,
        seed: int,
        max_tokens: int,
        refused: Callable[[Sequence[int]], Sequence[int]] = lambda ids: (),
        cancel: threading.Event | None = None,
    ) -> list[list[Continuation]]:
        """`n` continuations of each prefix, all decoded as one batch.

        One ends with the id after which `ended(ids)` is true, or after `max_tokens`. Temperature 0
        is greedy. The same seed gives the same continuations. `refused(ids)` are ids that must not
        come next.

        Raises ContextTooSmall, Cancelled, DecodeFailed.
        """
        rows = [self._prefix(prefix, max_tokens) for prefix in prefixes]
        with self._working():
            generator = Generator(
                self._pool,
                ended,
                temperature=temperature,
                seed=seed,
                max_tokens=max_tokens,
                refused=refused,
                cancel=cancel,
            )
            return generator.run(rows, n)

    def token_scores(
        self,
        prefix: Sequence[int],
        continuation: Sequence[int],
        *,
        cancel: threading.Event | None = None,
    ) -> list[float]:
        """log p over the whole vocabulary of each token of a continuation. Raises as `generate`."""
        tokens = self._prefix(prefix, len(continuation))
        if not continuation:
            return []
        with self._working():
            base = self._pool.prefix(tokens, cancel)
            assert base.logits is not None
            scores = [float(log_probabilities(base.logits, [continuation[0]])[0])]
            if len(continuation) == 1:
                return scores
            with self._pool.pin(base):
                row = self._pool.fork(base, base.length)
            try:
                with self._pool.pin(row):
                    inner = list(continuation[:-1])
                    rows = self._pool.extend([Plan(row, inner, len(inner))], cancel)[0]
            finally:
                self._pool.release(row)
            return scores + [
                float(log_probabilities(logits, [token])[0])
                for logits, token in zip(rows, continuation[1:], strict=True)
            ]

    def logits(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """Raw logits after every token, shape (len(tokens), n_vocab); for tests of parity."""
        ids = self._prefix(tokens, 0)
        with self._working():
            row = self._pool.fork(None)
            try:
                with self._pool.pin(row):
                    found: list[Logits] = self._pool.extend([Plan(row, ids.tolist(), len(ids))])[0]
            finally:
                self._pool.release(row)
        return np.stack(found)

    @property
    def open_rows(self) -> int:
        """Sequences in use, without those kept for later prefixes."""
        with self._working():
            return len(self._pool) - self._pool.kept

    @property
    def tokens_decoded(self) -> int:
        """Tokens given to llama.cpp since loading."""
        return self._context.decoded

    def forget(self) -> None:
        """Drops every cached prefix."""
        with self._working():
            self._pool.clear()

    def close(self) -> None:
        """Frees the model; further calls raise EngineClosed."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._context.close()
                llama().llama_model_free(self._model)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prefix(self, prefix: Sequence[int], more: int) -> Ints:
        """Checks a prefix and the room for `more` tokens."""
        if len(prefix) == 0:
            raise ValueError("the prefix has to hold at least one token")
        if len(prefix) + more > self.n_ctx:
            raise ContextTooSmall(
                f"{len(prefix)} tokens and {more} to come exceed the context of {self.n_ctx}: "
                "shorten the window or load the model with a larger n_ctx"
            )
        row = np.asarray(prefix, np.int32)
        if row.min() < 0 or row.max() >= self.n_vocab:
            raise ValueError(f"token ids have to be within 0..{self.n_vocab - 1}")
        return row

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """The lock, and a new native context after a failure, so that the next call works."""
        with self._lock:
            if self._closed:
                raise EngineClosed(f"the engine of {self.info.path} is closed: load it again")
            try:
                yield
            except EngineCrashed:
                self._pool.restart()
                raise
