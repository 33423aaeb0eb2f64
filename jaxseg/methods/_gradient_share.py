"""Where the gradient of a segmentation loss comes from: which pixels push, by the probability of their true class."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxseg import losses
from jaxseg.methods.objective import Summand, brought_to
from jaxseg.models import Network, Output

BINS = 10
"""Equal bins of p in [0, 1]; the last is closed."""


def bin_names() -> tuple[str, ...]:
    """Names of the bins, by their lower ends.

    >>> bin_names()[:2], bin_names()[-1]
    (('0.0', '0.1'), '0.9')
    """
    return tuple(f"{index / BINS:.1f}" for index in range(BINS))


def counted(objective: Mapping[str, Summand]) -> dict[str, Summand]:
    """The terms that are looked at: those of the main head on the source."""
    return {
        name: term for name, term in objective.items() if term.domain == "source" and term.head == "logits"
    }


def gradient_shares(
    network: Network, objective: Mapping[str, Summand], output: Output, batch: Mapping[str, Array]
) -> dict[str, object]:
    """Shares of the segmentation's gradient by the probability p of the true class.

        g_n = sum over classes of |dL/dx_nc|,    share of a bin = sum of g_n over its pixels / sum over all

    x are the logits at the size of the labels, L the weighted sum of the source's terms on the main head. All 0 where
    no pixel is labelled.

    Args:
      network: the network.
      objective: terms by name.
      output: of the network on the source, [B, h, w, C] logits.
      batch: of the source, with `"label"` [B, H, W].

    Returns:
      `"gradient_share"` and `"pixel_share"`, each by the lower end of the bin; `"ascent_share"`, the share of the
      gradient of those pixels whose true class's logit it lowers, which is 0 for a loss that falls with p.
    """
    labels = batch["label"]
    logits = jax.lax.stop_gradient(brought_to(network, output.logits, labels.shape)).astype(jnp.float32)

    def loss(logits: Array) -> Array:
        shown, total = output._replace(logits=logits), jnp.zeros(())
        for term in counted(objective).values():
            total += term.weight * term(network, shown, batch)
        return total

    gradient = jax.grad(loss)(logits)
    known = losses.valid_pixels(labels, logits.shape[-1], None)
    truth = jax.nn.one_hot(labels.astype(jnp.int32), logits.shape[-1], dtype=jnp.float32)
    p = jnp.sum(jax.nn.softmax(logits) * truth, axis=-1)
    size = jnp.where(known, jnp.sum(jnp.abs(gradient), axis=-1), 0.0)
    up = jnp.sum(gradient * truth, axis=-1) > 0.0
    place = jnp.minimum((p * BINS).astype(jnp.int32), BINS - 1)
    total = jnp.maximum(jnp.sum(size), jnp.finfo(jnp.float32).tiny)
    pixels = jnp.maximum(jnp.sum(known).astype(jnp.float32), 1.0)
    within = {name: known & (place == index) for index, name in enumerate(bin_names())}
    return {
        "gradient_share": {name: jnp.sum(jnp.where(one, size, 0.0)) / total for name, one in within.items()},
        "pixel_share": {name: jnp.sum(one).astype(jnp.float32) / pixels for name, one in within.items()},
        "ascent_share": jnp.sum(jnp.where(up, size, 0.0)) / total,
    }
