"""Maximum squares (Chen, Xue, Cai, ICCV 2019): sharpen predictions without labels, easy pixels not leading.

    L = -1/(2N) sum_n sum_c (p^{n,c})^2                                             maximum squares
    L = -sum_n sum_c (p^{n,c})^2 / (2 (N^c)^alpha N^(1 - alpha))                    image-wise weighted, Eq. 13

N pixels of an image, N^c those whose largest probability is that of class c. Under the entropy a pixel's slope
|log p - log(1 - p)| grows without end as p goes to 1; here it is |4p - 2| (two classes), linear.
"""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg.losses._pixels import (
    Labels,
    Logits,
    Loss,
    Scalar,
    Statistics,
    Targets,
    Where,
    as_float,
    as_mask,
    as_scalar,
    check_choice,
    class_count,
    is_true_class,
    keep,
    log_softmax_of,
    mean,
    reduce_together,
    shift_and_log_total,
    tangents_of,
)
from jaxseg.losses._pytree import pytree

VARIANTS = ("paper", "released")


def maximum_squares(logits: Logits, *, variant: str = "paper", where: Where = None) -> Float[Array, "*B"]:
    """Maximum squares loss of each pixel.

        paper:     MS = -1/2 sum_c p_c^2,       p = softmax(x)
        released:  MS = -1/(2C) sum_c p_c^2

    The default is the paper's form, whose mean over pixels is its L; its logit gradient is -p_k (p_k - sum_c p_c^2).
    The released code averages over pixels *and* classes, which divides by C: its weight of 0.1 with 19 classes is a
    weight of 0.1 / 19 on the paper's form.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      variant: "paper" or "released".
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] from -1/2 (certain) to -1/(2C) (uniform), or those over C; exactly 0 (and with exactly 0 gradient) at void
      pixels.

    Raises:
      ValueError: no class axis, an unknown variant, `where` that is not bool or does not fit.

    >>> maximum_squares(jnp.array([[0.0, 0.0], [50.0, 0.0]]))
    Array([-0.25, -0.5 ], dtype=float32)
    >>> maximum_squares(jnp.array([[0.0, 0.0], [50.0, 0.0]]), variant="released")
    Array([-0.125, -0.25 ], dtype=float32)
    """
    classes = class_count(logits)
    check_choice("variant", variant, VARIANTS)
    x = as_float(logits)
    valid = None if where is None else as_mask(where, x.shape[:-1])
    factor = -0.5 if variant == "paper" else -0.5 / classes
    return factor * _square_statistics(x, None, valid)[-1]


def image_wise_weights(
    logits: Logits,
    *,
    alpha: Scalar = 0.2,
    variant: str = "paper",
    where: Where = None,
) -> Float[Array, "*B H W C"]:
    """Weights that balance the classes within an image by the areas they are predicted to have.

        paper:     w^{n,c} = 1 / (max(N^c, 1)^alpha N^(1 - alpha))        one a class, the same at every pixel
        released:  w^{n,c} = 1 / max((N^k)^alpha N^(1 - alpha), 1),       one a pixel, the same for every class,
                   k = argmax_c x^{n,c}

    Eq. 13 indexes the weight by the class of each summand; the released code looks it up by the class the pixel is
    predicted to be. The paper is the default: the gradients differ for rare classes. Eq. 13 is infinite for a class no
    pixel is predicted to be; to count it as one pixel is ours. At alpha 0 all weights are 1/N.

    Args:
      logits: [*B, H, W, C] scores x of whole images, any float type.
      alpha: share of the class's area in the weight, from 0 (none) to 1; the code uses 0.2 throughout.
      variant: "paper" or "released".
      where: [*B, H, W] bool, pixels that count, in N and N^c as well; None for all.

    Returns:
      [*B, H, W, C] without gradient to the logits (there is one to alpha); 0 at void pixels.

    Raises:
      ValueError: fewer than three axes, an unknown variant, alpha not a scalar or above 1, `where` that is not bool
        or does not fit.

    >>> logits = jnp.array([[[9.0, 0.0], [9.0, 0.0], [9.0, 0.0], [0.0, 9.0]]])
    >>> image_wise_weights(logits, alpha=1.0)[0, 0].round(3)
    Array([0.333, 1.   ], dtype=float32)
    >>> image_wise_weights(logits, alpha=1.0, variant="released")[0, :, 0].round(3)
    Array([0.333, 0.333, 0.333, 1.   ], dtype=float32)
    """
    x, valid = _images(logits, where)
    weights = _broadcastable_weights(x, alpha, variant, valid)
    return jnp.where(valid[..., None], jnp.broadcast_to(weights, x.shape), 0.0)


