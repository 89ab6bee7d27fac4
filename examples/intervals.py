"""Bookings of a meeting room: merging and searching time slots."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """Minutes since midnight; the end is not part of the slot."""

    start: int
    end: int


def merge(slots):
    """Slots that touch or overlap become one.

    >>> merge([Slot(60, 90), Slot(0, 30), Slot(80, 120)])
    [Slot(start=0, end=30), Slot(start=60, end=120)]
    >>> merge([Slot(0, 30), Slot(30, 60)])
    [Slot(start=0, end=60)]
    >>> merge([Slot(0, 100), Slot(10, 20)])
    [Slot(start=0, end=100)]
    """
    merged = []
    for slot in sorted(slots, key=lambda s: s.start):
        if merged and slot.start < merged[-1].end:
            last = merged.pop()
            slot = Slot(last.start, min(last.end, slot.end))
        merged.append(slot)
    return merged


def free(slots, opens=480, closes=1080):
    """What is left of a day.

    >>> free([Slot(500, 600)])
    [Slot(start=480, end=500), Slot(start=600, end=1080)]
    >>> free([])
    [Slot(start=480, end=1080)]
    """
    gaps = []
    now = opens
    for slot in merge(slots):
        if slot.start > now:
            gaps.append(Slot(now, slot.start))
        now = max(now, slot.end)
    if now < closes:
        gaps.append(Slot(now, closes))
    return gaps
