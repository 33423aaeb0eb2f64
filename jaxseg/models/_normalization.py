"""Normalisation layers, and the one place that knows the modes of batch normalisation."""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.errors import InputError

Dtype = Any

NORM_MODES = ("train", "frozen", "per_domain", "group")
"""What a network's `batch_norm` may be; see `norm`."""

GROUPS = 32


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

    Source: Ioffe and Szegedy, "Batch Normalization", 2015, Algorithm 1.
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
        scale, bias = _affine(self, shape)
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


class GroupNorm(nn.Module):
    """Normalisation of each image over its pixels and a group of neighbouring channels; no state, no batch.

    A single pixel, or features without spatial axes, have one group of all channels (ours): groups of one or two would
    leave zeros or signs of them, the same for nearly every image.

    Attributes:
      groups: number of groups; where it does not divide the channels, the largest smaller number that does.
      epsilon: added to the variance.
      dtype: type of the result.

    Source: Wu and He, "Group Normalization", 2018, Eq. 7; 32 groups is their default.
    """

    groups: int = GROUPS
    epsilon: float = 1e-5
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "B *S D"], *, train: bool = False) -> Float[Array, "B *S D"]:
        """Normalised features; `train` is there so that it can stand for `BatchNorm`, and changes nothing."""
        channels = x.shape[-1]
        scale, bias = _affine(self, (channels,))
        most = 1 if math.prod(x.shape[1:-1]) == 1 else min(self.groups, channels)
        groups = next(count for count in range(most, 0, -1) if channels % count == 0)
        values = x.astype(jnp.float32).reshape(*x.shape[:-1], groups, channels // groups)
        axes = (*range(1, x.ndim - 1), x.ndim)
        values = (_standardized(values, axes, self.epsilon)).reshape(x.shape)
        return (values * scale + bias).astype(self.dtype)


class InstanceNorm(nn.Module):
    """Normalisation of every channel of every image over its pixels; no state.

    Attributes:
      epsilon: added to the variance.
      affine: with a learned scale and bias a channel; torch's layer has none by default.
      dtype: type of the result.

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
    """

    epsilon: float = 1e-5
    affine: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "B *S D"]) -> Float[Array, "B *S D"]:
        """Normalised features."""
        values = _standardized(x.astype(jnp.float32), tuple(range(1, x.ndim - 1)), self.epsilon)
        if self.affine:
            scale, bias = _affine(self, (x.shape[-1],))
            values = values * scale + bias
        return values.astype(self.dtype)


def _affine(module: nn.Module, shape: tuple[int, ...]) -> tuple[Array, Array]:
    scale = module.param("scale", nn.initializers.ones, shape, jnp.float32)
    return scale, module.param("bias", nn.initializers.zeros, shape, jnp.float32)


def _standardized(values: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    mean = values.mean(axes, keepdims=True)
    var = jnp.maximum(jnp.square(values).mean(axes, keepdims=True) - jnp.square(mean), 0.0)
    return (values - mean) * lax.rsqrt(var + epsilon)


def check_norm(mode: str, name: str = "batch_norm") -> None:
    """Raises `InputError` unless the mode is known.

    >>> check_norm("eval", "enet.batch_norm")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: enet.batch_norm: 'eval' is not known; use train, frozen, per_domain or group
    """
    if mode not in NORM_MODES:
        *others, last = NORM_MODES
        raise InputError(f"{name}: {mode!r} is not known; use {', '.join(others)} or {last}")


def norm(
    mode: str,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    dtype: Dtype = jnp.float32,
    name: str | None = None,
) -> BatchNorm | GroupNorm:
    """The normalisation layer of a network's `batch_norm` mode; called as `norm(mode)(x, train=train)`.

    Args:
      mode: `"train"` (statistics of the batch in training, running ones otherwise), `"frozen"` (always running),
        `"per_domain"` (as `"train"`; the network keeps running statistics a domain and scale and bias in common) or
        `"group"` (GroupNorm: nothing depends on the batch).
      epsilon: added to the variance.
      momentum: share of the running statistics that an update keeps.
      dtype: type of the result.
      name: of the layer.

    Raises:
      InputError: the mode is not known.

    >>> norm("group").groups, norm("frozen").mode, norm("per_domain").mode
    (32, 'frozen', 'train')
    """
    check_norm(mode)
    if mode == "group":
        return GroupNorm(epsilon=epsilon, dtype=dtype, name=name)
    return BatchNorm("frozen" if mode == "frozen" else "train", epsilon, momentum, dtype, name=name)
