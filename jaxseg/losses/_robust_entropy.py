"""Robust entropy (Yang and Soatto, CVPR 2020, "FDA"): a penalty of the entropy that weighs uncertain pixels most."""

import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Shaped

from jaxseg.losses._entropy import entropy
from jaxseg.losses._pixels import Loss, Scalar, as_mask, as_scalar
from jaxseg.losses._pytree import pytree


def robust_entropy(
    logits: Shaped[ArrayLike, "*B C"],
    *,
    eta: Scalar = 2.0,
    epsilon: Scalar = 1e-8,
    where: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, "*B"]:
    """Charbonnier penalty of the entropy of each pixel.

        rho = (e^2 + epsilon)^eta,    e = -sum_c p_c log p_c / log C,    p = softmax(x)

    The paper writes (e^2 + 0.001^2)^eta with eta 2; its released code has 1e-8 in the place of 1e-6, divides by 2.9444
    (log 19, whatever C is) and takes the logits before they are upsampled. The code's 1e-8 is the default. With eta
    above 0.5 the penalty grows faster than e: confident pixels hardly count, uncertain ones most.

    Args:
      logits: [*B, C] unnormalised scores x, any float type; computed in float32 (float64 stays).
      eta: the exponent.
      epsilon: what keeps the slope finite at e = 0 for any eta, positive.
      where: [*B] bool, pixels that count; None for all.

    Returns:
      [*B] from epsilon^eta (certain) to (1 + epsilon)^eta (uniform); exactly 0 (and with exactly 0 gradient) at void
      pixels.

    Raises:
      ValueError: no class axis or one class alone, eta or epsilon not scalars, eta not above 0, epsilon below 0,
        `where` that is not bool or does not fit.

    >>> [round(value, 5) for value in robust_entropy(jnp.array([[0.0, 0.0], [3.0, 0.0]])).tolist()]
    [1.0, 0.00575]
    """
    share = entropy(logits, where=where)
    eta = as_scalar("eta", eta, share, above=0.0)
    epsilon = as_scalar("epsilon", epsilon, share, least=0.0)
    values = (share * share + epsilon) ** eta
    return values if where is None else jnp.where(as_mask(where, share.shape), values, 0.0)


@pytree
@dataclasses.dataclass(frozen=True)
class RobustEntropy(Loss):
    """`robust_entropy` with eta and epsilon as leaves."""

    takes: ClassVar[Literal["logits"]] = "logits"
    eta: Scalar = 2.0
    epsilon: Scalar = 1e-8

    def __call__(
        self, logits: Shaped[ArrayLike, "*B C"], *, where: Shaped[ArrayLike, "..."] | None = None
    ) -> Float[Array, "*B"]:
        """[*B] values of `robust_entropy`."""
        return robust_entropy(logits, eta=self.eta, epsilon=self.epsilon, where=where)
