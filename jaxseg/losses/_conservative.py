"""Conservative loss (Zhu, Zhou, Yang, Shi, Lin, ECCV 2018): strict with the unsure, easy on the sure.

    CL(p) = (1 + log_a p)^2 log_a(-log_a p)                        Eq. 2, weighted by lambda = 5, a = e in Eq. 3

with p the probability of the true class. It is positive below p = 1/a, where it has a triple zero, and negative
above. The paper says that a negative loss makes the network ascend its gradient; the sign of the *slope* says
otherwise. CL decreases from p = 0 to p = 1, so minimising it raises p everywhere: hardly near 1/a, and again strongly
near 1, where its logit gradient goes to -1/ln a and not to 0. The paper's other losses of the kind, Eq. 4 to 6,
decrease as well. What the text describes is `conservative_switched`, which is ours.

No code was released. The paper's CL(0.6) = -0.06 is a slip: the formula gives -0.161 (its values at 0.1, 0.5 and 0.9
are right), and the a it calls the intersection with the axis in Section 4.4 is 1/a, as in Section 3.3.
"""

import dataclasses
import math
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg.losses._margin import sides_of, true_class_log_odds
from jaxseg.losses._pixels import (
    Labels,
    Logits,
    Loss,
    Scalar,
    Where,
    as_scalar,
    check_choice,
    class_count,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree

# p = 1 - 2e-9: from here on -log p and its logarithm are two terms of their series to float64 precision.
_SURE = -20.0


def conservative(
    logits: Logits,
    labels: Labels,
    *,
    base: Scalar = math.e,
    scale: Scalar = 5.0,
    clamp: Scalar | None = None,
    clamp_on: str = "unscaled",
    where: Where = None,
) -> Float[Array, "*B"]:
    """Conservative loss of each pixel, Eq. 2 and 3.

        L = scale CL(p_y),    CL(p) = (1 + log_a p)^2 log_a(-log_a p),    p = softmax(x)

    Minimising it never ascends: CL falls from p = 0 to 1, flat at 1/a (see the module's text). As p goes to 1 its
    logit gradient goes to -scale / ln a and does not vanish, and the loss falls without end; both are exact here, since
    -log p and its logarithm come from the log-odds; in float32 these end, their derivative with them, at p = 1 - 1e-38.

    From scratch ("cold start") the paper clamps to [-10, 10] and does not say what: the loss before or after its scale.
    After, nothing starts: at a uniform prediction of 19 classes 5 CL is 20.4, out of range with no gradient. So
    the unscaled value is clamped unless told otherwise. After a warm start with cross entropy there is no clamp.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      base: a, above 1; the loss is 0 at p = 1/a. The paper tries 2, e, 3 and 4.
      scale: the paper's lambda; it tries 1, 5, 10 and 20.
      clamp: values beyond plus or minus this stay there, without gradient; None for no clamp.
      clamp_on: "unscaled", the clamp acts on CL, or "scaled", on scale CL.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] of either sign, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `where` that is not bool, `base` not above
        1, `clamp` not above 0, an unknown `clamp_on`.

    >>> p = jnp.array([0.1, 1 / math.e, 0.9])
    >>> logits = jnp.stack([jnp.log(p), jnp.log1p(-p)], axis=-1)
    >>> conservative(logits, jnp.zeros(3, int), scale=1.0).round(2) + 0.0
    Array([ 1.42,  0.  , -1.8 ], dtype=float32)
    """
    d, valid = _log_odds(logits, labels, where)
    return jnp.where(valid, _scaled(_value(d, base), scale, clamp, clamp_on), 0.0)


def conservative_switched(
    logits: Logits,
    labels: Labels,
    *,
    base: Scalar = math.e,
    scale: Scalar = 5.0,
    clamp: Scalar | None = None,
    clamp_on: str = "unscaled",
    where: Where = None,
) -> Float[Array, "*B"]:
    """Conservative loss whose slope switches its sign where the loss does: ours, in none of the papers.

        L = scale |CL(p_y)|

    With it the network does what the paper's text says of a negative loss: above p = 1/a it ascends the gradient of CL,
    pulling sure pixels back to 1/a, where L has its minimum. With a = e that is a probability of 0.37, so use it
    with a small weight, a base near 1 or besides another loss.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      base: a, above 1; the minimum is at p = 1/a.
      scale: weight.
      clamp: values beyond this stay there, without gradient; None for no clamp.
      clamp_on: "unscaled" or "scaled", as in `conservative`.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] at least 0, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: as `conservative`.

    >>> f"{conservative_switched(jnp.array([jnp.log(9.0), 0.0]), jnp.array(0), scale=1.0):.3f}"
    '1.801'
    """
    d, valid = _log_odds(logits, labels, where)
    return jnp.where(valid, _scaled(jnp.abs(_value(d, base)), scale, clamp, clamp_on), 0.0)


def conservative_cubic(
    logits: Logits,
    labels: Labels,
    *,
    root: Scalar = 1 / math.e,
    scale: Scalar = math.e**3,
    where: Where = None,
) -> Float[Array, "*B"]:
    """A cubic in place of the conservative loss, Eq. 4 (root 0.5) and Eq. 5 (root 1/e).

        L = -scale (p_y - root)^3,    p = softmax(x)

    The scales of the paper, lambda_1 and lambda_2, were chosen by cross-validation and are not given. The default is
    ours: e^3 makes Eq. 5 the first term of CL's Taylor series at 1/e (CL without its scale of 5).

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      root: the probability where the loss is 0.
      scale: weight.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] of either sign, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `where` that is not bool.

    >>> conservative_cubic(jnp.array([0.0, 9.0]), jnp.array(1), root=0.5, scale=1.0).round(3)
    Array(-0.125, dtype=float32)
    """
    d, valid = _log_odds(logits, labels, where)
    rise = jax.nn.sigmoid(-d) - as_scalar("root", root, d)
    return jnp.where(valid, -as_scalar("scale", scale, d) * rise**3, 0.0)


def conservative_piecewise(
    logits: Logits,
    labels: Labels,
    *,
    low: Scalar = 73.6,
    high: Scalar = 11.95,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Two halves of a cubic in place of the conservative loss, Eq. 6.

        L = -low (p_y - 1/e)^3 where p_y < 1/e,    -high (p_y - 1/e)^3 elsewhere,    p = softmax(x)

    The paper's alpha and beta were chosen by cross-validation and are not given. The defaults are ours: with them the
    halves pass through CL(0.1) = 1.415 and CL(0.9) = -1.801 (CL without its scale of 5).

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      labels: [*B] class ids y; ids outside 0..C-1 are void.
      low: weight below 1/e, the paper's alpha.
      high: weight from 1/e on, the paper's beta.
      where: [*B] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] of either sign, exactly 0 (and with exactly 0 gradient) at void pixels.

    Raises:
      ValueError: shapes that do not fit, labels that are not integers, `where` that is not bool.

    >>> p = jnp.array([0.1, 0.9])
    >>> conservative_piecewise(jnp.stack([jnp.log(p), jnp.log1p(-p)], axis=-1), jnp.zeros(2, int)).round(2)
    Array([ 1.41, -1.8 ], dtype=float32)
    """
    d, valid = _log_odds(logits, labels, where)
    rise = jax.nn.sigmoid(-d) - 1 / math.e
    weight = jnp.where(rise < 0.0, as_scalar("low", low, d), as_scalar("high", high, d))
    return jnp.where(valid, -weight * rise**3, 0.0)


def _log_odds(
    logits: Logits,
    labels: Labels,
    where: Where,
) -> tuple[Float[Array, "*B"], Bool[Array, "*B"]]:
    valid = valid_pixels(labels, class_count(logits), where)
    return true_class_log_odds(logits, labels, valid), valid


def _value(d: Float[Array, "*B"], base: Scalar) -> Float[Array, "*B"]:
    return _of_log_odds(d, jnp.log(as_scalar("base", base, d, above=1.0)))


@jax.custom_jvp
def _of_log_odds(d: Float[Array, "*B"], log_base: Float[Array, ""]) -> Float[Array, "*B"]:
    # Not the expression of `sides_of`, lest the compiler keep what value and slope share.
    t = jax.nn.softplus(d)
    return (1.0 - t / log_base) ** 2 * (_log_surprise(d, t) - jnp.log(log_base)) / log_base


@_of_log_odds.defjvp
def _of_log_odds_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    d, log_base = primals
    sides = sides_of(d)
    t = sides.surprise
    z, log_z = t / log_base, _log_surprise(d, t) - jnp.log(log_base)
    # dt/dd = 1 - p, and (1 - p) / t goes to 1 - t/2 where both vanish.
    sure = d < _SURE
    missed = jnp.where(sure, 1.0 - 0.5 * t, sides.missed)
    slope = (1.0 - z) * (1.0 - z - 2.0 * z * log_z) / log_base * missed / jnp.where(sure, 1.0, sides.norm * t)
    of_log_base = (1.0 - z) * (2.0 * z * log_z - (1.0 - z) * (1.0 + log_z)) / (log_base * log_base)
    return _of_log_odds(d, log_base), slope * tangents[0] + of_log_base * tangents[1]


def _log_surprise(d: Float[Array, "*B"], t: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """log(-log p), of which the derivatives of `log` would overflow where -log p is tiny."""
    sure = d < _SURE
    return jnp.where(sure, d - 0.5 * t, jnp.log(jnp.where(sure, 1.0, t)))


def _scaled(
    values: Float[Array, "*B"], scale: Scalar, clamp: Scalar | None, clamp_on: str
) -> Float[Array, "*B"]:
    check_choice("clamp_on", clamp_on, ("unscaled", "scaled"))
    scale = as_scalar("scale", scale, values)
    if clamp is None:
        return scale * values
    clamp = as_scalar("clamp", clamp, values, above=0.0)
    if clamp_on == "unscaled":
        return scale * jnp.clip(values, -clamp, clamp)
    return jnp.clip(scale * values, -clamp, clamp)


@pytree
@dataclasses.dataclass(frozen=True)
class Conservative(Loss):
    """`conservative` with its hyper-parameters as leaves (no leaf where `clamp` is None); `clamp_on` is static."""

    takes: ClassVar[Literal["labels"]] = "labels"
    base: Scalar = math.e
    scale: Scalar = 5.0
    clamp: Scalar | None = None
    clamp_on: str = dataclasses.field(default="unscaled", metadata={"static": True})

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `conservative`."""
        return conservative(logits, labels, **_fields(self), where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class ConservativeSwitched(Loss):
    """`conservative_switched` (ours) with its hyper-parameters as leaves; `clamp_on` is static."""

    takes: ClassVar[Literal["labels"]] = "labels"
    base: Scalar = math.e
    scale: Scalar = 5.0
    clamp: Scalar | None = None
    clamp_on: str = dataclasses.field(default="unscaled", metadata={"static": True})

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `conservative_switched`."""
        return conservative_switched(logits, labels, **_fields(self), where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class ConservativeCubic(Loss):
    """`conservative_cubic` with its hyper-parameters as leaves."""

    takes: ClassVar[Literal["labels"]] = "labels"
    root: Scalar = 1 / math.e
    scale: Scalar = math.e**3

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `conservative_cubic`."""
        return conservative_cubic(logits, labels, **_fields(self), where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class ConservativePiecewise(Loss):
    """`conservative_piecewise` with its hyper-parameters as leaves."""

    takes: ClassVar[Literal["labels"]] = "labels"
    low: Scalar = 73.6
    high: Scalar = 11.95

    def __call__(
        self,
        logits: Logits,
        labels: Labels,
        *,
        where: Where = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `conservative_piecewise`."""
        return conservative_piecewise(logits, labels, **_fields(self), where=where)


def _fields(loss: Loss) -> dict[str, Any]:
    return {field.name: getattr(loss, field.name) for field in dataclasses.fields(loss)}  # type: ignore[arg-type]
