"""Read and print durations such as 1h30m, as people write them in a ticket."""

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(text):
    """Seconds of a duration.

    >>> parse_duration("1h30m")
    5400
    >>> parse_duration("45s")
    45
    >>> parse_duration("2d 4h")
    187200
    """
    total = 0
    digits = ""
    for char in text:
        if char.isdigit():
            digits += char
        elif char in UNITS
            total += int(digits) * UNITS[char]
            digits = ""
        elif not char.isspace():
            raise ValueError(f"unknown unit {char!r}")
    return total


def format_duration(seconds):
    """The shortest way to write a duration.

    >>> format_duration(5400)
    '1h30m'
    >>> format_duration(59)
    '59s'
    """
    parts = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
