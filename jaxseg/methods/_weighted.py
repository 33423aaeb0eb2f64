"""A summand whose pixels are weighted by what the method put beside the labels."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import Loss, Scalar, pytree
from jaxseg.methods.method import Batch
from jaxseg.methods.objective import Summand, head_of
from jaxseg.methods.optimizer import STATIC
from jaxseg.models import Network, Output

WEIGHTS = "weights"
"""Under this name a domain's batch holds the weights of its pixels."""
OVER = ("valid", "kept", "all")


@pytree
@dataclasses.dataclass(frozen=True)
class Weighted(Summand):
    """A loss of one head on one domain, each pixel with a weight that the method gives: a mask, or a learned one.

        sum_n W_n l_n / N

    The weights are held: no gradient goes through them.

    Attributes:
      loss: any loss of labels that gives a value to each pixel.
      weight: its factor, a leaf.
      domain: `"source"` or `"target"`.
      head: `"logits"` (main) or `"aux"`.
      over: what N counts: `"valid"`, the pixels that have a label; `"kept"`, those of them whose weight is not 0; or
        `"all"`, every pixel.
    """

    loss: Loss
    weight: Scalar = 1.0
    domain: str = dataclasses.field(default="source", metadata=STATIC)
    head: str = dataclasses.field(default="logits", metadata=STATIC)
    over: str = dataclasses.field(default="valid", metadata=STATIC)

    def validate(self, name: str, domains: Sequence[str]) -> None:
        super().validate(name, domains)
        if self.over not in OVER:
            raise InputError(f"{name}.over: {self.over!r} is not known; use 'valid', 'kept' or 'all'")
        if self.loss.takes != "labels":
            raise InputError(
                f"{name}.loss: {type(self.loss).__name__} takes {self.loss.takes}; use a loss of labels to weigh"
            )

    def __call__(self, network: Network, output: Output, batch: Mapping[str, Array]) -> Float[Array, ""]:
        """The weighted value on one domain's output and batch."""
        if WEIGHTS not in batch:
            raise InputError(
                f"weighted: the {self.domain} batch has no weights; use a method that makes them, such as "
                "ConfidenceMask or HRSelect, or a Term"
            )
        label = batch["label"]
        values = self.loss(head_of(network, output, self.head, batch), label, where=None)
        if not isinstance(values, jax.Array) or values.shape != label.shape:
            raise InputError(
                f"weighted.loss: {type(self.loss).__name__} gives no value to each pixel; use one that does, such as "
                "SoftmaxCrossEntropy"
            )
        weights = jax.lax.stop_gradient(batch[WEIGHTS]).astype(values.dtype)
        valid = losses.valid_pixels(label, network.classes)
        counted = {"valid": valid, "kept": valid & (weights != 0.0), "all": jnp.ones_like(valid)}[self.over]
        count = jnp.maximum(jnp.sum(counted, dtype=jnp.int32), 1)
        return jnp.sum(weights * values) / count.astype(values.dtype)


def with_weights(batch: Batch, weights: Float[Array, "..."]) -> Batch:
    """The batch, its source with weights."""
    return {**batch, "source": {**batch["source"], WEIGHTS: weights}}


def check_weighted(objective: Mapping[str, Summand]) -> None:
    """Raises `InputError` unless a term of the objective weighs the source's pixels."""
    if not any(isinstance(term, Weighted) and term.domain == "source" for term in objective.values()):
        raise InputError(
            "objective: no term weighs the source's pixels, so the weights are for nothing; use Weighted in place of "
            "the source's Term"
        )