def maximum_squares_image_wise(
    logits: Logits,
    *,
    alpha: Scalar = 0.2,
    variant: str = "paper",
    where: Where = None,
) -> Float[Array, "*B"]:
    """Maximum squares with image-wise weights: one value an image.

        paper:     L = -1/2 sum_n sum_c w^{n,c} (p^{n,c})^2               Eq. 13
        released:  L = -1/C sum_n sum_c w^{n,c} (p^{n,c})^2

    with w of `image_wise_weights`, through which no gradient flows to the logits. The weights hold the 1/N, hence sums
    over pixels. The released code has no 1/2 and divides by C (and by the number of images, as `losses.mean` does): at
    alpha 0 its loss is twice the mean of its `maximum_squares`, while the paper's is the mean of the paper's.

    Args:
      logits: [*B, H, W, C] scores x of whole images, any float type; computed in float32 (float64 stays).
      alpha: share of the class's area in the weight, from 0 (none) to 1; the code uses 0.2 throughout.
      variant: "paper" or "released": both the weights and the factor.
      where: [*B, H, W] bool, pixels that count, in N and N^c as well; None for all.

    Returns:
      [*B]; void pixels add exactly 0 and have exactly 0 gradient.

    Raises:
      ValueError: fewer than three axes, an unknown variant, alpha not a scalar or above 1, `where` that is not bool
        or does not fit.

    >>> logits = jnp.zeros([2, 4, 4, 4])
    >>> maximum_squares_image_wise(logits, alpha=0.0)
    Array([-0.125, -0.125], dtype=float32)
    >>> maximum_squares_image_wise(logits, alpha=0.0, variant="released")
    Array([-0.0625, -0.0625], dtype=float32)
    """
    x, valid = _images(logits, where)
    weights = _broadcastable_weights(x, alpha, variant, valid)
    void = None if where is None else valid
    if variant == "paper":
        squares = _square_statistics(x, weights, void)[-1]
        return -0.5 * jnp.sum(squares, axis=(-2, -1))
    squares = keep(weights[..., 0], void) * _square_statistics(x, None, void)[-1]
    return -jnp.sum(squares, axis=(-2, -1)) / x.shape[-1]


def _images(logits: Logits, where: Where) -> tuple[Array, Array]:
    class_count(logits)
    if jnp.ndim(logits) < 3:
        raise ValueError(f"logits: shape {jnp.shape(logits)} given; images [..., H, W, C] are accepted")
    x = as_float(logits)
    return x, as_mask(where, x.shape[:-1])


def _broadcastable_weights(
    x: Float[Array, "*B H W C"], alpha: Scalar, variant: str, valid: Bool[Array, "*B H W"]
) -> Float[Array, "..."]:
    """The weights as [*B, 1, 1, C] ("paper") or [*B, H, W, 1] ("released")."""
    check_choice("variant", variant, VARIANTS)
    alpha = as_scalar("alpha", alpha, x, most=1.0)
    classes = x.shape[-1]
    predicted = jnp.argmax(jax.lax.stop_gradient(x), axis=-1)
    here = is_true_class(predicted, classes)
    pixel = jnp.broadcast_to(valid[..., None], here.shape)
    # Compared and added in integers, rows first: faster than a scatter, and of a sharded image only counts travel.
    terms = (here & pixel).astype(jnp.int32), pixel.astype(jnp.int32)
    counts = (jnp.sum(rows, axis=-2) for rows in reduce_together(jax.lax.add, 0.0, (-2,), *terms))
    # At least 1: an absent class has no logarithm, which the derivative with respect to alpha takes.
    area, pixels = (jnp.maximum(count, 1).astype(x.dtype) for count in counts)
    scale = (area**alpha * pixels ** (1.0 - alpha))[..., None, None, :]
    if variant == "paper":
        return 1.0 / scale
    return jnp.sum(jnp.where(here, 1.0 / jnp.maximum(scale, 1.0), 0.0), axis=-1, keepdims=True)


@jax.custom_jvp
def _square_statistics(
    x: Float[Array, "*B C"], weights: Float[Array, "*#B C"] | None, valid: Bool[Array, "*B"] | None
) -> Statistics:
    top = jnp.max(x, axis=-1)
    mass = jnp.exp(x - top[..., None])
    squares = mass * mass if weights is None else mass * mass * weights
    total, square = reduce_together(jax.lax.add, 0.0, (-1,), mass, squares)
    return *shift_and_log_total(top, jnp.log(total), valid), keep(square / (total * total), valid)


@_square_statistics.defjvp
def _square_statistics_jvp(primals: tuple, tangents: tuple) -> tuple[Statistics, Statistics]:
    (x, weights, valid), (dx, dw, _) = primals, tangents
    statistics = _square_statistics(x, weights, valid)
    p = jnp.exp(log_softmax_of(x, statistics))
    weighted = p if weights is None else p * weights
    change = jnp.sum(2.0 * p * (weighted - statistics[-1][..., None]) * dx, axis=-1)
    if weights is not None:
        change = change + jnp.sum(p * p * dw, axis=-1)
    return statistics, tangents_of(p, dx, valid, change)


@pytree
@dataclasses.dataclass(frozen=True)
class MaximumSquares(Loss):
    """`maximum_squares` as an object; `variant` is static."""

    takes: ClassVar[Literal["logits"]] = "logits"
    variant: str = dataclasses.field(default="paper", metadata={"static": True})

    def __call__(self, logits: Logits, *, where: Where = None) -> Float[Array, "*B"]:
        """[*B] values of `maximum_squares`."""
        return maximum_squares(logits, variant=self.variant, where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class MaximumSquaresImageWise(Loss):
    """`maximum_squares_image_wise` with alpha as a leaf; `variant` is static."""

    takes: ClassVar[Literal["logits"]] = "logits"
    alpha: Scalar = 0.2
    variant: str = dataclasses.field(default="paper", metadata={"static": True})

    def __call__(self, logits: Logits, *, where: Where = None) -> Float[Array, "*B"]:
        """[*B] values of `maximum_squares_image_wise`, one an image."""
        return maximum_squares_image_wise(logits, alpha=self.alpha, variant=self.variant, where=where)

    def average(
        self,
        logits: Logits,
        truth: Labels | Targets | None = None,
        *,
        where: Where = None,
    ) -> Float[Array, ""]:
        """The mean over the images that have a pixel that counts; `truth` is ignored."""
        _, valid = _images(logits, where)
        return mean(self(logits, where=where), jnp.any(valid, axis=(-2, -1)))
