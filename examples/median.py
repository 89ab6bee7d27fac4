"""Small statistics for the latency report."""


def median(values):
    """Middle value of a list of numbers; the mean of the two middle ones for an even count.

    >>> median([3, 1, 2])
    2
    >>> median([4, 2, 1, 3])
    2.5
    >>> median([7])
    7
    >>> median([5, 4, 3, 2, 1])
    3
    """
    if not values:
        raise ValueError("median of nothing")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle] + ordered[middle + 1]) / 2


def percentile(values, share):
    """Nearest-rank percentile.

    >>> percentile([15, 20, 35, 40, 50], 0.3)
    20
    >>> percentile([15, 20, 35, 40, 50], 1.0)
    50
    """
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]
