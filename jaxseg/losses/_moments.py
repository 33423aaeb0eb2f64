"""Local moments: Gaussian-weighted means and variances around every pixel, the window of SSIM and of SSL.

The window is a Gaussian cut to `size` x `size` pixels, taken as shifted slices of the rows and then of the columns: on
CPU several times faster than a depthwise convolution, and a batch sharded over image height exchanges only its borders.
`size` may be traced: the window is then embedded in one of the static size `largest`, with zeros around it.
"""

import functools
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Shaped

from jaxseg.losses._pixels import Scalar, as_float, as_mask, check_choice, concrete

BORDERS = "zero", "edge", "reflect", "renormalize"


def local_moments(
    x: Shaped[ArrayLike, "..."],
    size: Scalar = 3,
    sigma: Scalar = 1.5,
    *,
    border: str = "zero",
    largest: int | None = None,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> tuple[Float[Array, "*B H W C"], Float[Array, "*B H W C"]]:
    """Gaussian-weighted mean and variance of the window around each pixel, channel by channel.

        mu_n = sum_i w_i x_{n+i},    var_n = sum_i w_i (x_{n+i} - mu_n)^2 = sum_i w_i x_{n+i}^2 - mu_n^2
        w_i ~ exp(-|i|^2 / (2 sigma^2)) within size x size pixels, sum_i w_i = 1

    Eq. 14 and 15 of Zhao et al. 2019; the variance is the biased one. It is computed as the difference on the right,
    in float32 good to about 1e-7 of the mean square, and cut at 0. Neither Zhao et al. nor Wang et al. 2004 (SSIM) say
    what a window holds beyond the image; the choices are

        zero:         0 beyond the image and at void pixels, as in a zero-padded convolution
        edge:         the nearest pixel of the image; 0 at void pixels
        reflect:      the image mirrored at its outermost pixels; 0 at void pixels
        renormalize:  only pixels that exist and count, their weights divided by their sum

    Args:
      x: [*B, H, W, C], any float type; computed in float32 (float64 stays).
      size: side of the window in pixels, odd; it may be traced if `largest` is given.
      sigma: standard deviation of the window in pixels; `inf` weights all its pixels alike.
      border: one of the names above.
      largest: static odd bound of a traced `size`; the work done is that of this size. None for `size` itself.
      where: [*B, H, W] bool, pixels that count; None for all.

    Returns:
      mean and variance, [*B, H, W, C] each, with a row for void pixels as well. Where no pixel of a window counts, both
      are 0. A traced `size` that is even, below 1 or above `largest`, or a traced `sigma` that is not positive, makes
      them NaN.

    Raises:
      ValueError: x without H, W and C; `size` even or above `largest` or traced without it; `sigma` not positive;
        unknown `border`; `where` that is not bool or does not fit.

    >>> mean, variance = local_moments(jnp.eye(3)[..., None], 3, 1.5)
    >>> mean[1, 1], variance[1, 1]
    (Array([0.33724466], dtype=float32), Array([0.2235107], dtype=float32))
    """
    check_images("x", x)
    check_choice("border", border, BORDERS)
    x = as_float(x)
    valid = None if where is None else as_mask(where, x.shape[:-1])
    if valid is not None:
        x = jnp.where(valid[..., None], x, 0.0)
    weights = window_weights(size, sigma, largest, x.dtype)
    total = window_total(x.shape[:-1], weights, border, valid)
    return moments(x, weights, border, None if total is None else total[..., None], rows=-3)


def moments(
    x: Float[Array, "..."],
    weights: Float[Array, " taps"],
    border: str,
    total: Float[Array, "..."] | None,
    rows: int,
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """`local_moments` of an x that is 0 at void pixels and has its axis H at `rows`, with the `window_total`."""
    mean = smooth(x, weights, border, total, rows)
    return mean, jnp.maximum(smooth(x * x, weights, border, total, rows) - mean * mean, 0.0)


def check_images(name: str, value: Shaped[ArrayLike, "..."]) -> None:
    """Raise `ValueError` unless `value` has the axes H, W and C and none of them is empty."""
    shape = jnp.shape(value)
    if len(shape) < 3 or 0 in shape[-3:]:
        raise ValueError(f"{name}: shape {shape} given; images [..., H, W, C] are accepted")


def window_weights(
    size: Scalar, sigma: Scalar, largest: int | None, dtype: jnp.dtype
) -> Float[Array, " taps"]:
    """The window along one axis: `largest` (or `size`) taps that sum to 1, those beyond `size` being 0."""
    taps = _taps(size, largest)
    known = concrete("sigma", sigma)
    if known is not None and not known > 0.0:
        raise ValueError(f"sigma: {known} given; a positive number of pixels is accepted")
    size, sigma = jnp.asarray(size).astype(dtype), jnp.asarray(sigma).astype(dtype)
    offsets = jnp.arange(taps, dtype=dtype) - taps // 2
    weights = jnp.where(2.0 * jnp.abs(offsets) < size, jnp.exp(-0.5 * (offsets / sigma) ** 2), 0.0)
    sound = (size % 2.0 == 1.0) & (size >= 1.0) & (size <= taps) & (sigma > 0.0)
    return jnp.where(sound, weights / jnp.sum(weights), jnp.nan)


def _taps(size: Scalar, largest: int | None) -> int:
    known = concrete("size", size)
    # Before `largest`, which an object makes of its `size`.
    if known is not None and not (known >= 1 and known % 2 == 1):  # which NaN and infinity fail too
        raise ValueError(f"size: {known:g} given; an odd number of pixels, 1 or more, is accepted")
    if largest is not None and (not isinstance(largest, int | np.integer) or largest < 1 or largest % 2 == 0):
        raise ValueError(f"largest: {largest!r} given; an odd number of pixels, 1 or more, is accepted")
    if known is None:
        if largest is None:
            raise ValueError(
                "size: a traced value given; accepted with largest=, the static odd size that bounds it"
            )
        return int(largest)
    if largest is not None and known > largest:
        raise ValueError(f"size: {known:g} given; at most largest={largest} is accepted")
    return int(known if largest is None else largest)


def bound_of_size(size: Scalar, largest: int | None) -> int | None:
    """The `largest` of an object: at least `size` where that is a plain number, so that it can become a leaf."""
    if not isinstance(size, int | float | np.number) or not np.isfinite(size) or size != int(size):
        return largest
    return int(size if largest is None else max(size, largest))


def window_total(
    pixels: tuple[int, ...],
    weights: Float[Array, " taps"],
    border: str,
    valid: Bool[Array, "..."] | None,
) -> Float[Array, "..."] | None:
    """The weight of the valid pixels of each window, by which "renormalize" divides; None under the other borders."""
    if border != "renormalize":
        return None
    valid = jnp.ones(pixels, bool) if valid is None else valid
    total = smooth(valid.astype(weights.dtype), weights, border, None, rows=-2)
    # Where no pixel of a window counts, what is divided is 0 too.
    return jnp.where(total == 0.0, 1.0, total)


def smooth(
    x: Float[Array, "..."],
    weights: Float[Array, " taps"],
    border: str,
    total: Float[Array, "..."] | None,
    rows: int,
) -> Float[Array, "..."]:
    """sum_i w_i x_{n+i} along the axis `rows` and the next, divided by `total` if there is one."""
    for axis in (rows % x.ndim, rows % x.ndim + 1):
        widths = [(0, 0)] * x.ndim
        widths[axis] = (weights.size // 2, weights.size // 2)
        padded = jnp.pad(x, widths, mode=border) if border in ("edge", "reflect") else jnp.pad(x, widths)
        x = _window_sum(padded, weights, axis)
    return x if total is None else x / total


DIRECT = 5
"""The side up to which `windows` sums a window in one loop over memory; beyond, along one axis and then the other."""


def windows(
    x: Shaped[Array, "..."],
    weights: Float[Array, " taps"],
    border: str,
    total: Float[Array, "..."] | None,
    terms: Callable[[Array], tuple[Float[Array, "*B H W C"], ...]],
    void: int = 0,
) -> tuple[Float[Array, "*B H W C"], ...]:
    """sum_i w_i t(x_{n+i}) for the several t of `terms`, divided by `total` if there is one. Its gradient is slow.

    `terms` maps an x [*B, H, W, C], or labels [*B, H, W], to arrays [*B, H, W, C]; beyond the image x is `void`, where
    the terms are 0, unless the border says otherwise.
    """
    if weights.size > DIRECT:
        return tuple(smooth(term, weights, border, total, rows=-3) for term in terms(x))
    rows = x.ndim - (2 if jnp.issubdtype(x.dtype, jnp.integer) else 3)
    reach, extent = weights.size // 2, x.shape[rows : rows + 2]
    widths = [(reach, reach) if axis in (rows, rows + 1) else (0, 0) for axis in range(x.ndim)]
    outside = {} if border in ("edge", "reflect") else {"constant_values": void}
    padded = jnp.pad(x, widths, mode=border if not outside else "constant", **outside)
    sums: tuple[Array, ...] | None = None
    for i, j in itertools.product(range(weights.size), repeat=2):
        part = jax.lax.slice_in_dim(padded, i, i + extent[0], axis=rows)
        part = jax.lax.slice_in_dim(part, j, j + extent[1], axis=rows + 1)
        added = tuple(weights[i] * weights[j] * term for term in terms(part))
        sums = added if sums is None else tuple(map(jnp.add, sums, added))
    assert sums is not None
    return sums if total is None else tuple(each / total for each in sums)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _window_sum(padded: Array, weights: Array, axis: int) -> Array:
    length = padded.shape[axis] - weights.size + 1
    return sum(
        weight * jax.lax.slice_in_dim(padded, i, i + length, axis=axis) for i, weight in enumerate([*weights])
    )


@_window_sum.defjvp
def _window_sum_jvp(axis: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    padded, weights = primals
    change, weights_change = tangents
    # The same sum of the tangent, as a sum of paddings: its adjoint is one of slices, which XLA fuses into one loop,
    # where the adjoint of slices would be one of paddings, four to seven times slower.
    last = weights.size - 1
    widths = [[(0, 0, 0)] * padded.ndim for _ in range(weights.size)]
    for i, each in enumerate(widths):
        each[axis] = (last - i, i, 0)
    zero = jnp.zeros((), padded.dtype)
    spread = sum(
        weight * jax.lax.pad(change, zero, each) for weight, each in zip([*weights], widths, strict=True)
    )
    spread = jax.lax.slice_in_dim(spread, last, padded.shape[axis], axis=axis)
    return _window_sum(padded, weights, axis), spread + _window_sum(padded, weights_change, axis)
