"""Pooling, unpooling and resizing as slices, selections and stacks: no gather, no scatter, no grouped convolution.

So rows that a mesh splits over devices are never collected on one, as long as every device holds whole 2x2 cells.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt8


def crop(x: Float[Array, "B H W D"], size: tuple[int, int]) -> Float[Array, "B h w D"]:
    """The top left part of `size` (height, width).

    >>> crop(jnp.zeros((1, 4, 6, 2)), (3, 5)).shape
    (1, 3, 5, 2)
    """
    return x[:, : size[0], : size[1]]


def _pad_to_even(x: Array, value: float) -> Array:
    height, width = x.shape[1:3]
    if height % 2 == 0 and width % 2 == 0:
        return x
    return jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), constant_values=value)


def _quarters(x: Array) -> list[Array]:
    """The four pixels of every 2x2 cell, row by row, each [B, H/2, W/2, D]."""
    return [x[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]


def _interleave(quarters: Sequence[Array]) -> Array:
    """Inverse of `_quarters`: [B, 2h, 2w, D] of four [B, h, w, D]."""
    batch, height, width, features = quarters[0].shape
    rows = [
        jnp.stack(quarters[first : first + 2], axis=3).reshape(batch, height, 2 * width, features)
        for first in (0, 2)
    ]
    return jnp.stack(rows, axis=2).reshape(batch, 2 * height, 2 * width, features)


def max_pool(x: Float[Array, "B H W D"]) -> tuple[Float[Array, "B h w D"], UInt8[Array, "B h w D"]]:
    """Maximum of every 2x2 cell (stride 2), and which of its pixels it was.

    Odd sides are rounded up: the last cell holds what pixels there are. The gradient goes to that one pixel.

    Args:
      x: [B, H, W, D] features.

    Returns:
      [B, ceil(H/2), ceil(W/2), D] maxima, and the winner of each, 0 to 3 row by row; of equals, the first.

    >>> pooled, winner = max_pool(jnp.array([[1.0, 5.0, 2.0], [3.0, 4.0, 2.0]]).reshape(1, 2, 3, 1))
    >>> pooled.ravel().tolist(), winner.ravel().tolist()
    ([5.0, 2.0], [1, 0])
    """
    first, second, third, fourth = _quarters(_pad_to_even(x, -jnp.inf))
    largest = jnp.maximum(jnp.maximum(first, second), jnp.maximum(third, fourth))
    last = jnp.where(third == largest, jnp.uint8(2), jnp.uint8(3))
    winner = jnp.where(first == largest, jnp.uint8(0), jnp.where(second == largest, jnp.uint8(1), last))
    # Selected by the winner rather than taken as `largest`: the gradient of a maximum splits itself between equals.
    pooled = jnp.where(
        winner == 0, first, jnp.where(winner == 1, second, jnp.where(winner == 2, third, fourth))
    )
    return pooled, winner


def max_unpool(
    x: Float[Array, "B h w D"], winner: UInt8[Array, "B h w D"], size: tuple[int, int]
) -> Float[Array, "B H W D"]:
    """Every value at the pixel from which `max_pool` took its maximum, zeros elsewhere.

    Args:
      x: [B, h, w, D] features.
      winner: [B, h, w, D] as `max_pool` returned it.
      size: (H, W) of what was pooled.

    Returns:
      [B, H, W, D].

    >>> pooled, winner = max_pool(jnp.array([[1.0, 5.0], [3.0, 4.0]]).reshape(1, 2, 2, 1))
    >>> max_unpool(pooled, winner, (2, 2)).reshape(2, 2).tolist()
    [[0.0, 5.0], [0.0, 0.0]]
    """
    zero = jnp.zeros((), x.dtype)
    return crop(_interleave([jnp.where(winner == place, x, zero) for place in range(4)]), size)


def max_pool_overlapping(x: Float[Array, "B H W D"], ceil: bool = False) -> Float[Array, "B h w D"]:
    """Maximum of 3x3 windows at stride 2, padding 1. Equals share the gradient.

    Side n becomes `ceil(n / 2)`, or with `ceil` (Caffe, and torch's `ceil_mode`) `ceil((n - 1) / 2) + 1`: one more
    for even sides, whose last window then holds the last row alone.

    >>> max_pool_overlapping(jnp.arange(16.0).reshape(1, 4, 4, 1)).ravel().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """
    for axis in (1, 2):
        side = x.shape[axis] // 2 + 1 if ceil else (x.shape[axis] + 1) // 2
        padding = [(0, 0)] * 4
        padding[axis] = (1, 2 * side - x.shape[axis])
        padded = jnp.pad(x, padding, constant_values=-jnp.inf)
        shifted = [lax.slice_in_dim(padded, k, k + 2 * side - 1, 2, axis) for k in range(3)]
        x = jnp.maximum(jnp.maximum(shifted[0], shifted[1]), shifted[2])
    return x


def interpolation_matrix(source: int, target: int, align_corners: bool = False) -> np.ndarray:
    """Weights [target, source] of linear interpolation along one axis; rows sum to 1.

    >>> interpolation_matrix(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    if align_corners:
        place = np.arange(target) * ((source - 1) / (target - 1) if target > 1 else 0.0)
    else:
        place = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.minimum(place.astype(int), source - 1)
    high = np.minimum(low + 1, source - 1)
    matrix = np.zeros((target, source), np.float32)
    np.add.at(matrix, (np.arange(target), low), 1 - (place - low))
    np.add.at(matrix, (np.arange(target), high), place - low)
    return matrix


def _shifted(x: Array, axis: int, by: int) -> Array:
    """Every pixel's neighbour `by` (1 or -1) pixels before it along an axis; at the border the pixel itself."""
    padding = [(0, 0, 0)] * x.ndim
    padding[axis] = (by, -by, 0)
    place = lax.broadcasted_iota(jnp.int32, x.shape, axis)
    border = place == (0 if by > 0 else x.shape[axis] - 1)
    # A pad and a selection: on a mesh that is one row from the next device, where a concatenation moves everything.
    return jnp.where(border, x, lax.pad(x, jnp.zeros((), x.dtype), padding))


def _resize_axis(x: Array, axis: int, target: int, align_corners: bool) -> Array:
    source = x.shape[axis]
    if align_corners and source > 1 and target > source and (target - 1) % (source - 1) == 0:
        # Whole steps between corners: each pixel and the one after it make `factor` outputs, the last pixel one.
        factor = (target - 1) // (source - 1)
        after = _shifted(x, axis, -1)
        phases = [x * (1 - phase / factor) + after * (phase / factor) for phase in range(factor)]
        return lax.slice_in_dim(_stacked(phases, axis), 0, target, axis=axis)
    if align_corners or target % source:
        matrix = interpolation_matrix(source, target, align_corners)
        return jnp.einsum("th,bhwd->btwd" if axis == 1 else "tw,bhwd->bhtd", matrix, x)
    # A whole factor: each output phase mixes a pixel with the one before or after it, the same way everywhere.
    before, after = _shifted(x, axis, 1), _shifted(x, axis, -1)
    factor = target // source
    phases = []
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5
        phases.append(x * (1 - abs(offset)) + (before if offset < 0 else after) * abs(offset))
    return _stacked(phases, axis)


def _stacked(phases: Sequence[Array], axis: int) -> Array:
    """The phases of every pixel one after the other along an axis."""
    shape = phases[0].shape
    stacked = jnp.stack(phases, axis=axis + 1)
    return stacked.reshape(*shape[:axis], shape[axis] * len(phases), *shape[axis + 1 :])


def resize_bilinear(
    x: Float[Array, "B h w D"], size: tuple[int, int], align_corners: bool = False
) -> Float[Array, "B H W D"]:
    """Bilinear interpolation to another size, without low-pass filtering where that is smaller.

    Output pixel i of an axis lies at `(i + 1/2) h / H - 1/2` of the input, or with `align_corners` at
    `i (h - 1) / (H - 1)`, as the DeepLab family upsamples; beyond the border the border's value holds. Whole factors,
    and with `align_corners` whole steps (65 to 513), are shifts and a stack, and keep rows where they are on a mesh;
    anything else is one matrix an axis, before which a mesh gathers the small input's rows or after which it sums.

    Args:
      x: [B, h, w, D] features or logits.
      size: (H, W) wanted.
      align_corners: corner pixels keep their place.

    Returns:
      [B, H, W, D] in the type of `x`, computed in float32.

    >>> resize_bilinear(jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1), (1, 4)).ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    values = x.astype(jnp.float32)
    for axis in (2, 1):
        if values.shape[axis] != size[axis - 1]:
            values = _resize_axis(values, axis, size[axis - 1], align_corners)
    return values.astype(x.dtype)
