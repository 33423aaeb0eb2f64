"""What the steps of all methods are made of: the forward pass of the domains, and an optimiser's update."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from jaxseg.errors import InputError
from jaxseg.losses import Scalar
from jaxseg.methods.optimizer import Optimizer
from jaxseg.models import LinenNetwork, Network, Output


def check_forward(network: Network, forward: str) -> None:
    """Refuses a way to forward several domains that is not known, or that the network has no place for.

    Raises:
      InputError: it is neither `"separate"` nor `"concatenated"`, or one batch of domains that the network tells apart.
    """
    if forward not in ("separate", "concatenated"):
        raise InputError(f"forward: {forward!r} is not known; use 'separate' or 'concatenated'")
    apart = isinstance(network, LinenNetwork) and (network.per_domain or network.takes_domain)
    if apart and forward == "concatenated":
        raise InputError(
            "forward: 'concatenated' makes one batch of all domains, and this network keeps statistics or layers for "
            "each; use 'separate'"
        )


def forwarded(
    network: Network,
    params: Any,
    batch_stats: Any,
    images: Mapping[str, Array],
    key: Array,
    *,
    concatenated: bool = False,
) -> tuple[dict[str, Output], Any]:
    """The network's output on every domain's raw images, in training, and the batch statistics after them.

    Args:
      network: the network; its normalisation is applied here.
      params: its parameters.
      batch_stats: its batch statistics before this step.
      images: [B, H, W, 3] in 0..255 by domain; the domains are forwarded one after the other in this order, the
        statistics threaded through them.
      key: of dropout; the domain in place i draws from `fold_in(key, i)`.
      concatenated: all domains as one batch instead (dropout then draws from `key`).

    Raises:
      InputError: one batch is to be made of images of several sizes.
    """
    ready = {domain: network.normalization(image) for domain, image in images.items()}
    outputs: dict[str, Output] = {}
    if concatenated:
        sizes = {domain: f"{image.shape[1]}x{image.shape[2]}" for domain, image in ready.items()}
        if len(set(sizes.values())) > 1:
            shown = " and ".join(f"those of the {domain} {size}" for domain, size in sizes.items())
            raise InputError(
                f"forward: 'concatenated' makes one batch of images of one size, and {shown}; use 'separate', or bring "
                "them to one size (--augment.crop.size where there is a crop)"
            )
        both, batch_stats = network.apply(
            {"params": params, "batch_stats": batch_stats},
            jnp.concatenate(list(ready.values())),
            train=True,
            rngs={"dropout": key},
        )
        first = 0
        for domain, image in ready.items():
            rows = slice(first, first + image.shape[0])
            outputs[domain] = jax.tree.map(lambda part, rows=rows: part[rows], both)
            first = rows.stop
        return outputs, batch_stats
    for index, (domain, image) in enumerate(ready.items()):
        outputs[domain], batch_stats = network.apply(
            {"params": params, "batch_stats": batch_stats},
            image,
            train=True,
            rngs={"dropout": jax.random.fold_in(key, index)},
            domain=domain,
        )
    return outputs, batch_stats


def moved(
    optimizer: Optimizer,
    params: Any,
    gradient: Any,
    opt_state: Any,
    position: Scalar,
    steps: int,
    head: Sequence[str] = (),
) -> tuple[Any, Any]:
    """Parameters and optimiser state after one update, at step `position` (0-based) of the `steps` of a phase."""
    transformation = optimizer.transformation(position, steps, tuple(head))
    updates, opt_state = transformation.update(gradient, opt_state, params)
    return optax.apply_updates(params, updates), opt_state
