"""SSIM as a loss (Wang et al. 2004; the baselines of Zhao et al. 2019): 1 minus the structural similarity index."""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Shaped

from jaxseg.losses._moments import BORDERS, bound_of_size, check_images, smooth, window_total, window_weights
from jaxseg.losses._pixels import (
    Loss,
    Scalar,
    as_float,
    as_ids,
    as_scalar,
    check_choice,
    check_labels,
    mean,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree


def ssim(
    logits: Shaped[ArrayLike, "..."],
    labels: Shaped[ArrayLike, "..."],
    *,
    size: Scalar = 3,
    sigma: Scalar = 1.5,
    c1: Scalar = 1e-4,
    c2: Scalar = 9e-4,
    mean_subtracted: bool = False,
    border: str = "zero",
    largest: int | None = None,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B H W C"]:
    """1 - SSIM of the probability map and the one-hot label, at each pixel and class.

        S1 = (2 mu_y mu_p + C1) / (mu_y^2 + mu_p^2 + C1),    S2 = (2 cov_yp + C2) / (var_y + var_p + C2)
        L = 1 - S1 S2                                                     Eq. 7
        L = 1 - S2 = (var_y + var_p - 2 cov_yp) / (var_y + var_p + C2)    Eq. 9, `mean_subtracted`

    with p = sigmoid(x) and Gaussian-weighted local moments. Zhao et al. give neither window nor constants for these
    baselines: the window is their own loss's, C1 = 0.01^2 and C2 = 0.03^2 are those of Wang et al. for a range of 1.

    Args:
      logits: [*B, H, W, C] scores x of images, any float type; computed in float32 (float64 stays).
      labels: [*B, H, W] class ids; ids outside 0..C-1 are void, 0 in both maps.
      size: side of the window in pixels, odd (the paper tries 3 and 11); it may be traced if `largest` is given. Size 1
        has no variance: there Eq. 9 is 0.
      sigma: standard deviation of the window in pixels.
      c1, c2: the constants C1 and C2, positive.
      mean_subtracted: Eq. 9 instead of Eq. 7.
      border: what a window holds beyond the image; see `local_moments`.
      largest: static odd bound of a traced `size`.
      where: [*B, H, W] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B, H, W, C] in 0..2; exactly 0 at void pixels, whose logits have exactly 0 gradient.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `size` even or above `largest` or traced without
        it, `sigma`, `c1` or `c2` not above 0, an unknown `border`, `where` that is not bool.

    >>> logits = jnp.array([[[9.0, -9.0], [-9.0, 9.0], [-9.0, 9.0]]])
    >>> values = ssim(logits, jnp.array([[1, 0, 255]]))                  # wrong, wrong, void
    >>> values[0, 0].round(3), values[0, 2]
    (Array([1.144, 1.144], dtype=float32), Array([0., 0.], dtype=float32))
    >>> bool(jnp.all(abs(ssim(logits, jnp.array([[0, 1, 1]]))) < 1e-3))  # all right
    True
    """
    check_images("logits", logits)
    check_labels(labels, jnp.shape(logits)[:-1])
    check_choice("border", border, BORDERS)
    x = as_float(logits)
    classes = x.shape[-1]
    valid = valid_pixels(labels, classes, where)
    weights = window_weights(size, sigma, largest, x.dtype)
    c1, c2 = as_scalar("c1", c1, x, above=0.0), as_scalar("c2", c2, x, above=0.0)
    ids = jnp.where(valid, as_ids(labels), -1)

    total = window_total(ids.shape, weights, border, valid)

    # Class by class, on maps [*B, H, W] that stay in the cache, each made again in the backward pass: the moments of
    # all classes together would be many arrays of the size of the logits.
    @jax.checkpoint
    def of_class(_: None, each: tuple[Array, Array]) -> tuple[None, Array]:
        name, score = each
        p = jnp.where(valid, jax.nn.sigmoid(score), 0.0)
        y = (ids == name).astype(p.dtype)
        means = [smooth(each, weights, border, total, rows=-2) for each in (p, p * p, y, (p - y) ** 2)]
        return None, jnp.where(valid, _unlikeness(means, c1, c2, mean_subtracted), 0.0)

    scores = jnp.moveaxis(jnp.where(valid[..., None], x, 0.0), -1, 0)
    _, values = jax.lax.scan(of_class, None, (jnp.arange(classes, dtype=ids.dtype), scores))
    return jnp.moveaxis(values, 0, -1)


def _unlikeness(
    means: list[Float[Array, "*B H W"]], c1: Array, c2: Array, mean_subtracted: bool
) -> Float[Array, "*B H W"]:
    p, p_square, y, square = means
    # var_y + var_p - 2 cov as the variance of the difference, which keeps its digits where the fit is good; and y is 0
    # or 1, its own square.
    apart = (p - y) ** 2
    second = (square - apart) / ((p_square - p * p) + (y - y * y) + c2)
    if mean_subtracted:
        return second
    first = apart / (p * p + y * y + c1)
    # 1 - S1 S2 from 1 - S1 and 1 - S2.
    return first + second - first * second


@pytree
@dataclasses.dataclass(frozen=True)
class SSIM(Loss):
    """`ssim` with size, sigma, C1 and C2 as leaves; the other fields are static.

    `largest` is as in `StructuralSimilarity`.
    """

    takes: ClassVar[Literal["labels"]] = "labels"
    size: Scalar = 3.0
    sigma: Scalar = 1.5
    c1: Scalar = 1e-4
    c2: Scalar = 9e-4
    mean_subtracted: bool = dataclasses.field(default=False, metadata={"static": True})
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
    ) -> Float[Array, "*B H W C"]:
        """[*B, H, W, C] values of `ssim`."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return ssim(logits, labels, where=where, **given)

    def average(
        self,
        logits: Shaped[ArrayLike, "..."],
        truth: Shaped[ArrayLike, "..."] | None = None,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, ""]:
        """The mean over the valid pixels and all classes."""
        if truth is None:
            raise ValueError("truth: None given; SSIM takes (logits, labels)")
        valid = valid_pixels(truth, jnp.shape(logits)[-1], where)
        return mean(self(logits, truth, where=where), valid[..., None])
