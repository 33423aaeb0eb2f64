"""What Figure 3 of Zhao et al. 2019 shows of the structural similarity loss, as terms of weight 0 that a run logs.

The extremes of the normalised label and prediction (their Eq. 16), and maximum, mean and median of the error e between
them, each over all labelled pixels and classes of a step's batch.
"""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import losses
from jaxseg.losses import Scalar, pytree
from jaxseg.methods import Summand
from jaxseg.methods.objective import head_of
from jaxseg.methods.optimizer import STATIC
from jaxseg.models import Network, Output

C4 = 0.01
SHOWN: Mapping[str, Callable[[Array], Array]] = {
    "error_max": jnp.nanmax,
    "error_mean": jnp.nanmean,
    "error_median": jnp.nanmedian,
    "label_max": jnp.nanmax,
    "label_min": jnp.nanmin,
    "prediction_max": jnp.nanmax,
    "prediction_min": jnp.nanmin,
}


@pytree
@dataclasses.dataclass(frozen=True)
class Watch(Summand):
    """One of `SHOWN`, a number without gradient."""

    shown: str = dataclasses.field(metadata=STATIC)
    weight: Scalar = 0.0
    domain: str = dataclasses.field(default="source", metadata=STATIC)
    head: str = dataclasses.field(default="logits", metadata=STATIC)

    def __call__(self, network: Network, output: Output, batch: Mapping[str, Array]) -> Float[Array, ""]:
        """The number of one batch."""
        logits = jax.lax.stop_gradient(head_of(network, output, self.head, batch))
        labels = batch["label"].astype(jnp.int32)
        valid = losses.valid_pixels(labels, network.classes)
        kind = self.shown.split("_")[0]
        if kind == "error":
            values = losses.structural_error(logits, labels, c4=C4)
        else:
            p = jax.nn.sigmoid(logits.astype(jnp.float32))
            maps = jax.nn.one_hot(labels, network.classes) if kind == "label" else p
            maps = jnp.where(valid[..., None], maps, 0.0)
            mean, variance = losses.local_moments(maps)
            values = (maps - mean + C4) / jnp.sqrt(variance + C4)
        return SHOWN[self.shown](jnp.where(valid[..., None], values, jnp.nan))


def watched() -> dict[str, Summand]:
    """All of `SHOWN`."""
    return {f"watch_{name}": Watch(name) for name in SHOWN}
