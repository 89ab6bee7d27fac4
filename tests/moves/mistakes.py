"""Textbook functions and single mistakes made in them by hand."""

from __future__ import annotations

FUNCTIONS = {
    "search": """\
def binary_search(items, target):
    low, high = 0, len(items) - 1
    while low <= high:
        middle = (low + high) // 2
        if items[middle] == target:
            return middle
        if items[middle] < target:
            low = middle + 1
        else:
            high = middle - 1
    return -1
""",
    "merge": '''\
def merge(left, right):
    """Merge two sorted lists."""
    result = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i])
            i += 1
        else:
            result.append(right[j])
            j += 1
    result.extend(left[i:])
    result.extend(right[j:])
    return result
''',
    "gcd": """\
def gcd(a, b):
    while b != 0:
        a, b = b, a % b
    return a
""",
    "fib": """\
def fibonacci(n):
    if n < 2:
        return n
    previous, current = 0, 1
    for _ in range(n - 1):
        previous, current = current, previous + current
    return current
""",
    "count": """\
def count_words(text):
    counts = {}
    for word in text.lower().split():
        word = word.strip(".,!?")
        if word not in counts:
            counts[word] = 0
        counts[word] += 1
    return sorted(counts.items(), key=lambda pair: -pair[1])
""",
    "stack": """\
class Stack:
    def __init__(self, limit=None):
        self.items = []
        self.limit = limit

    def push(self, item):
        if self.limit is not None and len(self.items) >= self.limit:
            raise OverflowError("full")
        self.items.append(item)

    def pop(self):
        if not self.items:
            raise IndexError("empty")
        return self.items.pop()

    def __len__(self):
        return len(self.items)
""",
    "primes": """\
import math


def primes(limit):
    sieve = [True] * (limit + 1)
    for number in range(2, int(math.sqrt(limit)) + 1):
        if sieve[number]:
            for multiple in range(number * number, limit + 1, number):
                sieve[multiple] = False
    return [n for n in range(2, limit + 1) if sieve[n]]
""",
    "palindrome": """\
def is_palindrome(text):
    letters = [c.lower() for c in text if c.isalnum()]
    return letters == letters[::-1]
""",
    "flatten": """\
def flatten(values, depth=1):
    flat = []
    for value in values:
        if isinstance(value, (list, tuple)) and depth > 0:
            flat.extend(flatten(value, depth - 1))
        else:
            flat.append(value)
    return flat
""",
    "matrix": """\
def transpose(matrix):
    if not matrix:
        return []
    rows, columns = len(matrix), len(matrix[0])
    result = [[0] * rows for _ in range(columns)]
    for i in range(rows):
        for j in range(columns):
            result[j][i] = matrix[i][j]
    return result
""",
    "average": """\
def average(numbers, digits=2):
    total = 0
    count = 0
    for number in numbers:
        if number is None:
            continue
        total += number
        count += 1
    if count == 0:
        return None
    return round(total / count, digits)
""",
    "roman": """\
VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def from_roman(text):
    total = 0
    for index, letter in enumerate(text):
        value = VALUES[letter]
        if index + 1 < len(text) and value < VALUES[text[index + 1]]:
            total -= value
        else:
            total += value
    return total
""",
}

