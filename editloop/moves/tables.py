"""Words that people mistake for one another, and what common names are imported from."""

from __future__ import annotations

import keyword

from editloop.python.lexer import CONSTANTS


def _siblings(*groups: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, dict[str, None]] = {}
    for group in groups:
        words = group.split()
        for word in words:
            table.setdefault(word, {}).update((other, None) for other in words if other != word)
    return {word: tuple(others) for word, others in table.items()}


OPERATORS = _siblings(
    "< <= > >= == !=", "+ - * / // % **", "& | ^", "<< >> //", "is ==", "+= -= *= /= //= %= ="
)
"""Binary operators by what may stand in their place."""
OPERATORS["&"] += ("and",)
OPERATORS["|"] += ("or",)
OPERATORS["**"] += ("^",)
OPERATORS["^"] += ("**",)
for _word in ("&=", "|=", "^=", "<<=", ">>=", "**="):
    OPERATORS[_word] = tuple(w for w in ("&=", "|=", "^=", "<<=", ">>=", "*=", "=") if w != _word)

ATTRIBUTES = _siblings(
    "append extend insert add update appendleft",
    "pop remove discard popleft popitem clear",
    "append pop", "add remove discard", "append appendleft", "push append",
    "keys values items", "get pop setdefault",
    "upper lower title capitalize swapcase casefold",
    "isdigit isalpha isalnum isnumeric isdecimal isspace", "isupper islower istitle",
    "sort reverse", "find index rfind rindex count",
    "strip lstrip rstrip", "split rsplit splitlines partition rpartition", "split join",
    "replace strip",
    "startswith endswith", "union intersection difference symmetric_difference", "update union",
    "issubset issuperset isdisjoint", "read readline readlines", "write writelines",
    "left right", "next prev", "head tail", "first last", "row col", "x y", "start end",
    "start stop",
    "ljust rjust center zfill", "encode decode", "copy deepcopy", "search match fullmatch findall",
    "dumps loads dump load", "floor ceil trunc", "sin cos tan", "log log2 log10 exp", "sqrt pow",
    "sum prod", "heappush heappop heapify", "min max", "permutations combinations",
    "mean median mode", "and_ or_ xor", "add sub mul",
)  # fmt: skip
OPPOSITES = _siblings("left right", "next prev", "head tail", "first last", "row col", "start end")
BUILTINS = _siblings(
    "min max", "any all", "sorted reversed", "len sum max min", "range enumerate zip map",
    "int float str", "list set tuple dict str range", "list sorted reversed", "set frozenset",
    "abs round int",
    "map filter", "ord chr", "bin oct hex", "isinstance issubclass", "next iter", "getattr hasattr",
    "ValueError TypeError KeyError IndexError", "Exception ValueError RuntimeError", "divmod pow",
    "print return", "StopIteration StopAsyncIteration",
    "ZeroDivisionError ArithmeticError ValueError",
    "str repr", "sorted set", "len range",
    "floor ceil", "permutations combinations", "defaultdict Counter OrderedDict", "deque list",
    "heappush heappop",
)  # fmt: skip
COMMON_BUILTINS = (
    *("len", "range", "print", "sum", "max", "min", "abs", "sorted", "reversed", "enumerate"),
    *("zip", "map", "any", "all", "round", "isinstance", "str", "int", "float", "list", "set"),
    *("dict", "tuple"),
)
"""What a function that does not exist may stand for."""
KEYWORDS = _siblings(
    "if elif while", "break continue pass return", "return yield", "and or", "try with",
    "raise return", "global nonlocal", "def class", "import from",
)  # fmt: skip
COMMON_METHODS = frozenset(
    " ".join(f"{word} {' '.join(others)}" for word, others in ATTRIBUTES.items()).split()
) | frozenset(
    [
        "format",
        "fromkeys",
        "most_common",
        "group",
        "groups",
        "span",
        "close",
        "open",
        "total_seconds",
        "islice",
    ]
)
COMMON_ATTRIBUTES = tuple(sorted(COMMON_METHODS))

