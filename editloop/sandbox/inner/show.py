"""Short, deterministic text for plain values: sets sorted, big ones and big integers by size, no
addresses.
"""

from __future__ import annotations

import collections
from typing import Any

CAP = 120
_SORTED = 2000
"""Most members of a set that are sorted for the few that are shown."""
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
    collections.deque: ("[", "]"),
}


def show(value: Any, cap: int = CAP) -> str:
    """At most `cap` characters that look like repr()."""
    text = _show(value, cap + 1, 0)
    return text if len(text) <= cap else text[: cap - 3] + "..."


def _show(value: Any, room: int, depth: int) -> str:
    kind = type(value)
    if room <= 0 or depth > 20:
        return "..."
    if kind is int and value.bit_length() > 4 * room + 64:
        return f"<int of {value.bit_length()} bits>"
    if kind in (str, bytes):
        return repr(value[:room])
    if value is None or kind in (bool, int, float, complex):
        return repr(value)
    if kind in _BRACKETS:
        return _show_items(value, room, depth)
    if isinstance(value, dict):
        out = "{"
        for key, item in value.items():
            out += (", " if len(out) > 1 else "") + _show(key, room - len(out), depth + 1)
            out += ": " + _show(item, room - len(out), depth + 1)
            if len(out) > room:
                break
        return out + "}"
    if kind.__name__ == "Remote":  # the judge's word for what stays in the candidate's process
        return f"<{value._names[0] if value._names else 'module'} object>"
    return f"<{kind.__name__}>"


def _show_items(value: Any, room: int, depth: int) -> str:
    kind = type(value)
    if kind in (set, frozenset):
        if not value:
            return f"{kind.__name__}()"
        if len(value) > _SORTED:
            return f"<{kind.__name__} of {len(value)} members>"
        parts = sorted(
            (_show(item, room, depth + 1) for item in value), key=lambda part: (len(part), part)
        )
    else:
        parts = []
        used = 0
        for item in value:
            parts.append(_show(item, room - used, depth + 1))
            used += len(parts[-1]) + 2
            if used > room:
                break
    left, right = _BRACKETS[kind]
    body = left + ", ".join(parts) + ("," if kind is tuple and len(parts) == 1 else "") + right
    if kind in (frozenset, collections.deque):
        return f"{kind.__name__}({body})"
    return body
