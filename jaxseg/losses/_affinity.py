"""Affinity field loss (Ke, Hwang, Liu, Yu, ECCV 2018): neighbours alike within a segment, unlike across its edge."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Shaped

from jaxseg.losses._moments import check_images
from jaxseg.losses._pixels import Loss, Scalar, as_float, as_ids, as_scalar, check_labels, valid_pixels
from jaxseg.losses._pytree import pytree

# Probabilities are clipped to [1e-4, 1], here by their logarithms: p to LOW..0, 1 - p by p to ..HIGH.
LOW, HIGH = math.log(1e-4), math.log1p(-1e-4)

NEIGHBOURS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)


def affinity_field(
    logits: Shaped[ArrayLike, "..."],
    labels: Shaped[ArrayLike, "..."],
    *,
    margin: Scalar = 3.0,
    edge_weight: Scalar = 1.0,
    inner_weight: Scalar = 1.0,
    size: int = 1,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B H W"]:
    """Affinity field loss of each pixel with its 8 neighbours.

        KL_c(j || i) = p_j log(p_j / p_i) + (1 - p_j) log((1 - p_j) / (1 - p_i)),    p = softmax(x)_c
        L = w_edge mean_{edge} max(0, margin - KL_c(j || i)) + w_inner mean_{others} KL_c(j || i)

    over the pixels i, their neighbours j and the classes c: an *edge* where exactly one of i and j is of class c. So at
    a boundary two classes make an edge, and all others still pull i and j together. The four probabilities are clipped
    to [1e-4, 1]. Pairs with a void pixel, or beyond the image, are dropped. Both means run over all images given; they
    are folded into the values, so that their mean over the valid pixels is L:

        l_i = N (w_edge / N_edge sum_{edge} max(0, margin - KL) + w_inner / N_inner sum_{others} KL)

    The released code adds this to the cross entropy, the two weights falling as 10^(-step/steps), and works at the
    network's stride with labels reduced by nearest neighbour. Its adaptive variant learns the weights of sizes 1 to 3.

    Args:
      logits: [*B, H, W, C] scores x of images, any float type; computed in float32 (float64 stays).
      labels: [*B, H, W] class ids; ids outside 0..C-1 are void.
      margin: nats by which neighbours across an edge should differ.
      edge_weight, inner_weight: w_edge and w_inner.
      size: distance of the neighbours in pixels: 1 for the 3 x 3 window, 2 for the corners and middles of 5 x 5, ...
      where: [*B, H, W] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B, H, W] in nats, scaled as above (`vmap` counts pairs image by image); exactly 0 (and with exactly 0 gradient)
      at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `size` not a positive int, hyper-parameters that
        are not scalars, `where` that is not bool.

    >>> logits = jnp.log(jnp.array([[[0.9, 0.1], [0.5, 0.5]]]))
    >>> affinity_field(logits, jnp.array([[0, 0]]))          # KL(.5||.9) and KL(.9||.5), for either class
    Array([[0.5108..., 0.3680...]], dtype=float32)
    >>> affinity_field(logits, jnp.array([[0, 1]]))          # the margin of 3 less these
    Array([[2.4891..., 2.6319...]], dtype=float32)
    """
    check_images("logits", logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"size: {size!r} given; a distance of 1 pixel or more, a Python int, is accepted")
    x = as_float(logits)
    classes = x.shape[-1]
    margin, edge_weight, inner_weight = (
        as_scalar(name, value, x)
        for name, value in (("margin", margin), ("edge_weight", edge_weight), ("inner_weight", inner_weight))
    )
    valid = valid_pixels(labels, classes, where)
    ids = jnp.where(valid, as_ids(labels), -1)
    pixels, boundaries, pairs = _counts(ids, valid, size, x.dtype)
    edge = edge_weight * pixels / jnp.maximum(2.0 * boundaries, 1.0)
    inner = inner_weight * pixels / jnp.maximum(classes * pairs - 2.0 * boundaries, 1.0)

    # Class by class, on maps [*B, H, W] that vectorise and stay in the cache, each made again in the backward pass:
    # the 8 C affinities of a pixel are never stored together. Classes go first, in the one place it pays.
    scores = jnp.moveaxis(jnp.where(valid[..., None], x, 0.0), -1, 0)
    log_total = _log_sum_exp(scores)

    @jax.checkpoint
    def add_class(total: Array, each: tuple[Array, Array]) -> tuple[Array, None]:
        name, score = each
        return total + _affinities(size, score - log_total, valid, ids == name, margin, edge, inner), None

    names = jnp.arange(classes, dtype=ids.dtype)
    return jax.lax.scan(add_class, jnp.zeros_like(log_total), (names, scores))[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _affinities(
    size: int, score: Array, valid: Array, here: Array, margin: Array, edge: Array, inner: Array
) -> Array:
    """The sum over the neighbours for one class of log-probability `score`; `here` is where the label is that class."""
    maps = _log_p_and_q(score)
    log_p, log_q, _, _ = maps
    total = jnp.zeros_like(score)
    for log_p_j, log_q_j, p_j, q_j, valid_j, here_j in _neighbours(size, *maps, valid, here):
        divergence = p_j * (log_p_j - log_p) + q_j * (log_q_j - log_q)
        term = jnp.where(here != here_j, edge * jnp.maximum(margin - divergence, 0.0), inner * divergence)
        total += jnp.where(valid & valid_j, term, 0.0)
    return total


@_affinities.defjvp
def _affinities_jvp(size: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    score, valid, here, margin, edge, inner = primals
    change, _, _, margin_change, edge_change, inner_change = tangents
    maps = _log_p_and_q(score)
    log_p, log_q, p, q = maps
    # Slopes of the clipped log p and log(1 - p): flat where clipped.
    p_slope = jnp.where(score > LOW, 1.0, 0.0)
    q_slope = jnp.where(score < HIGH, -jnp.exp(score - log_q), 0.0)
    total = jnp.zeros_like(score)
    for offset, neighbour in zip(NEIGHBOURS, _neighbours(size, *maps, valid, here), strict=True):
        log_p_j, log_q_j, p_j, q_j, valid_j, here_j = neighbour
        both, apart = valid & valid_j, here != here_j
        rise_p, rise_q = log_p_j - log_p, log_q_j - log_q
        seen, shown = p_j * rise_p + q_j * rise_q, -(p * rise_p + q * rise_q)
        # This pixel in its own affinity with the neighbour, KL(j || i), and in the neighbour's with it, KL(i || j).
        # The second belongs to the neighbour's value: only its product with the tangent is moved there, by a padding
        # whose adjoint is a slice; the maps of the backward pass are those of the forward pass.
        own = _slope(seen, both, apart, margin, edge, inner) * -(p_j * p_slope + q_j * q_slope)
        other = _slope(shown, both, apart, margin, edge, inner) * (
            p * p_slope * (1.0 - rise_p) + q * q_slope * (1.0 - rise_q)
        )
        hinge = jnp.maximum(margin - seen, 0.0)
        weights_change = jnp.where(apart, edge_change * hinge, inner_change * seen)
        hinge_change = jnp.where(apart & (seen < margin), edge * margin_change, 0.0)
        total += own * change + jnp.where(both, weights_change + hinge_change, 0.0)
        total += _moved(other * change, offset, size)
    return _affinities(size, *primals), total


def _slope(kl: Array, both: Array, apart: Array, margin: Array, edge: Array, inner: Array) -> Array:
    return jnp.where(both, jnp.where(apart, jnp.where(kl < margin, -edge, 0.0), inner), 0.0)


def _log_p_and_q(score: Array) -> tuple[Array, Array, Array, Array]:
    """Clipped log p and log(1 - p), and these without the logarithm."""
    log_p, log_q = jnp.clip(score, LOW, 0.0), jnp.log(-jnp.expm1(jnp.minimum(score, HIGH)))
    return log_p, log_q, jnp.exp(log_p), jnp.exp(log_q)


def _neighbours(size: int, *maps: Shaped[Array, "..."]) -> Iterator[tuple[Array, ...]]:
    """For each of NEIGHBOURS the maps as that neighbour of every pixel has them, 0 or false beyond the image."""
    rows, columns = maps[0].shape[-2:]
    padded = [jnp.pad(each, [(0, 0)] * (each.ndim - 2) + [(size, size)] * 2) for each in maps]
    for offset in NEIGHBOURS:
        top, left = (size * (1 + steps) for steps in offset)
        yield tuple(each[..., top : top + rows, left : left + columns] for each in padded)


def _moved(values: Array, offset: tuple[int, int], size: int) -> Array:
    """Each value given to the neighbour of its pixel at `offset`."""
    rows, columns = values.shape[-2:]
    widths = [(size * (1 + steps), size * (1 - steps), 0) for steps in offset]
    spread = jax.lax.pad(values, jnp.zeros((), values.dtype), [(0, 0, 0)] * (values.ndim - 2) + widths)
    return spread[..., size : size + rows, size : size + columns]


def _counts(
    ids: Int[Array, "*B H W"], valid: Bool[Array, "*B H W"], size: int, dtype: jnp.dtype
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Valid pixels, and ordered pairs of them: those with different labels, and all."""
    boundaries = pairs = jnp.zeros((), jnp.int32)
    for ids_j, valid_j in _neighbours(size, ids, valid):
        both = valid & valid_j
        boundaries += jnp.sum(both & (ids != ids_j), dtype=jnp.int32)
        pairs += jnp.sum(both, dtype=jnp.int32)
    pixels = jnp.sum(valid, dtype=jnp.int32)
    return pixels.astype(dtype), boundaries.astype(dtype), pairs.astype(dtype)


@jax.custom_jvp
def _log_sum_exp(x: Float[Array, "C *B"]) -> Float[Array, "*B"]:
    top = jnp.max(x, axis=0)
    return top + jnp.log(jnp.sum(jnp.exp(x - top), axis=0))


@_log_sum_exp.defjvp
def _log_sum_exp_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    total = _log_sum_exp(*primals)
    return total, jnp.sum(jnp.exp(primals[0] - total) * tangents[0], axis=0)


@pytree
@dataclasses.dataclass(frozen=True)
class AffinityField(Loss):
    """`affinity_field` with margin and weights as leaves; `size` is static."""

    takes: ClassVar[Literal["labels"]] = "labels"
    margin: Scalar = 3.0
    edge_weight: Scalar = 1.0
    inner_weight: Scalar = 1.0
    size: int = dataclasses.field(default=1, metadata={"static": True})

    def __call__(
        self,
        logits: Shaped[ArrayLike, "..."],
        labels: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B H W"]:
        """[*B, H, W] values of `affinity_field`."""
        return affinity_field(
            logits,
            labels,
            margin=self.margin,
            edge_weight=self.edge_weight,
            inner_weight=self.inner_weight,
            size=self.size,
            where=where,
        )
