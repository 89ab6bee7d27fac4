"""Sources with one mistake each, and the command that undoes it."""

from __future__ import annotations

ADD = '''def add(a, b):
    """
    >>> add(2, 3)
    5
    """
    return a - b
'''
ADD_FIX = "### REPW 2 >>>- >>>+"
"""Of the window, which shows no docstring."""

MEAN = '''def mean(values):
    """
    >>> mean([1, 2, 3])
    2.0
    """
    return sum(values) / len(value)
'''
MEAN_FIX = "### REPW 2 >>>(value) >>>(values)"

ENDLESS = '''def never(x, y, z):
    """
    >>> never(1, 2, 3)
    'there is no such answer'
    """
    if x > y:
        return z + y
    for k in range(x):
        y += k * z
    return x - y
'''
"""A search that does not end before its budget does."""
