"""Confidence thresholds from histograms, so that no map of probabilities need be kept, and soft labels as bytes.

The bins are even in the log-odds of the confidence, log(p / (1 - p)), from -8 to 16. So they are at most 9.2e-5 wide in
p, and near 1, where a trained network's confidences crowd, 3.7e-4 of 1 - p: bins even in p would put most road pixels
into the last one, and its threshold would let all of them through.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, UInt8

BINS = 1 << 16
LOWEST, HIGHEST = -8.0, 16.0
STEPS = 255
"""Steps of a quantised probability."""


def confidence_histogram(scores: Float[Array, "*B C"]) -> Int[Array, "C bins"]:
    """How many pixels are predicted as each class, by the confidence of the prediction.

    Args:
      scores: [*B, C] logarithms of the confidences, at most 0.

    Returns:
      [C, BINS] int32 counts of the pixels whose largest score is that class's.

    >>> counts = confidence_histogram(jnp.log(jnp.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])))
    >>> counts.sum(axis=1).tolist(), [round(lower_edge(int(bin)), 3) for bin in counts[1].nonzero()[0]]
    ([1, 2], [0.6, 0.8])
    """
    classes = scores.shape[-1]
    flat = scores.reshape(-1, classes)
    confidence = jnp.minimum(jnp.max(flat, axis=-1), 0.0)
    odds = confidence - jnp.log(-jnp.expm1(confidence))
    place = jnp.floor((odds - LOWEST) * (BINS / (HIGHEST - LOWEST)))
    bins = jnp.clip(place, 0, BINS - 1).astype(jnp.int32)
    index = jnp.argmax(flat, axis=-1).astype(jnp.int32) * BINS + bins
    return jnp.zeros(classes * BINS, jnp.int32).at[index].add(1).reshape(classes, BINS)


def lower_edge(number: int) -> float:
    """The smallest confidence of a bin, as a float32 that is not above it; 0 in the first bin, which has no end.

    >>> lower_edge(0), lower_edge(BINS // 3)
    (0.0, 0.499...)
    """
    if number == 0:
        return 0.0
    edge = 1.0 / (1.0 + math.exp(-(LOWEST + number * (HIGHEST - LOWEST) / BINS)))
    near = np.float32(edge)
    # One more step down: the scores are compared as logarithms, which round too.
    return float(np.nextafter(near, np.float32(0.0)))


def threshold(counts: Integer[np.ndarray, " bins"], rank: int) -> float:
    """The confidence that `rank` pixels reach, to the bin's width below it; 1 where `rank` is 0.

    Args:
      counts: [BINS] pixels in each bin.
      rank: place of the wanted value among the confidences in falling order, from 1.

    >>> counts = np.zeros(BINS, np.int64)
    >>> counts[[40000, 50000, 60000]] = 2, 3, 4
    >>> [threshold(counts, rank) == lower_edge(bin) for rank, bin in ((4, 60000), (5, 50000), (9, 40000))]
    [True, True, True]
    >>> threshold(counts, 0)
    1.0
    """
    if rank <= 0:
        return 1.0
    above = np.cumsum(counts[::-1].astype(np.int64))
    reached = int(np.searchsorted(above, rank))
    return lower_edge(len(counts) - 1 - reached)


def quantised(labels: Float[Array, "*B C"]) -> UInt8[Array, "*B C"]:
    """Distributions in steps of 1/255 that still sum to exactly 1; pixels of zeros stay zeros.

        q_c = round(255 S_c) - round(255 S_(c-1)),    S_c = y_1 + ... + y_c

    So that |q_c / 255 - y_c| <= 1/255 for every class, whatever their number, and a class of 0 stays 0.

    >>> quantised(jnp.array([[0.7454, 0.1273, 0.1273], [0.0, 0.0, 0.0]])).tolist()
    [[190, 33, 32], [0, 0, 0]]
    """
    sums = jnp.round(jnp.cumsum(labels, axis=-1) * STEPS).astype(jnp.int32)
    return jnp.diff(sums, axis=-1, prepend=jnp.zeros_like(sums[..., :1])).astype(jnp.uint8)


def best_class(labels: Integer[Array, "*B C"], void: int) -> UInt8[Array, "*B"]:
    """The likeliest class of quantised labels, `void` where a pixel has none.

    >>> best_class(jnp.array([[190, 33, 32], [0, 0, 0]], jnp.uint8), 255).tolist()
    [0, 255]
    """
    known = jnp.any(labels > 0, axis=-1)
    return jnp.where(known, jnp.argmax(labels, axis=-1).astype(jnp.uint8), jnp.uint8(void))


def with_rest(scores: Float[Array, "*B C"], thresholds: Float[Array, " C"]) -> tuple[Array, Array]:
    """Scores that need not sum to 1, completed by a class of the rest that no pixel is ever given.

    The rules of `jaxseg.losses` normalise what they are given; with this class in it, they have nothing to do.
    """
    rest = jnp.maximum(1.0 - jnp.sum(jnp.exp(scores), axis=-1, keepdims=True), jnp.finfo(scores.dtype).tiny)
    never = jnp.full((1,), 1e30, thresholds.dtype)
    total = jnp.concatenate([scores, jnp.log(rest)], axis=-1)
    return jax.nn.log_softmax(total, axis=-1), jnp.concatenate([thresholds, never])
