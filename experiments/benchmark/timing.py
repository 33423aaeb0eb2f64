"""Timing contenders in turn: a round times each once, so what disturbs the machine disturbs them all."""

import statistics
import time
from collections.abc import Callable, Mapping

Contender = Callable[[], object]
"""Does the work once, and returns only when it is done."""


def interleaved(
    contenders: Mapping[str, Contender], *, rounds: int, seconds: float, warmup: int = 2
) -> dict[str, list[float]]:
    """Milliseconds of each round of each contender.

    Args:
      contenders: what to time, by name.
      rounds: rounds at most.
      seconds: no new round begins after so long, once there are three; 0 for no limit.
      warmup: untimed calls of each contender first (compilation, caches).

    Returns:
      Lists of equal length, by name, in the order of the rounds.

    >>> times = interleaved({"nothing": lambda: None}, rounds=4, seconds=0.0)
    >>> len(times["nothing"])
    4
    """
    for contender in contenders.values():
        for _ in range(warmup):
            contender()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for done in range(rounds):
        if seconds and done >= 3 and time.perf_counter() - began > seconds:
            break
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            times[name].append(1000.0 * (time.perf_counter() - start))
    return times


def median_ratio(times: Mapping[str, list[float]], slower: str, faster: str) -> float:
    """Median over the rounds of `slower / faster`, each ratio of one round.

    >>> median_ratio({"a": [2.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b")
    2.0
    """
    return statistics.median(one / other for one, other in zip(times[slower], times[faster], strict=True))
