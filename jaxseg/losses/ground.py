"""Ground metrics of the Wasserstein losses: what it costs to take one class for another.

A metric is a matrix D [C, C]: **row = predicted class, column = true class**, as in Eq. 1 and 2 of Liu et al., AAAI
2020 (`losses.wasserstein`). It need not be symmetric. `groups` and `importance` make matrices of distances;
`linear`, `power`, `huber` and `step` are the functions of a distance, entry by entry, that the paper compares.

The paper's Figure 2 shows two such matrices, one for the severity of errors and one for the importance of classes. Its
numbers are not known to us: every number here is ours.

>>> from jaxseg.losses import ground
>>> sky, car, bus = 1, 4, 4
>>> ground.power(ground.groups((sky, car, bus)))
Array([[ 0., 16., 16.],
       [16.,  0.,  1.],
       [16.,  1.,  0.]], dtype=float32)
"""

from collections.abc import Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Shaped

from jaxseg.losses._pixels import Scalar, as_float, as_scalar, check_shape

# None, where a label space leaves a class out of all groups, is refused in words.
Groups: TypeAlias = Sequence[int | None] | np.ndarray

__all__ = ["groups", "huber", "importance", "linear", "power", "step"]


def groups(
    g: Groups,
    within: Shaped[ArrayLike, "..."] = 1.0,
    *,
    across: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "C C"]:
    """Distances from the groups of the classes: little within a group, more across.

        D_ij = 0 where i = j,    within where g_i = g_j,    within + |g_i - g_j| elsewhere

    With `within` and `across` of one value a group, any matrix of the groups: `importance` of the groups, for one, is
    `within = w` and `across` with w in every row. Ours: the paper asks that errors within a group cost less.

    Args:
      g: [C] group of each class, as in `LabelSpace.groups`.
      within: distance of two classes of one group: a number, or [G] one for each group, lowest first.
      across: [G, G] distance of two groups, row = of the predicted class, column = of the true class; with None, from
        the difference of their numbers, to which the true class's `within` is added.

    Returns:
      [C, C] row = predicted class, column = true class.

    Raises:
      ValueError: groups that are not one integer a class, shapes that do not fit, `within` below 0.

    >>> groups((1, 2, 2, 4))
    Array([[0., 2., 2., 4.],
           [2., 0., 1., 3.],
           [2., 1., 0., 3.],
           [4., 3., 3., 0.]], dtype=float32)
    >>> groups((1, 2, 2), jnp.array([1.0, 5.0]), across=jnp.array([[0.0, 5.0], [1.0, 0.0]]))
    Array([[0., 5., 5.],
           [1., 0., 5.],
           [1., 5., 0.]], dtype=float32)
    >>> groups(range(3), within=0.0)
    Array([[0., 1., 2.],
           [1., 0., 1.],
           [2., 1., 0.]], dtype=float32)
    """
    numbers, rank = rank_groups(g)
    size = int(rank.max()) + 1
    inside = as_float(within)
    if not isinstance(within, jax.core.Tracer) and bool((np.asarray(within) < 0).any()):
        raise ValueError(f"within: {np.asarray(within).tolist()} given; numbers of at least 0 are accepted")
    if inside.ndim:
        check_shape("within", within, (size,))
        inside = inside[rank]
    if across is None:
        outside = jnp.asarray(np.abs(numbers[:, None] - numbers)).astype(inside.dtype) + inside
    else:
        check_shape("across", across, (size, size))
        outside = jnp.asarray(across).astype(inside.dtype)[rank[:, None], rank]
    same = rank[:, None] == rank
    return _no_cost_of_truth(jnp.where(same, inside, outside))


def rank_groups(g: Groups) -> tuple[np.ndarray, np.ndarray]:
    """The groups as an array, and the place of each class's group among them, from 0; `ValueError` unless integers."""
    numbers = np.asarray(g)
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
        raise ValueError(f"groups: {numbers.tolist()} given; one integer for each class is accepted")
    numbers = numbers.astype(np.int64)  # whose differences have a sign
    return numbers, np.unique(numbers, return_inverse=True)[1]


def importance(w: Shaped[ArrayLike, "..."] | Sequence[int | float]) -> Float[Array, "C C"]:
    """Distances that depend on the true class alone: how bad it is to miss it, whatever is seen in its place.

        D_ij = 0 where i = j,    w_j elsewhere

    The Wasserstein loss is then w_y (1 - s_y): IAL's structure (see `importance_aware`), not its logarithm.

    Args:
      w: [C] importance of each class; the group numbers will do.

    Returns:
      [C, C] row = predicted class, column = true class.

    Raises:
      ValueError: `w` is not one number a class.

    >>> importance(jnp.array([1.0, 4.0, 2.0]))
    Array([[0., 4., 2.],
           [1., 0., 2.],
           [1., 4., 0.]], dtype=float32)
    """
    weights = as_float(jnp.asarray(w))
    if weights.ndim != 1 or not weights.size:
        raise ValueError(f"w: shape {weights.shape} given; one number for each class is accepted")
    return _no_cost_of_truth(jnp.broadcast_to(weights, (weights.size, weights.size)))


def _no_cost_of_truth(distances: Float[Array, "C C"]) -> Float[Array, "C C"]:
    return jnp.where(np.eye(distances.shape[0], dtype=bool), 0.0, distances)


def linear(d: Shaped[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """The distance itself, f(d) = d.

    >>> linear(jnp.array([0, 1, 2]))
    Array([0., 1., 2.], dtype=float32)
    """
    return as_float(d)


def power(d: Shaped[ArrayLike, "*shape"], p: Scalar = 2.0) -> Float[Array, "*shape"]:
    """A power of the distance, f(d) = d^p, Eq. 3; the paper's tables have p = 2.

    For no p is the loss the Cramér distance, which the paper says it is for 2.

    Args:
      d: distances, at least 0.
      p: exponent, above 0; differentiable.

    Returns:
      float array of the shape of `d`.

    Raises:
      ValueError: `p` is not a scalar, or not above 0.

    >>> power(jnp.array([0.0, 1.0, 3.0]))
    Array([0., 1., 9.], dtype=float32)
    """
    distances = as_float(d)
    apart = distances != 0.0
    exponent = as_scalar("p", p, distances, above=0.0)
    return jnp.where(apart, jnp.where(apart, distances, 1.0) ** exponent, 0.0)


def huber(d: Shaped[ArrayLike, "*shape"], tau: Scalar) -> Float[Array, "*shape"]:
    """Square of small distances, linear in large ones, Eq. 4.

        f(d) = d^2 where d <= tau,    tau (2d - tau) elsewhere

    The 2 is the only choice that makes f continuous; the print is not legible there.

    Args:
      d: distances, at least 0.
      tau: where the square ends, above 0; the paper does not say which it used. Differentiable.

    Returns:
      float array of the shape of `d`.

    Raises:
      ValueError: `tau` is not a scalar, or not above 0.

    >>> huber(jnp.array([0.0, 0.5, 1.0, 2.0, 3.0]), tau=1.0)
    Array([0.  , 0.25, 1.  , 3.  , 5.  ], dtype=float32)
    """
    distances = as_float(d)
    end = as_scalar("tau", tau, distances, above=0.0)
    return jnp.where(distances <= end, distances * distances, end * (2.0 * distances - end))


def step(d: Shaped[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """1 for every error, f(d) = [d != 0]: the Wasserstein distance is then `losses.total_variation`.

    >>> step(jnp.array([0.0, 0.5, 3.0]))
    Array([0., 1., 1.], dtype=float32)
    """
    distances = as_float(d)
    return (distances != 0.0).astype(distances.dtype)