# (function, right text, wrong text)
MISTAKES = (
    # operators and boundaries
    ("search", "while low <= high", "while low < high"),
    ("search", "// 2", "/ 2"),
    ("search", "items[middle] < target", "items[middle] > target"),
    ("gcd", "b != 0", "b == 0"),
    ("gcd", "a % b", "a // b"),
    ("average", "count += 1", "count = 1"),
    ("average", "total += number", "total -= number"),
    ("count", "not in counts", "in counts"),
    ("stack", "is not None and", "is not None or"),
    ("stack", ">= self.limit", "> self.limit"),
    ("flatten", "depth > 0", "depth >= 0"),
    # off by one
    ("search", "len(items) - 1", "len(items)"),
    ("search", "middle + 1", "middle"),
    ("primes", "limit + 1, number", "limit, number"),
    ("primes", "* (limit + 1)", "* limit"),
    ("fib", "range(n - 1)", "range(n)"),
    ("roman", "text[index + 1]", "text[index]"),
    ("flatten", "depth - 1", "depth"),
    # constants and initial values
    ("fib", "n < 2", "n < 1"),
    ("fib", "= 0, 1", "= 1, 1"),
    ("primes", "[True]", "[False]"),
    ("search", "return -1", "return 1"),
    ("average", "return None", "return 0"),
    ("merge", "result = []", "result = {}"),
    ("count", "[word] = 0", "[word] = 1"),
    # names
    ("merge", "append(right[j])", "append(right[i])"),
    ("merge", "extend(left[i:])", "extend(right[i:])"),
    ("matrix", "range(columns)]", "range(rows)]"),
    ("matrix", "result[j][i]", "result[i][j]"),
    ("fib", "return current", "return previous"),
    ("gcd", "return a", "return b"),
    ("roman", "total -= value", "total -= index"),
    # calls and methods
    ("flatten", "flat.append", "flat.extend"),
    ("flatten", "flat.extend(f", "flat.append(f"),
    ("count", "text.lower()", "text.upper()"),
    ("count", "counts.items()", "counts.keys()"),
    ("palindrome", "isalnum", "isalpha"),
    ("average", "count, digits", "digits, count"),
    ("flatten", "value, depth - 1", "value"),
    ("primes", "int(math.sqrt(limit))", "math.sqrt(limit)"),
    ("count", "text.lower().split()", "text.lower()"),
    ("palindrome", "letters[::-1]", "letters"),
    ("count", "-pair[1]", "pair[1]"),
    ("count", "-pair[1]", "-pair[0]"),
    ("stack", "self.items.append", "items.append"),
    ("primes", "number * number, limit + 1, number", "number * number, limit + 1"),
    # conditions
    ("stack", "if not self.items", "if self.items"),
    ("roman", "index + 1 < len(text) and value", "value"),
    (
        "flatten",
        "isinstance(value, (list, tuple)) and depth > 0",
        "isinstance(value, (list, tuple))",
    ),
    ("primes", " if sieve[n]]", "]"),
    # statements
    ("merge", "            i += 1\n", ""),
    ("merge", "    return result\n", ""),
    ("average", "            continue\n", "            break\n"),
    ("average", "        count += 1\n", "    count += 1\n"),
    ("merge", "    result.extend(right[j:])\n", ""),
    ("matrix", "        return []\n", "        pass\n"),
    ("average", "    count = 0\n", ""),
    ("primes", "import math\n", ""),
    ("stack", "    def push(self, item):", "    def push(item):"),
    ("flatten", "    return flat", "        return flat"),
    ("search", "            return middle\n", "            print(middle)\n"),
    # typos
    ("merge", "result.append(left[i])", "result.apend(left[i])"),
    ("merge", "    return result", "    return reslt"),
    ("palindrome", "lower", "lowre"),
    # syntax
    ("gcd", "def gcd(a, b):", "def gcd(a, b)"),
    ("search", "if items[middle] < target:", "if items[middle] < target"),
    ("search", "(low + high) // 2", "(low + high // 2"),
    ("merge", "append(left[i])", "append(left[i)"),
    ("roman", '{"I": 1, "V"', '{"I": 1, V"'),
    ("roman", '"X": 10, "L"', '"X": 10 "L"'),
    ("flatten", "for value in values", "for value of values"),
    ("merge", "        else:", "        else"),
    ("fib", "return n\n", "retrun n\n"),
    ("stack", "if not self.items:", "if !self.items:"),
    ("stack", "is not None and", "is not None &&"),
    ("average", "count += 1", "count++"),
    ("average", "if count == 0", "if count = 0"),
    ("matrix", "        return []\n", "    return []\n"),
    ("average", "return None", "return null"),
    ("stack", "class Stack:", "class Stack"),
    ("count", 'strip(".,!?")', 'strip(".,!?)'),
    ("palindrome", "if c.isalnum()]", "if c.isalnum()"),
    ("matrix", "for i in range(rows):", "for i range(rows):"),
    ("roman", "total = 0", "total == 0"),
    ("merge", "while i < len(left)", "until i < len(left)"),
    ("search", "if items[middle] < target", "when items[middle] < target"),
    ("primes", "if sieve[n]]", "where sieve[n]]"),
    ("average", "if count == 0", "# if count == 0"),
    ("merge", '"""Merge two sorted lists."""', '"""Merge two sorted lists.""'),
    ("merge", '"""Merge two sorted lists."""', '""Merge two sorted lists."""'),
    ("merge", '"""Merge two sorted lists."""', '"""Merge two sorted lists.""\''),
    ("search", "    while low <= high", "while low <= high"),
    ("stack", "    def pop(self)", "  def pop(self)"),
    ("matrix", "    for i in range(rows)", "     for i in range(rows)"),
)


def pairs() -> list[tuple[str, str, str]]:
    """(name, right source, wrong source)."""
    found = []
    for number, (key, right, wrong) in enumerate(MISTAKES):
        source = FUNCTIONS[key]
        assert right in source, (key, right)
        at = source.index(right)
        found.append((f"{number}-{key}", source, source[:at] + wrong + source[at + len(right) :]))
    return found
