"""Region mutual information loss (RMI; Zhao, Wang, Yang, Cai, NeurIPS 2019), the successor of structural similarity.

A pixel stands for its neighbourhood: the r x r labels around it are a point y in r^2 dimensions, the r x r predictions
a point p. The more of y follows linearly from p over an image, the larger the mutual information of the two, of which
this is a lower bound with the sign turned.

Numerics, ours: the released code computes in float64, this in float32. The points are first rotated into the cosine
basis of the window (a determinant does not change), which parts the few large variances of smooth maps from the many
small ones; and what p leaves unexplained is summed from its squares, never as a difference of covariances.
"""

import dataclasses
import functools
import math
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Shaped

from jaxseg.losses._moments import check_images
from jaxseg.losses._pixels import (
    Loss,
    Scalar,
    as_float,
    as_ids,
    as_scalar,
    check_choice,
    check_labels,
    is_true_class,
    mean,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree

POOLINGS = "average", "maximum"
COVARIANCES = "sum", "mean"


def region_mutual_information(
    logits: Shaped[ArrayLike, "..."],
    labels: Shaped[ArrayLike, "..."],
    *,
    radius: int = 3,
    pool: int = 4,
    pooling: str = "average",
    covariance: str = "sum",
    stabilizer: Scalar = 5e-4,
    floor: Scalar = 1e-6,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """Region mutual information loss of each image: minus a lower bound of the information, up to a constant.

        L = sum_c 1/(2 r^2) log det(M_c + a I),    M = S_yy - S_yp (S_pp + a I)^-1 S_yp^T

    with S the r^2 x r^2 covariances of class c over all r x r windows of the pooled maps y (the label, 0 or 1) and
    p = sigmoid(x) + floor. The paper adds it to the cross entropy of every class, half and half: 0.5
    `SigmoidCrossEntropy` + 0.5 `RegionMutualInformation`.

    As in the released code, of which its training script is followed where the defaults of its class differ:

    - void pixels are 0 in y and `floor` in p, and windows with void pixels count;
    - the covariances are sums over the windows, not means, and a is a number for sums. `covariance="mean"` divides, as
      the definition does: without a the two differ by a constant;
    - maps are pooled by 4 x 4 averages of a border of 2 zeros and the image. The class's default is
      `pooling="maximum", pool=3`; the third way there, resizing, is not here.

    Two things differ: its logarithm adds 1e-8 to the diagonal of a Cholesky factor that is at least sqrt(a); and an
    image without a valid pixel is 0 and does not count in the mean, where the code has the constant log(a) C / 2.

    Args:
      logits: [*B, H, W, C] scores x of images, any float type; computed in float32 (float64 stays).
      labels: [*B, H, W] class ids; ids outside 0..C-1 are void.
      radius: r, the side of the window in pixels of the pooled map, 1 or more; static.
      pool: side and stride of the pooling in pixels, 1 for none; static.
      pooling: "average" or "maximum".
      covariance: "sum" or "mean".
      stabilizer: a, which keeps the matrices positive.
      floor: added to the probability.
      where: [*B, H, W] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] one value an image, in nats; void pixels have exactly 0 gradient.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `radius` or `pool` not a positive int, images
        that pooled are smaller than the window, an unknown `pooling` or `covariance`, hyper-parameters that are not
        scalars, `stabilizer` not above 0, `where` that is not bool.

    Source: Zhao et al., "Region Mutual Information Loss for Semantic Segmentation", 2019, and its released code.

    >>> labels = jnp.zeros([8, 8], int).at[2:6, 2:6].set(1)
    >>> p = jnp.where(labels == 1, 0.8, 0.1)                               # of the second class alone
    >>> logits = jnp.stack([jnp.full([8, 8], -50.0), jnp.log(p / (1 - p))], axis=-1)
    >>> value = region_mutual_information(logits, labels, pool=1)
    >>> constant = region_mutual_information(jnp.full([8, 8, 2], -50.0), labels, pool=1) / 2
    >>> f"{value - constant:.4f} {constant:.4f}"
    '-3.2446 0.7417'
    """
    check_images("logits", logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    check_choice("pooling", pooling, POOLINGS)
    check_choice("covariance", covariance, COVARIANCES)
    for name, value in (("radius", radius), ("pool", pool)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(
                f"{name}: {value!r} given; a number of pixels, a Python int of 1 or more, is accepted"
            )
    x = as_float(logits)
    pooled = tuple(_pooled_size(size, pool) for size in x.shape[-3:-1])
    if min(pooled) < radius:
        raise ValueError(
            f"logits: shape {x.shape} given; images of at least {radius} x {radius} pixels after pooling by {pool} "
            f"are accepted, these have {pooled[0]} x {pooled[1]}"
        )
    stabilizer, floor = as_scalar("stabilizer", stabilizer, x, above=0.0), as_scalar("floor", floor, x)
    valid = valid_pixels(labels, x.shape[-1], where)
    y, p = _pooled_maps(x, jnp.where(valid, as_ids(labels), -1), valid, floor, pool, pooling)
    count = math.prod(size - radius + 1 for size in pooled)
    scale = 1.0 if covariance == "sum" else 1.0 / math.sqrt(count)
    values = _log_determinant(_points(y, radius, scale), _points(p, radius, scale), stabilizer)
    bound = jnp.sum(values, axis=-1) / (2 * radius**2)
    return jnp.where(jnp.any(valid, axis=(-2, -1)), bound, 0.0)


def _pooled_size(size: int, pool: int) -> int:
    return size if pool == 1 else (size + 2 * (pool // 2) - pool) // pool + 1


@functools.partial(jax.checkpoint, static_argnums=(4, 5))
def _pooled_maps(
    x: Float[Array, "*B H W C"],
    ids: Integer[Array, "*B H W"],
    valid: Bool[Array, "*B H W"],
    floor: Float[Array, ""],
    pool: int,
    pooling: str,
) -> tuple[Float[Array, "*B h w C"], Float[Array, "*B h w C"]]:
    """Labels and probabilities, pooled; made again in the backward pass, so that no map of all pixels is stored."""
    y = is_true_class(ids, x.shape[-1]).astype(x.dtype)
    p = jnp.where(valid[..., None], jax.nn.sigmoid(jnp.where(valid[..., None], x, 0.0)), 0.0) + floor
    return _pooled(y, pool, pooling), _pooled(p, pool, pooling)


def _pooled(maps: Float[Array, "*B H W C"], pool: int, pooling: str) -> Float[Array, "*B h w C"]:
    """Windows of `pool` x `pool` pixels side by side, the first with `pool // 2` rows and columns of border."""
    if pool == 1:
        return maps
    window = (*[1] * (maps.ndim - 3), pool, pool, 1)
    border = [(0, 0)] * (maps.ndim - 3) + [(pool // 2, pool // 2)] * 2 + [(0, 0)]
    # No reshape: images whose rows are split over devices exchange borders only.
    if pooling == "maximum":
        return jax.lax.reduce_window(maps, -jnp.inf, jax.lax.max, window, window, border)
    return jax.lax.reduce_window(maps, 0.0, jax.lax.add, window, window, border) / pool**2


def _points(maps: Float[Array, "*B h w C"], radius: int, scale: float) -> Float[Array, "*B i j D C"]:
    """All windows as points about their mean, in the cosine basis of the window."""
    rows, columns = (size - radius + 1 for size in maps.shape[-3:-1])
    windows = jnp.stack(
        [
            jax.lax.slice_in_dim(jax.lax.slice_in_dim(maps, i, i + rows, axis=-3), j, j + columns, axis=-2)
            for i in range(radius)
            for j in range(radius)
        ],
        axis=-2,
    )
    basis = jnp.asarray(scale * _cosines(radius), maps.dtype)
    points = jnp.einsum("kd,...dc->...kc", basis, windows, precision="highest")
    return points - jnp.mean(points, axis=(-4, -3), keepdims=True)


def _cosines(radius: int) -> np.ndarray:
    """An orthonormal basis [r^2, r^2] of the functions on a window of r x r pixels, the constant one first."""
    order, place = np.arange(radius)[:, None], np.arange(radius)
    one = np.cos(np.pi * order * (2 * place + 1) / (2 * radius)) * math.sqrt(2.0 / radius)
    one[0] /= math.sqrt(2.0)
    return np.kron(one, one)


def _log_determinant(
    y: Float[Array, "*B i j D C"], p: Float[Array, "*B i j D C"], stabilizer: Float[Array, ""]
) -> Float[Array, "*B C"]:
    """log det(M + a I) of each class.

    M is the least of (y - A p)(y - A p)^T + a A A^T over all matrices A, summed over the windows; so it is made of
    squares, at the A that solves it.
    """
    identity = stabilizer * jnp.eye(y.shape[-2], dtype=y.dtype)
    factor = _cholesky(_products(p, p) + identity)
    solution = jax.scipy.linalg.cho_solve((factor, True), _products(p, y))  # A transposed
    left = y - jnp.einsum("...ckl,...ijkc->...ijlc", solution, p, precision="highest")
    taken = jnp.einsum("...kl,...km->...lm", solution, solution, precision="highest")
    diagonal = jnp.diagonal(
        _cholesky(_products(left, left) + stabilizer * taken + identity), axis1=-2, axis2=-1
    )
    return 2.0 * jnp.sum(jnp.log(diagonal), axis=-1)


def _products(
    left: Float[Array, "*B i j D C"], right: Float[Array, "*B i j D C"]
) -> Float[Array, "*B C D D"]:
    return jnp.einsum("...ijkc,...ijlc->...ckl", left, right, precision="highest")


def _cholesky(matrix: Float[Array, "*B D D"]) -> Float[Array, "*B D D"]:
    """The lower factor of a covariance whose diagonal is raised by its rounding, a few units in the last place."""
    dimensions = matrix.shape[-1]
    rounding = dimensions * jnp.finfo(matrix.dtype).eps * jnp.eye(dimensions, dtype=matrix.dtype)
    return jnp.linalg.cholesky(matrix * (1.0 + rounding), symmetrize_input=False)


@pytree
@dataclasses.dataclass(frozen=True)
class RegionMutualInformation(Loss):
    """`region_mutual_information` with stabilizer and floor as leaves; the other fields are static."""

    takes: ClassVar[Literal["labels"]] = "labels"
    stabilizer: Scalar = 5e-4
    floor: Scalar = 1e-6
    radius: int = dataclasses.field(default=3, metadata={"static": True})
    pool: int = dataclasses.field(default=4, metadata={"static": True})
    pooling: str = dataclasses.field(default="average", metadata={"static": True})
    covariance: str = dataclasses.field(default="sum", metadata={"static": True})

    def __call__(
        self,
        logits: Shaped[ArrayLike, "..."],
        labels: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `region_mutual_information`, one an image."""
        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return region_mutual_information(logits, labels, where=where, **given)

    def average(
        self,
        logits: Shaped[ArrayLike, "..."],
        truth: Shaped[ArrayLike, "..."] | None = None,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, ""]:
        """The mean over the images that have a pixel that counts."""
        if truth is None:
            raise ValueError("truth: None given; RegionMutualInformation takes (logits, labels)")
        values = self(logits, truth, where=where)
        valid = valid_pixels(truth, jnp.shape(logits)[-1], where)
        return mean(values, jnp.any(valid, axis=(-2, -1)))
