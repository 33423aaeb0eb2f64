"""What the layers of one network of the ResNet family have in common."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from jaxseg.models.layers import BatchNorm, Conv, Dtype, GroupNorm, norm


@dataclasses.dataclass(frozen=True)
class Units:
    """Makes the layers of one network: the same normalisation and compute type everywhere.

    Attributes:
      batch_norm: mode of `layers.norm`.
      epsilon: of the normalisation.
      momentum: share of the running statistics that an update keeps.
      dtype: type of the computation.
    """

    batch_norm: str = "train"
    epsilon: float = 1e-5
    momentum: float = 0.9
    dtype: Dtype = jnp.float32

    def conv(self, features: int, kernel: int = 1, *, name: str, **fields: Any) -> Conv:
        """A square convolution at "same" size, without bias unless told."""
        return Conv(features, (kernel, kernel), dtype=self.dtype, name=name, **fields)

    def norm(self, name: str) -> BatchNorm | GroupNorm:
        """The normalisation that follows it."""
        return norm(
            self.batch_norm, epsilon=self.epsilon, momentum=self.momentum, dtype=self.dtype, name=name
        )


def global_mean(x: Array) -> Array:
    """[B, D] means of [B, H, W, D] over the pixels, summed in float32, in the type of `x`."""
    return x.mean((1, 2), dtype=jnp.float32).astype(x.dtype)
