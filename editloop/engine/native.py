"""The one place that touches llama_cpp: lazy import, its log, its abort callback, model loading.

Everything native is typed Any here; the modules above see ordinary Python values.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from .errors import BackendMissing, NotAGguf
from .gguf_info import ModelInfo

_LOCK = threading.Lock()
_LOG: deque[str] = deque(maxlen=200)
_STATE: dict[str, Any] = {}


def llama() -> Any:
    """The low-level llama_cpp module, imported and silenced at the first call.

    Raises BackendMissing.
    """
    with _LOCK:
        if "module" not in _STATE:
            # Threads that spin at OpenMP's barriers starve the sandbox beside them, and each other.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            try:
                from llama_cpp import llama_cpp as module
            except (ImportError, OSError, RuntimeError) as error:
                raise BackendMissing(
                    f"llama-cpp-python does not load ({error}): run `pip install llama-cpp-python`"
                ) from error

            def keep(level: int, text: bytes, _: Any) -> None:
                line = text.decode("utf-8", "replace").strip()
                if level >= 2 and line:  # info is noise; warnings and errors explain failures
                    _LOG.append(line)

            # ctypes keeps no reference to a callback: it has to live as long as the process
            _STATE["log"] = module.llama_log_callback(keep)
            module.llama_log_set(_STATE["log"], ctypes.c_void_p(0))
            module.llama_backend_init()
            _STATE["module"] = module
        return _STATE["module"]


def recent_log(lines: int = 2) -> str:
    """The last warnings of llama.cpp, as one line, for an error message."""
    return "; ".join(list(_LOG)[-lines:])


def cpu_library() -> ctypes.CDLL | None:
    """libggml-cpu beside llama_cpp; None when the build has none or several of its kind."""
    folder = Path(llama().__file__).parent / "lib"
    for name in ("libggml-cpu.so", "libggml-cpu.dylib", "ggml-cpu.dll"):
        if (folder / name).exists():
            try:
                return ctypes.CDLL(str(folder / name))
            except OSError:
                return None
    return None


def _has_amx() -> bool:
    """Whether llama.cpp was compiled for AMX and would use it."""
    library = cpu_library()
    asked = getattr(library, "ggml_cpu_has_amx_int8", None)
    return bool(asked and asked())


def default_gpu_layers() -> int:
    """All layers when a GPU backend is compiled in, else none."""
    return 999 if llama().llama_supports_gpu_offload() else 0


def model_params() -> Any:
    """llama.cpp's defaults, as far as they work here."""
    params = llama().llama_model_default_params()
    # GCC 12 hands AMX a tile configuration of which it wrote a half (its _tile_loadconfig names 8
    # of 64 bytes as read), and the process dies. The weights' own layout is what leads there.
    params.use_extra_bufts = not _has_amx()
    return params


def load_model(info: ModelInfo, n_gpu_layers: int) -> Any:
    """A llama_model pointer. Raises NotAGguf when llama.cpp refuses the file."""
    native = llama()
    params = model_params()
    params.n_gpu_layers = n_gpu_layers
    _LOG.clear()
    model = native.llama_model_load_from_file(str(info.path).encode(), params)
    if not model:
        raise NotAGguf(
            f"llama.cpp cannot load {info.path} ({recent_log() or 'no reason given'}): "
            "choose another model or update llama-cpp-python"
        )
    return model


def load_adapter(model: Any, info: ModelInfo) -> Any:
    """A llama_adapter_lora pointer; it is freed with its model. Raises NotAGguf where llama.cpp
    refuses the file, as for another base."""
    native = llama()
    _LOG.clear()
    adapter = native.llama_adapter_lora_init(model, str(info.path).encode())
    if not adapter:
        raise NotAGguf(
            f"llama.cpp cannot load {info.path} with its base ({recent_log() or 'no reason given'})"
        )
    return adapter


def set_adapter(context: Any, adapter: Any) -> None:
    """Have a context compute with an adapter from now on."""
    native = llama()
    adapters, scales = (native.llama_adapter_lora_p_ctypes * 1)(adapter), (ctypes.c_float * 1)(1.0)
    native.llama_set_adapters_lora(context, adapters, 1, scales)


class Abort:
    """A flag that llama.cpp polls between operations of a graph, without the interpreter lock.

    A Python callback would need the lock thousands of times a decode and crawl whenever another
    thread is busy. C's strlen reads the flag instead: 0 (false) for an empty string, 1 for "x".
    """

    def __init__(self) -> None:
        self._flag = ctypes.create_string_buffer(2)
        libc: Any = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self._callback = ctypes.cast(libc.strlen, llama().ggml_abort_callback)

    def install(self, context: Any) -> None:
        llama().llama_set_abort_callback(context, self._callback, ctypes.addressof(self._flag))

    def set(self) -> None:
        self._flag[0] = b"x"

    def clear(self) -> None:
        self._flag[0] = b"\0"
