"""Ids of labels: checking them, and telling them in messages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxseg.errors import InputError


def integers(ids: ArrayLike, origin: str) -> np.ndarray:
    """`ids` as an array; `InputError` names their `origin` where they are not integers."""
    array = np.asarray(ids)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{origin}: ids of type {array.dtype}; give an array of integers")
    return array


def check_maps(where: str, predictions: Any, labels: Any) -> None:
    """Raises `InputError` unless predictions and labels are integers of one shape; they may be traced."""
    if predictions.shape != labels.shape:
        raise InputError(
            f"{where}: predictions {list(predictions.shape)} for labels {list(labels.shape)}; "
            "bring the logits to the labels' size before the argmax"
        )
    for name, ids in (("predictions", predictions), ("labels", labels)):
        if not np.issubdtype(ids.dtype, np.integer):
            raise InputError(f"{where}: {name} of type {ids.dtype}; give integers, classes or train ids")


def few(ids: Sequence[int]) -> str:
    """The first eight ids.

    >>> few([3, 1]), few(range(9))
    ('3, 1', '0, 1, 2, 3, 4, 5, 6, 7, ...')
    """
    return ", ".join(str(i) for i in ids[:8]) + (", ..." if len(ids) > 8 else "")


def ranges(ids: Mapping[int, int]) -> str:
    """All ids, neighbours as a range.

    >>> ranges({-1: 0, 0: 0, 1: 0, 7: 0})
    '-1..1, 7'
    """
    spans: list[list[int]] = []
    for i in sorted(ids):
        if spans and i == spans[-1][1] + 1:
            spans[-1][1] = i
        else:
            spans.append([i, i])
    return ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in spans)
