"""Small functions: a corpus for tests of training; the exporter's tasks are made of them."""

from itertools import pairwise


def clamp(value: int, low: int, high: int) -> int:
    if value < low:
        return low
    if value > high:
        return high
    return value


def running_total(numbers: list[int]) -> list[int]:
    total = 0
    totals = []
    for number in numbers:
        total += number
        totals.append(total)
    return totals


def count_words(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def is_sorted(items: list[int]) -> bool:
    return all(items[index - 1] <= items[index] for index in range(1, len(items)))


def second_largest(numbers: list[int]) -> int:
    distinct = sorted(set(numbers))
    if len(distinct) < 2:
        return -1
    return distinct[-2]


def caesar(text: str, shift: int) -> str:
    letters = []
    for letter in text:
        if letter.isalpha() and letter.islower():
            letters.append(chr((ord(letter) - 97 + shift) % 26 + 97))
        else:
            letters.append(letter)
    return "".join(letters)


def digits_of(number: int) -> list[int]:
    number = abs(number)
    digits = []
    while number >= 10:
        digits.append(number % 10)
        number //= 10
    digits.append(number)
    return digits[::-1]


def find_index(items: list[int], target: int) -> int:
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


def merge_sorted(left: list[int], right: list[int]) -> list[int]:
    merged = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]


def chunks(items: list[int], size: int) -> list[list[int]]:
    if size < 1:
        return []
    return [items[start : start + size] for start in range(0, len(items), size)]


def run_lengths(text: str) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for letter in text:
        if runs and runs[-1][0] == letter:
            runs[-1] = (letter, runs[-1][1] + 1)
        else:
            runs.append((letter, 1))
    return runs


def divisors(number: int) -> list[int]:
    found = []
    for candidate in range(1, number + 1):
        if number % candidate == 0:
            found.append(candidate)
    return found


def transpose(rows: list[list[int]]) -> list[list[int]]:
    if not rows:
        return []
    return [[row[column] for row in rows] for column in range(len(rows[0]))]


def balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def longest_word(text: str) -> str:
    longest = ""
    for word in text.split():
        if len(word) > len(longest):
            longest = word
    return longest


def common_prefix(first: str, second: str) -> str:
    end = 0
    while end < len(first) and end < len(second) and first[end] == second[end]:
        end += 1
    return first[:end]


def moving_sums(numbers: list[int], size: int) -> list[int]:
    if size < 1:
        return []
    sums = []
    for start in range(len(numbers) - size + 1):
        sums.append(sum(numbers[start : start + size]))
    return sums


def largest_gap(numbers: list[int]) -> int:
    gap = 0
    for before, after in pairwise(numbers):
        gap = max(gap, abs(after - before))
    return gap


def to_binary(number: int) -> str:
    if number == 0:
        return "0"
    bits = ""
    rest = abs(number)
    while rest:
        bits = str(rest % 2) + bits
        rest //= 2
    return "-" + bits if number < 0 else bits


def partition(items: list[int], pivot: int) -> tuple[list[int], list[int]]:
    smaller = [item for item in items if item < pivot]
    others = [item for item in items if item >= pivot]
    return smaller, others


def steps_to_one(number: int) -> int:
    if number < 1:
        return -1
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


def majority(items: list[int]) -> int:
    candidate, votes = -1, 0
    for item in items:
        if votes == 0:
            candidate = item
        votes += 1 if item == candidate else -1
    return candidate


def acronym(text: str) -> str:
    return "".join(word[0].upper() for word in text.split() if word)


def rotate_left(items: list[int], places: int) -> list[int]:
    if not items:
        return []
    places %= len(items)
    return items[places:] + items[:places]
