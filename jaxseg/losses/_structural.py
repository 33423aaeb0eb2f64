"""Structural similarity loss (Zhao, Wang, Yang, Cai 2019, "Correlation Maximized Structural Similarity Loss").

The normalised error e of every pixel and class says how badly the prediction follows the local *shape* of the label.
It selects the pixels to learn from and weighs their cross entropy; it is a constant to the optimiser. (The paper's
L_all mixes in the cross entropy of all pixels: 0.5 `SigmoidCrossEntropy` + 0.5 `StructuralSimilarity`.)
"""

import dataclasses
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Shaped

from jaxseg.losses._binary import binary_cross_entropy, class_sums
from jaxseg.losses._moments import (
    BORDERS,
    bound_of_size,
    check_images,
    window_total,
    window_weights,
    windows,
)
from jaxseg.losses._pixels import (
    Loss,
    Scalar,
    as_float,
    as_ids,
    as_scalar,
    check_choice,
    check_labels,
    is_true_class,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree

STABILIZERS = "variance", "deviation"


def structural_similarity(
    logits: Shaped[ArrayLike, "..."],
    labels: Shaped[ArrayLike, "..."],
    *,
    size: Scalar = 3,
    sigma: Scalar = 1.5,
    beta: Scalar = 0.1,
    c4: Scalar = 0.01,
    reweight: bool = True,
    mine: bool = True,
    stabilizer: str = "variance",
    border: str = "zero",
    largest: int | None = None,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> tuple[Float[Array, "*B H W C"], Bool[Array, "*B H W C"]]:
    """Structural similarity loss of each pixel and class, and which of them are hard.

        f = 1[e > beta e_max]                                             Eq. 11
        l = e f BCE(y, p),    p = sigmoid(x), y the one-hot label         Eq. 12
        L_ssl = 1/M sum l,    M = sum f                                   Eq. 13: `mean(values, hard)`

    with e of `structural_error` and e_max of `largest_structural_error`. Neither e nor f carries a gradient, to the
    logits or to a hyper-parameter: the logit gradient is e f (p - y). Where nothing is hard, M = 0, the mean is 0.

    A window of size 1 is degenerate: every map equals its local mean, e and e_max are 0, nothing is hard and the loss
    is 0. So it is computed here; the paper's Table 2 lists a "size 1" without saying how it was defined.

    No official code exists. What the paper does not say is a parameter: `border` (the default is its "convolutional
    manner") and void pixels, which are 0 in both maps, cost nothing and do not count in M.

    Args:
      logits: [*B, H, W, C] scores x of images, any float type; computed in float32 (float64 stays).
      labels: [*B, H, W] class ids; ids outside 0..C-1 are void.
      size: side of the window in pixels, odd; it may be traced if `largest` is given.
      sigma: standard deviation of the window in pixels.
      beta: share of the largest possible error above which a pixel is hard, in 0..1.
      c4: the constant C4 that keeps e finite in flat regions.
      reweight: weigh by e; False for the paper's "OHEM only", l = f BCE.
      mine: keep only hard pixels; False for its "reweight only", f = 1 at all valid pixels.
      stabilizer: "variance" (C4 under the root, Eq. 16) or "deviation" (C4 outside it, Eq. 10); `structural_error`
        says why the former is the default.
      border: what a window holds beyond the image; see `local_moments`.
      largest: static odd bound of a traced `size`.
      where: [*B, H, W] bool, pixels that count; with None, those whose label is known.

    Returns:
      values [*B, H, W, C] in nats, exactly 0 (and with exactly 0 gradient) at void pixels and where nothing is hard;
      hard [*B, H, W, C] bool, the f to average them with.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, an unknown `stabilizer` or `border`, `size` even
        or above `largest` or traced without it, `sigma` or `c4` not above 0, `where` that is not bool.

    >>> logits = jnp.zeros([3, 3, 2]).at[..., 1].set(4.0)
    >>> values, hard = structural_similarity(logits, jnp.ones([3, 3], int).at[1, 1].set(0))
    >>> values[1, 1].round(2), hard[1, 1]
    (Array([1.55, 9.58], dtype=float32), Array([ True,  True], dtype=bool))
    >>> jnp.sum(values) / jnp.sum(hard, dtype=jnp.float32)
    Array(1.737..., dtype=float32)
    """
    x = as_float(logits)
    window = _Window(size, sigma, c4, stabilizer, border, largest)
    weight, hard = _weights_of(window, beta, reweight, mine, logits, labels, where)
    cost = binary_cross_entropy(jnp.where(hard, x, 0.0), as_ids(labels))
    return weight * cost, hard


def structural_error(
    logits: Shaped[ArrayLike, "..."],
    labels: Shaped[ArrayLike, "..."],
    *,
    size: Scalar = 3,
    sigma: Scalar = 1.5,
    c4: Scalar = 0.01,
    stabilizer: str = "variance",
    border: str = "zero",
    largest: int | None = None,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B H W C"]:
    """The error e of `structural_similarity`: how far label and prediction differ once both are normalised locally.

        e = |y_nor - p_nor|
        variance:   z_nor = (z - mu_z + C4) / sqrt(var_z + C4)            Eq. 16
        deviation:  z_nor = (z - mu_z + C4) / (sqrt(var_z) + C4)          Eq. 10

    with the mean and variance of `local_moments`, for z = y and z = p. Eq. 10 introduces e; Eq. 16, written for the
    binary y, is what the paper derives e_max from, and only under it is its remark true that y_nor falls as mu grows.
    They differ much in flat regions: Eq. 10 calls a uniform, nearly right neighbourhood hard. Hence Eq. 16 is the
    default.

    Args:
      logits, labels, size, sigma, c4, stabilizer, border, largest, where: as in `structural_similarity`.

    Returns:
      [*B, H, W, C], 0 or more, without any gradient; exactly 0 at void pixels.

    Raises:
      ValueError: as `structural_similarity`.

    >>> p = jnp.array([[0.1, 0.1, 0.1], [0.8, 0.8, 0.9], [0.8, 0.9, 0.8]])         # the paper's Figure 2
    >>> logits = jnp.log(jnp.stack([1 - p, p], axis=-1) / jnp.stack([p, 1 - p], axis=-1))
    >>> structural_error(logits, jnp.array([[0, 0, 0], [1, 0, 1], [1, 1, 1]]))[1, 1, 1].round(5)
    Array(1.61971, dtype=float32)
    """
    window = _Window(size, sigma, c4, stabilizer, border, largest)
    apart, spread, valid = _apart(window, logits, labels, where)
    return jnp.where(valid[..., None], apart / spread, 0.0)


class _Window(NamedTuple):
    """What e depends on, beside the maps."""

    size: Scalar
    sigma: Scalar
    c4: Scalar
    stabilizer: str
    border: str
    largest: int | None


def _apart(
    window: _Window, logits: Any, labels: Any, where: Any
) -> tuple[Float[Array, "*B H W C"], Float[Array, "*B H W C"], Bool[Array, "*B H W"]]:
    """e as a quotient: its numerator, its denominator (positive), and the pixels that count.

    In one division, put last, XLA on CPU makes e in a single loop; as a difference of two it stores both.
    """
    size, sigma, c4, stabilizer, border, largest = window
    check_images("logits", logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    check_choice("stabilizer", stabilizer, STABILIZERS)
    check_choice("border", border, BORDERS)
    x = jax.lax.stop_gradient(as_float(logits))
    c4 = jax.lax.stop_gradient(as_scalar("c4", c4, x, above=0.0))
    weights = jax.lax.stop_gradient(window_weights(size, sigma, largest, x.dtype))
    valid = valid_pixels(labels, x.shape[-1], where)
    total = window_total(valid.shape, weights, border, valid)
    total = None if total is None else total[..., None]
    p = jnp.where(valid[..., None], jax.nn.sigmoid(x), 0.0)
    ids = jnp.where(valid, as_ids(labels), -1)
    y = is_true_class(ids, x.shape[-1]).astype(x.dtype)
    p_mean, p_square = windows(p, weights, border, total, lambda part: (part, part * part))
    # The label is 0 or 1, its own square; so its variance needs no window of its own.
    (y_mean,) = windows(
        ids, weights, border, total, lambda part: (is_true_class(part, x.shape[-1]).astype(x.dtype),), void=-1
    )
    y_spread = _spread(jnp.maximum(y_mean - y_mean * y_mean, 0.0), c4, stabilizer)
    p_spread = _spread(jnp.maximum(p_square - p_mean * p_mean, 0.0), c4, stabilizer)
    apart = jnp.abs((y - y_mean + c4) * p_spread - (p - p_mean + c4) * y_spread)
    # A window of its centre alone: nothing is compared, and the rounding of 0 is not to be.
    apart = jnp.where(weights[weights.size // 2] == 1.0, 0.0, apart)
    return apart, y_spread * p_spread, valid


def _weights_of(
    window: _Window, beta: Scalar, reweight: bool, mine: bool, logits: Any, labels: Any, where: Any
) -> tuple[Float[Array, "*B H W C"], Bool[Array, "*B H W C"]]:
    """What multiplies the cross entropy, 0 where it does not count; and where it counts, f."""
    apart, spread, valid = _apart(window, logits, labels, where)
    hard = jnp.broadcast_to(valid[..., None], apart.shape)
    if mine:
        weights = window_weights(window.size, window.sigma, window.largest, apart.dtype)
        largest = _largest_error(weights, as_scalar("c4", window.c4, apart, above=0.0), window.stabilizer)
        bound = as_scalar("beta", beta, apart) * largest
        # Not `>`: an error of NaN is to be seen, not to count as easy.
        hard &= ~(apart <= jax.lax.stop_gradient(bound) * spread)
    return (jnp.where(hard, apart, 0.0) / spread if reweight else hard.astype(apart.dtype)), hard


def largest_structural_error(
    size: Scalar,
    sigma: Scalar,
    *,
    c4: Scalar = 0.01,
    stabilizer: str = "variance",
    largest: int | None = None,
) -> Float[Array, ""]:
    """e_max, the largest error that two binary maps can have under a window.

        e_max = y_max - y_min,    y_max with 1 at the centre of the window and 0 around it, y_min the opposite

    With w the weight of the centre both maps have the variance w - w^2, and e_max = 2 (1 - w) / sqrt(w - w^2 + C4), or
    C4 outside the root under Eq. 10. Computed for every size and sigma; 0 at size 1.

    Args:
      size, sigma, c4, stabilizer, largest: as in `structural_similarity`.

    Returns:
      Scalar.

    Raises:
      ValueError: as `structural_similarity`.

    >>> largest_structural_error(3, 1.5), largest_structural_error(3, 1.5, stabilizer="deviation")
    (Array(4.6231..., dtype=float32), Array(4.6715..., dtype=float32))
    """
    check_choice("stabilizer", stabilizer, STABILIZERS)
    weights = window_weights(size, sigma, largest, as_float(sigma).dtype)
    return _largest_error(weights, as_scalar("c4", c4, weights, above=0.0), stabilizer)


def _largest_error(weights: Float[Array, " taps"], c4: Float[Array, ""], stabilizer: str) -> Float[Array, ""]:
    centre = weights[weights.size // 2] ** 2
    variance = jnp.maximum(centre - centre * centre, 0.0)
    return 2.0 * (1.0 - centre) / _spread(variance, c4, stabilizer)


def _spread(variance: Float[Array, "..."], c4: Float[Array, ""], stabilizer: str) -> Float[Array, "..."]:
    return jnp.sqrt(variance + c4) if stabilizer == "variance" else jnp.sqrt(variance) + c4


@pytree
@dataclasses.dataclass(frozen=True)
class StructuralSimilarity(Loss):
    """`structural_similarity` with size, sigma, beta and C4 as leaves; the other fields are static.

    `largest`, the static size of the window's array, is at least `size` as long as that is a plain number; give it to
    sweep `size` in one compilation: `StructuralSimilarity(size=3, largest=11)`.
    """

    takes: ClassVar[Literal["labels"]] = "labels"
    size: Scalar = 3.0
    sigma: Scalar = 1.5
    beta: Scalar = 0.1
    c4: Scalar = 0.01
    reweight: bool = dataclasses.field(default=True, metadata={"static": True})
    mine: bool = dataclasses.field(default=True, metadata={"static": True})
    stabilizer: str = dataclasses.field(default="variance", metadata={"static": True})
    border: str = dataclasses.field(default="zero", metadata={"static": True})
    largest: int | None = dataclasses.field(default=None, metadata={"static": True})

    def __post_init__(self) -> None:
        object.__setattr__(self, "largest", bound_of_size(self.size, self.largest))

    def __call__(
        self,
        logits: Shaped[ArrayLike, "..."],
        labels: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> tuple[Float[Array, "*B H W C"], Bool[Array, "*B H W C"]]:
        """(values, hard), [*B, H, W, C] each, of `structural_similarity`."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return structural_similarity(logits, labels, where=where, **given)

    def average(
        self,
        logits: Shaped[ArrayLike, "..."],
        truth: Shaped[ArrayLike, "..."] | None = None,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, ""]:
        """Eq. 13: the mean over the hard pixels and classes of all images."""
        if truth is None:
            raise ValueError("truth: None given; StructuralSimilarity takes (logits, labels)")
        window = _Window(*(getattr(self, name) for name in _Window._fields))
        weight, hard = _weights_of(window, self.beta, self.reweight, self.mine, logits, truth, where)
        # The same as `mean` of `self(...)`, but no value of a pixel and class is stored.
        chosen = weight != 0.0 if self.mine else hard
        cost, count = class_sums(as_float(logits), as_ids(truth), weight, chosen)
        return jnp.sum(cost) / jnp.maximum(jnp.sum(count), 1).astype(cost.dtype)
