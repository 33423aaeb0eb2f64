"""Layers that the networks share, in forms that stay cheap on a CPU and under a mesh that splits the image height.

Kernels are [kh, kw, in, out]. Weights are drawn by He's rule, a truncated normal of variance `2 / fan_in`, biases
start at 0 (ours where a paper says nothing). Parameters and batch statistics are float32 whatever the compute type.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxseg.models._convolution import Conv, ConvTranspose, Dtype
from jaxseg.models._normalization import NORM_MODES, BatchNorm, GroupNorm, InstanceNorm, check_norm, norm
from jaxseg.models._resampling import (
    crop,
    interpolation_matrix,
    max_pool,
    max_pool_overlapping,
    max_unpool,
    resize_bilinear,
)
from jaxseg.models._rows import devices_along_height

__all__ = [
    "NORM_MODES",
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Dtype",
    "GroupNorm",
    "InstanceNorm",
    "PReLU",
    "check_norm",
    "crop",
    "devices_along_height",
    "dropout",
    "interpolation_matrix",
    "max_pool",
    "max_pool_overlapping",
    "max_unpool",
    "norm",
    "resize_bilinear",
    "spatial_dropout",
]


class PReLU(nn.Module):
    """`max(x, 0) + slope min(x, 0)` with a learned slope, from 0.25: one a channel, or one in all (`shared`)."""

    shared: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "*B D"]) -> Float[Array, "*B D"]:
        """Activated features."""
        shape = (1,) if self.shared else (x.shape[-1],)
        slope = self.param("slope", nn.initializers.constant(0.25), shape, jnp.float32)
        return jnp.where(x >= 0, x, x * jnp.asarray(slope, x.dtype))


def spatial_dropout(
    x: Float[Array, "B H W D"], rate: float, uniform: Float[Array, "B D"]
) -> Float[Array, "B H W D"]:
    """Whole channels of an image zeroed where `uniform < rate`, the others scaled by `1 / (1 - rate)`.

    The draws, uniform in [0, 1), come from outside so that a network can make them for all its layers at once: on a
    CPU twenty separate draws cost more than the layers that use them.

    >>> dropped = spatial_dropout(jnp.ones((1, 1, 2, 3)), 0.5, jnp.array([[0.1, 0.5, 0.9]]))
    >>> dropped.reshape(2, 3).tolist()
    [[0.0, 2.0, 2.0], [0.0, 2.0, 2.0]]
    """
    factor = jnp.where(uniform < rate, 0.0, 1 / (1 - rate)).astype(x.dtype)
    return x * factor[:, None, None, :]


def dropout(x: Float[Array, "*S"], rate: float, key: Key[Array, ""]) -> Float[Array, "*S"]:
    """Numbers zeroed with probability `rate`, the others scaled by `1 / (1 - rate)`.

    >>> import jax
    >>> kept = dropout(jnp.ones(1000), 0.25, jax.random.key(0))
    >>> sorted(set(kept.tolist())), bool(abs(kept.mean() - 1) < 0.1)
    ([0.0, 1.3333333730697632], True)
    """
    kept = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(kept, x / jnp.asarray(1 - rate, x.dtype), jnp.zeros((), x.dtype))
