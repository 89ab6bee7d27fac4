"""What the machine offers: cores, free memory, processor instructions. Linux reads /proc and /sys;
elsewhere the answer is "unknown" (None) and the check that needs it is skipped."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

# ggml's name of a compiled-in feature -> the kernel's name of the processor's flag
_X86 = {
    "sse3": "pni",
    "ssse3": "ssse3",
    "avx": "avx",
    "avx_vnni": "avx_vnni",
    "avx2": "avx2",
    "bmi2": "bmi2",
    "f16c": "f16c",
    "fma": "fma",
    "avx512": "avx512f",
    "avx512_vbmi": "avx512vbmi",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "amx_int8": "amx_int8",
}
_ARM = {"dotprod": "asimddp", "matmul_int8": "i8mm", "sve": "sve", "sme": "sme"}


def free_memory() -> int | None:
    """Bytes that can be taken without swapping, within the control group's limit; None: unknown."""
    free: int | None = None
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            left = int(limit) - int((group / "memory.current").read_text())
            free = left if free is None else min(free, left)
    except (OSError, ValueError):
        pass
    return free


def cpu_flags() -> frozenset[str] | None:
    """Instruction sets of this processor by the kernel's names; None: unknown."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return None


def missing_instructions(library: ctypes.CDLL | None, flags: frozenset[str] | None) -> list[str]:
    """Instruction sets that the compiled library uses and the processor lacks.

    `library` is libggml-cpu; its `ggml_cpu_has_*` say what it was compiled for.
    """
    if library is None or not flags:
        return []
    table = _ARM if platform.machine() in ("aarch64", "arm64") else _X86
    missing = []
    for feature, flag in table.items():
        compiled = getattr(library, f"ggml_cpu_has_{feature}", None)
        if compiled is not None and compiled() and flag not in flags:
            missing.append(feature)
    return missing


def default_threads() -> int:
    """All physical cores that this process may use; one less where other programs want them."""
    cores = physical_cores()
    try:
        others = os.getloadavg()[0] - cores  # processes without a core, over the last minute
    except (AttributeError, OSError):
        others = 0.0
    return cores if others < 1 else max(1, cores - 1)


def physical_cores() -> int:
    """Cores that this process may use, each counted once."""
    return _physical_cores(_usable_cores())


def _usable_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _physical_cores(usable: set[int]) -> int:
    """Counts distinct groups of hyper-threads among the usable cores."""
    groups = set()
    for core in usable:
        siblings = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        try:
            groups.add(siblings.read_text())
        except OSError:
            return len(usable) if len(usable) <= 2 else len(usable) // 2
    return len(groups)
