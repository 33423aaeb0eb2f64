"""Adversarial losses: of a discriminator's scores, for the discriminator and for the network that would deceive it.

A discriminator gives a score s to each sample or patch, high where it takes it for *real*. The discriminator minimises
its loss with the truth of each sample; the generator (in adaptation, the segmentation network) minimises its own with
the answer it wants to hear. In output-space adaptation (Tsai et al. 2018, Vu et al. 2019) source predictions are the
real ones. Their released code names the source 0 and the target 1; that turns the sign of the score around (for least
squares s into 1 - s) and changes nothing else. It halves the discriminator's loss over the two domains:

    D: (mean d(D(source), real) + mean d(D(target), not real)) / 2,        G: mean g(D(target), real)
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Shaped

from jaxseg.losses._pixels import as_float, as_mask
from jaxseg.losses._pytree import pytree


def adversarial_cross_entropy(
    scores: Shaped[ArrayLike, "*B"],
    real: Shaped[ArrayLike, "..."],
    *,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """Binary cross entropy of a discriminator's scores (Goodfellow et al. 2014), for both players.

        L = log(1 + exp(-s)) where real,    log(1 + exp(s)) where not

    The generator's is this with the answer it wants, the "non-saturating" form that AdaptSegNet and ADVENT use.

    Args:
      scores: [*B] the discriminator's logits s, any float type; computed in float32 (float64 stays).
      real: [*B] bool, or one for all: the answer wanted for each score.
      where: [*B] bool, scores that count; None for all.

    Returns:
      [*B] nats, exactly 0 (and with exactly 0 gradient) where `where` is false.

    Raises:
      ValueError: `real` or `where` that is not bool or does not fit.

    >>> adversarial_cross_entropy(jnp.array([0.0, 2.0, 2.0]), jnp.array([True, True, False])).round(4)
    Array([0.6931, 0.1269, 2.1269], dtype=float32)
    """
    s, real, valid = _prepared(scores, real, where)
    return jnp.where(valid, jax.nn.softplus(jnp.where(real, -s, s)), 0.0)


def adversarial_least_squares(
    scores: Shaped[ArrayLike, "*B"],
    real: Shaped[ArrayLike, "..."],
    *,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """Least squares of a discriminator's scores (Mao et al. 2017), for both players.

        L = (s - 1)^2 where real,    s^2 where not

    Mao et al. have a factor of 1/2; released code (CycleGAN, AdaptSegNet's LS-GAN) has not, and nor has this.

    Args:
      scores: [*B] the discriminator's outputs s, any float type; computed in float32 (float64 stays).
      real: [*B] bool, or one for all: the answer wanted for each score.
      where: [*B] bool, scores that count; None for all.

    Returns:
      [*B], exactly 0 (and with exactly 0 gradient) where `where` is false.

    Raises:
      ValueError: `real` or `where` that is not bool or does not fit.

    >>> adversarial_least_squares(jnp.array([0.5, 2.0, 2.0]), jnp.array([True, True, False]))
    Array([0.25, 1.  , 4.  ], dtype=float32)
    """
    s, real, valid = _prepared(scores, real, where)
    return jnp.where(valid, jnp.square(s - real.astype(s.dtype)), 0.0)


def adversarial_hinge(
    scores: Shaped[ArrayLike, "*B"],
    real: Shaped[ArrayLike, "..."],
    *,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """Hinge loss of a discriminator's scores (Lim and Ye 2017), for the discriminator.

        L = max(0, 1 - s) where real,    max(0, 1 + s) where not

    The generator's side is `adversarial_linear`.

    Args:
      scores: [*B] the discriminator's outputs s, any float type; computed in float32 (float64 stays).
      real: [*B] bool, or one for all: the truth of each sample.
      where: [*B] bool, scores that count; None for all.

    Returns:
      [*B], exactly 0 (and with exactly 0 gradient) where `where` is false.

    Raises:
      ValueError: `real` or `where` that is not bool or does not fit.

    >>> adversarial_hinge(jnp.array([0.5, 2.0, 2.0]), jnp.array([True, True, False]))
    Array([0.5, 0. , 3. ], dtype=float32)
    """
    s, real, valid = _prepared(scores, real, where)
    return jnp.where(valid, jax.nn.relu(1.0 - jnp.where(real, s, -s)), 0.0)


def adversarial_linear(
    scores: Shaped[ArrayLike, "*B"],
    real: Shaped[ArrayLike, "..."],
    *,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """The score itself, which the generator raises under the hinge loss (and either player under a Wasserstein GAN).

        L = -s where real,    s where not

    Args:
      scores: [*B] the discriminator's outputs s, any float type; computed in float32 (float64 stays).
      real: [*B] bool, or one for all: the answer wanted for each score.
      where: [*B] bool, scores that count; None for all.

    Returns:
      [*B], exactly 0 (and with exactly 0 gradient) where `where` is false.

    Raises:
      ValueError: `real` or `where` that is not bool or does not fit.

    >>> adversarial_linear(jnp.array([0.5, 2.0]), True)
    Array([-0.5, -2. ], dtype=float32)
    """
    s, real, valid = _prepared(scores, real, where)
    return jnp.where(valid, jnp.where(real, -s, s), 0.0)


def _prepared(
    scores: Shaped[ArrayLike, "..."], real: Shaped[ArrayLike, "..."], where: Shaped[ArrayLike, "..."] | None
) -> tuple[Array, Array, Array]:
    s = as_float(scores)
    answer = jnp.asarray(real)
    if answer.dtype != bool or answer.shape not in ((), s.shape):
        raise ValueError(
            f"real: {answer.dtype} of shape {answer.shape} given; bool of shape () or {s.shape} is accepted"
        )
    valid = as_mask(where, s.shape)
    return jnp.where(valid, s, 0.0), jnp.broadcast_to(answer, s.shape), valid


@runtime_checkable
class AdversarialLoss(Protocol):
    """What the objects below have in common: one method for each player, [*B] scores to [*B] values."""

    def discriminator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """The discriminator's loss, given the truth of each sample."""

    def generator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."] = True,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """The generator's loss, given the answer it wants."""


@pytree
@dataclasses.dataclass(frozen=True)
class AdversarialCrossEntropy:
    """`adversarial_cross_entropy` for both players."""

    def discriminator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `adversarial_cross_entropy`, given the truth of each sample."""
        return adversarial_cross_entropy(scores, real, where=where)

    def generator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."] = True,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `adversarial_cross_entropy`, given the answer wanted."""
        return adversarial_cross_entropy(scores, real, where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class AdversarialLeastSquares:
    """`adversarial_least_squares` for both players."""

    def discriminator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `adversarial_least_squares`, given the truth of each sample."""
        return adversarial_least_squares(scores, real, where=where)

    def generator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."] = True,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `adversarial_least_squares`, given the answer wanted."""
        return adversarial_least_squares(scores, real, where=where)


@pytree
@dataclasses.dataclass(frozen=True)
class AdversarialHinge:
    """`adversarial_hinge` for the discriminator, `adversarial_linear` for the generator."""

    def discriminator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."],
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `adversarial_hinge`, given the truth of each sample."""
        return adversarial_hinge(scores, real, where=where)

    def generator(
        self,
        scores: Shaped[ArrayLike, "*B"],
        real: Shaped[ArrayLike, "..."] = True,
        *,
        where: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*B"]:
        """[*B] values of `adversarial_linear`, given the answer wanted."""
        return adversarial_linear(scores, real, where=where)
