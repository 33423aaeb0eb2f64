"""Cases that losses are tried on, and what their references are written with."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis.strategies as st
import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    """Arguments of one call: logits [*B, C] float64, the truth its loss takes (or None), and `where` (or None)."""

    logits: np.ndarray
    truth: np.ndarray | None
    where: np.ndarray | None

    @property
    def classes(self) -> int:
        """C."""
        return self.logits.shape[-1]

    @property
    def valid(self) -> np.ndarray:
        """Pixels that count, by the definition in words."""
        valid = np.ones(self.logits.shape[:-1], bool)
        if self.truth is not None and np.issubdtype(self.truth.dtype, np.integer):
            ids = self.truth.astype(np.int64)
            valid &= (ids >= 0) & (ids < self.classes)
        return valid if self.where is None else valid & self.where

    def bind(self, loss: Callable, hyper: Mapping[str, Any]) -> Callable[[Any], Any]:
        """The loss as a function of the logits alone."""
        truth = () if self.truth is None else (self.truth,)

        def of_logits(logits):
            given = tuple(t.astype(logits.dtype) if np.issubdtype(t.dtype, np.floating) else t for t in truth)
            return loss(logits, *given, where=self.where, **hyper)

        return of_logits


def case(
    shape: tuple[int, ...],
    classes: int,
    *,
    takes: str = "labels",
    void: float = 0.25,
    masked: bool = False,
    seed: int = 0,
    ids: type = np.int32,
) -> Case:
    """A case at random: about a share `void` of the labels is void, half of the pixels are out if `masked`."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(*shape, classes)) * 2.0
    truth = None
    if takes == "labels":
        labels = random.integers(0, classes, shape)
        unknown = 255 if classes <= 255 else -1
        truth = np.where(random.random(shape) < void, unknown, labels).astype(ids)
    elif takes == "targets":
        truth = random.dirichlet(np.ones(classes), shape)
    return Case(logits, truth, random.random(shape) < 0.5 if masked else None)


def cases(takes: str = "labels", images: bool = False) -> st.SearchStrategy[Case]:
    """Cases of any leading shape (of at least one image if `images`), 2 to 150 classes, any pattern of void."""
    shapes = [(4, 5), (1, 6), (2, 3, 4)] if images else [(), (5,), (2, 3), (1, 3, 2), (2, 1, 2, 2)]
    return st.builds(
        case,
        st.sampled_from(shapes),
        st.one_of(st.integers(2, 5), st.integers(2, 150)),
        takes=st.just(takes),
        void=st.sampled_from([0.0, 0.3, 1.0]),
        masked=st.booleans(),
        seed=st.integers(0, 2**16),
        ids=st.sampled_from([np.uint8, np.int16, np.int32]),
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax by the book, for references."""
    mass = np.exp(logits - logits.max(-1, keepdims=True))
    return mass / mass.sum(-1, keepdims=True)


def pixels(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Indices of all pixels, for references written as loops."""
    yield from np.ndindex(shape)
