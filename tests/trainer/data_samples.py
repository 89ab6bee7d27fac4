"""Sources that the data tests share: small, with most kinds of statement in them."""

from __future__ import annotations

FIND = '''\
def find_pair(nums, target):
    """Two indices whose values add up to target."""
    seen = {}
    for i, num in enumerate(nums):
        # what is missing
        rest = target - num
        if rest in seen and seen[rest] != i:
            return [seen[rest], i]
        seen[num] = i
    return []
'''

TABLE = """\
import math
from collections import Counter, deque


class Solution:
    def longest(self, s: str, k: int) -> int:
        best, left = 0, 0
        counts = Counter()
        queue = deque()
        for right in range(len(s)):
            counts[s[right]] += 1
            queue.append(s[right])
            while len(counts) > k and left < right:
                counts[s[left]] -= 1
                if not counts[s[left]]:
                    del counts[s[left]]
                left += 1
            if right % 2 == 0:
                continue
            elif right > 100:
                break
            else:
                best = max(best, right - left + 1)
        return int(math.floor(best)) if self.check(s[::-1]) else -1

    def check(self, s):
        text = "x" + s.lower()
        self.last = text[1:-1]
        return self.last is not None or True
"""

TABS = "def f(x):\n\tif x:\n\t\tx = x / 2\n\t\treturn [x, 1]\n\telse:\n\t\treturn None"

ODD = "def g(text):\n    name = 'äöü' + text  # ünïcode\n    return name.upper()\n"

SOURCES = (FIND, TABLE, TABS, ODD)
