"""The type that a network computes in, changed after it was built."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxseg.errors import InputError
from jaxseg.models.network import LinenNetwork, Network

PRECISIONS = ("float32", "bfloat16")


def with_precision(network: Network, precision: str) -> Network:
    """The network computing in a type; parameters, statistics and logits stay float32.

    Args:
      network: a Linen module whose fields, or the layouts among them, hold the `dtype` of the computation, as those of
        `jaxseg.models` do.
      precision: `"float32"` or `"bfloat16"`.

    Raises:
      InputError: the precision is not known, or the network does not say what it computes in.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision: {precision!r} is not known; use 'float32' or 'bfloat16'")
    changed = _changed(network.module, jnp.dtype(precision)) if isinstance(network, LinenNetwork) else None
    if not isinstance(network, LinenNetwork) or changed is None:
        raise InputError(
            f"precision: {type(network).__name__} has no field dtype that could be {precision}; leave precision out, "
            "or build the network in it"
        )
    return dataclasses.replace(network, module=changed)


def _changed(holder: Any, dtype: Any) -> Any:
    """A module or layout with every `dtype` in it replaced; None where there is none."""
    found = {}
    for field in dataclasses.fields(holder):
        if field.name == "parent":
            continue
        value = getattr(holder, field.name)
        if field.name == "dtype":
            found["dtype"] = dtype
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = _changed(value, dtype)
            if inner is not None:
                found[field.name] = inner
    if not found:
        return None
    return holder.clone(**found) if isinstance(holder, nn.Module) else dataclasses.replace(holder, **found)
