"""What the layers of one network of the ResNet family have in common, and the checks of its arguments."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from jaxseg.errors import InputError
from jaxseg.models.layers import BatchNorm, Conv, Dtype, GroupNorm, check_norm, norm


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


def scaled(channels: int, width: float) -> int:
    """Channels times the width factor, in multiples of 4 and at least 4; unchanged at width 1.

    >>> scaled(256, 0.1), scaled(728, 1.0)
    (24, 728)
    """
    return max(4, 4 * round(channels * width / 4)) if width != 1 else channels


def global_mean(x: Array) -> Array:
    """[B, D] means of [B, H, W, D] over the pixels, summed in float32, in the type of `x`."""
    return x.mean((1, 2), dtype=jnp.float32).astype(x.dtype)


def check_arguments(name: str, *, classes: int, width: float, batch_norm: str) -> None:
    """Raises `InputError` where an argument that all networks of the family share cannot be used."""
    check_norm(batch_norm, f"{name}.batch_norm")
    if classes < 1:
        raise InputError(f"{name}.classes: {classes}; use at least 1")
    if not width > 0:
        raise InputError(f"{name}.width: {width}; use a number above 0, 1 for the published widths")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raises `InputError` unless the value is one of the choices.

    >>> check_choice("resnet.depth", 34, (50, 101))
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: resnet.depth: 34 is not known; use 50 or 101
    """
    if value not in choices:
        *others, last = map(repr, choices)
        raise InputError(f"{name}: {value!r} is not known; use {', '.join(others)} or {last}")


def check_rate(name: str, rate: float) -> None:
    """Raises `InputError` unless the dropout rate is a probability below 1."""
    if not 0 <= rate < 1:
        raise InputError(f"{name}: {rate}; use a probability from 0 to below 1")
