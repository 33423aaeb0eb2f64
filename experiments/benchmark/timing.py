"""Timing contenders in turn: a round times each once, so what disturbs the machine disturbs them all."""

import statistics
import time
from collections.abc import Callable, Mapping

Contender = Callable[[], object]
"""Does the work once, and returns only when it is done."""


BURST, SHORT = 4, 0.3
"""Calls of a contender in a round, and the seconds below which it is called more than once."""


def interleaved(
    contenders: Mapping[str, Contender], *, rounds: int, seconds: float, warmup: int = 2
) -> dict[str, list[float]]:
    """Milliseconds of a call in each round, of each contender.

    A contender whose calls are short is called several times in a row in its turn, and the first is not counted: idle
    threads of the one before still hold the cores then, and caches are another's.

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
    short: dict[str, bool] = {}
    for name, contender in contenders.items():
        for _ in range(warmup):
            last = _timed(contender, 1)
            short[name] = last < 1000.0 * SHORT
    times: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for done in range(rounds):
        if seconds and done >= 3 and time.perf_counter() - began > seconds:
            break
        for name, contender in contenders.items():
            if short.get(name):
                contender()
            times[name].append(_timed(contender, BURST if short.get(name) else 1))
    return times


def _timed(contender: Contender, calls: int) -> float:
    """Milliseconds of one of several calls in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        contender()
    return 1000.0 * (time.perf_counter() - start) / calls


def median_ratio(times: Mapping[str, list[float]], slower: str, faster: str) -> float:
    """Median over the rounds of `slower / faster`, each ratio of one round.

    >>> median_ratio({"a": [2.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b")
    2.0
    """
    return statistics.median(one / other for one, other in zip(times[slower], times[faster], strict=True))