VALUE_METHODS = {
    **dict.fromkeys(("append", "extend", "insert", "sort", "reverse"), "[]"),
    **dict.fromkeys(("add", "discard", "intersection_update"), "set()"),
    **dict.fromkeys(("update", "setdefault", "items", "keys", "values", "get"), "{}"),
}
"""Methods that tell what an unknown name was to hold: its first value."""
TYPES = ("list", "int", "str", "dict", "set", "tuple", "float", "bool", "object")
"""What a name in an annotation may stand for."""

HARD_KEYWORDS = frozenset(keyword.kwlist) - CONSTANTS
FOREIGN = {
    "elseif": "elif", "elsif": "elif", "elif": "else if", "function": "def", "func": "def",
    "fn": "def",
    "fun": "def", "null": "None", "nil": "None", "NULL": "None", "undefined": "None",
    "none": "None",
    "true": "True", "false": "False", "TRUE": "True", "FALSE": "False", "until": "while not",
    "unless": "if not", "foreach": "for", "switch": "match", "catch": "except", "throw": "raise",
    "this": "self", "const": "", "let": "", "var": "", "int": "", "new": "", "then": "", "do": "",
    "require": "import", "include": "import", "using": "import", "puts": "print", "echo": "print",
    "finaly": "finally", "AND": "and", "OR": "or", "NOT": "not", "xor": "^", "mod": "%",
    "div": "//",
}  # fmt: skip
"""Words of other languages (or slips) and what Python says; "" drops the word."""
FOREIGN_OPERATORS = {
    "&&": " and ", "||": " or ", "!": "not ", "===": "==", "!==": "!=", "=>": ">=", ":=": "=",
    "<>": "!=", "=<": "<=", "=!": "!=", "->": ".", "++": " += 1", "--": " -= 1", ";": "", "::": ":",
}  # fmt: skip

MODULES = frozenset(
    [
        "math",
        "re",
        "os",
        "sys",
        "json",
        "itertools",
        "functools",
        "collections",
        "random",
        "heapq",
        "bisect",
        "string",
        "time",
        "datetime",
        "operator",
        "copy",
        "statistics",
        "typing",
        "decimal",
        "fractions",
        "pathlib",
        "logging",
        "subprocess",
        "threading",
        "hashlib",
        "csv",
        "io",
        "textwrap",
        "shutil",
        "tempfile",
        "argparse",
        "contextlib",
        "dataclasses",
        "enum",
        "abc",
        "struct",
        "socket",
        "pickle",
        "uuid",
        "calendar",
        "cmath",
        "glob",
        "inspect",
        "queue",
        "secrets",
        "traceback",
        "types",
        "urllib",
        "warnings",
        "weakref",
        "zlib",
        "base64",
    ]
)


def _exports(**modules: str) -> dict[str, str]:
    return {
        name: module.replace("__", ".")
        for module, names in modules.items()
        for name in names.split()
    }


FROM = _exports(
    typing="List Dict Set Tuple Optional Union Any Callable Iterable Iterator Sequence Mapping"
    " Generator"
    " TypeVar Generic NamedTuple Literal Protocol Type",
    collections="defaultdict Counter deque OrderedDict namedtuple ChainMap",
    functools="reduce lru_cache cache partial wraps cmp_to_key cached_property total_ordering",
    itertools="permutations combinations product accumulate chain groupby islice count cycle repeat"
    " zip_longest combinations_with_replacement takewhile dropwhile starmap pairwise",
    math="sqrt floor ceil gcd pi inf factorial log log2 log10 exp sin cos tan asin acos atan hypot"
    " radians degrees isqrt comb prod",
    heapq="heappush heappop heapify nlargest nsmallest heappushpop",
    bisect="bisect bisect_left bisect_right insort", copy="deepcopy copy",
    dataclasses="dataclass field asdict replace", enum="Enum IntEnum auto", abc="ABC"
    " abstractmethod",
    pathlib="Path", datetime="datetime timedelta date timezone", decimal="Decimal",
    fractions="Fraction", contextlib="contextmanager suppress", operator="itemgetter attrgetter"
    " mul",
    collections__abc="Hashable Mapping MutableMapping", random="randint choice shuffle",
    string="ascii_lowercase ascii_uppercase ascii_letters digits punctuation", statistics="mean"
    " median",
)  # fmt: skip
MEMBERS = {
    module: tuple(name for name, home in FROM.items() if home == module)
    for module in dict.fromkeys(FROM.values())
}
"""Well-known names by the module that exports them."""
