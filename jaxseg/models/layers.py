"""Layers that the networks share, in forms that stay cheap on a CPU and under a mesh that splits the image height.

Kernels are [kh, kw, in, out]. Weights are drawn by He's rule, a truncated normal of variance `2 / fan_in`, biases
start at 0 (ours where a paper says nothing). Parameters and batch statistics are float32 whatever the compute type.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models._convolution import Conv, ConvTranspose, Dtype
from jaxseg.models._resampling import (
    crop,
    interpolation_matrix,
    max_pool,
    max_pool_overlapping,
    max_unpool,
    resize_bilinear,
)

__all__ = [
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Dtype",
    "PReLU",
    "crop",
    "interpolation_matrix",
    "max_pool",
    "max_pool_overlapping",
    "max_unpool",
    "resize_bilinear",
    "spatial_dropout",
]


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last: `(x - mean) / sqrt(var + epsilon) * scale + bias`.

    With `mode="train"`, calls with `train=True` normalise by the statistics of the batch and update the running ones,

        running = momentum * running + (1 - momentum) * batch

    (Flax's convention: 0.9 here is torch's 0.1). The batch's variance is the biased one in both places; torch updates
    with the unbiased, larger by n / (n - 1). With `mode="frozen"` every call uses the running statistics and nothing
    is updated; scale and bias still train. Statistics are global over a mesh, in one pass (mean of x and of x^2).

    Attributes:
      mode: `"train"` or `"frozen"`.
      epsilon: added to the variance.
      momentum: share of the running statistics that an update keeps.
      dtype: type of the result; statistics are float32.
    """

    mode: str = "train"
    epsilon: float = 1e-5
    momentum: float = 0.9
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*B D"], *, train: bool) -> Float[Array, "*B D"]:
        """Normalised features."""
        if self.mode not in ("train", "frozen"):
            raise InputError(f"batch_norm.mode: {self.mode!r} is not known; use 'train' or 'frozen'")
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        values = x.astype(jnp.float32)
        mean, var = running_mean.value, running_var.value
        if train and self.mode == "train":
            axes = tuple(range(x.ndim - 1))
            mean = values.mean(axes)
            var = jnp.maximum(jnp.square(values).mean(axes) - jnp.square(mean), 0.0)
            if not self.is_initializing():
                keep = self.momentum
                running_mean.value = keep * running_mean.value + (1 - keep) * mean
                running_var.value = keep * running_var.value + (1 - keep) * var
        factor = lax.rsqrt(var + self.epsilon) * scale
        return (values * factor + (bias - mean * factor)).astype(self.dtype)


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
