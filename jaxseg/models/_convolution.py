"""Convolutions whose windows do not overlap as matrix products, transposed ones as one product for each output row.

What is chosen by backend gives the same numbers but for rounding: it is what was fastest on a CPU, elsewhere the plain
form (not measured).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.models._resampling import _pad_to_even, _quarters, crop
from jaxseg.models._rows import convolved, least_rows

Dtype = Any
_NHWC = ("NHWC", "HWIO", "NHWC")
_FEW_CHANNELS, _FEW_TAPS = 8, 9
_MANY_CHANNELS, _MANY_TAPS = 64, 25


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _product(x: Array, weights: Array) -> Array:
    """[B, H, W, E] of [B, H, W, D] and [D, E].

    On a CPU a product an image, though the weights are the same: XLA then finds both factors of the weights' gradient
    in order, where with the batch among the contracted axes it transposes one (1.5 to 2 times slower in all). Weights
    that are more than what they multiply, as of an FCN's fc6, stay one: a copy an image would take twenty times longer.
    """
    batch, height, width, channels = x.shape
    if not _on_cpu() or weights.size > height * width * sum(weights.shape):
        return x @ weights
    each = jnp.broadcast_to(weights, (batch, *weights.shape))
    y = lax.dot_general(x.reshape(batch, height * width, channels), each, (((2,), (1,)), ((0,), (0,))))
    return y.reshape(batch, height, width, -1)


def _kernel(
    module: nn.Module, shape: tuple[int, ...], dtype: Dtype, gain: float = 1.0, initializer: Any = None
) -> Array:
    he_normal = nn.initializers.variance_scaling(2.0 * gain, "fan_in", "truncated_normal")
    return jnp.asarray(module.param("kernel", initializer or he_normal, shape, jnp.float32), dtype)


def _bias(module: nn.Module, features: int, dtype: Dtype) -> Array:
    return jnp.asarray(module.param("bias", nn.initializers.zeros, (features,), jnp.float32), dtype)


class Conv(nn.Module):
    """Convolution, at "same" size unless told: side n becomes `ceil(n / stride)`; zeros beyond the border.

    Padding is `dilation * (k - 1) / 2` on both sides for odd kernels; a 2x2 kernel takes stride 2, and zeros complete
    the last cell of odd sides. With `padding` given, kernels of any side work, and side n becomes
    `floor((n + 2 padding - dilation (k - 1) - 1) / stride) + 1`, as torch has it. On a CPU, inputs of few channels have
    the pixels under a small kernel collected and multiplied at once, two to four times faster than a convolution; so
    have inputs of many channels under a large one.

    Attributes:
      features: channels of the result.
      kernel: (height, width), odd, or (2, 2).
      stride: the same both ways.
      dilation: the same both ways.
      use_bias: adds a bias a channel.
      padding: zeros on every side, or None for the "same" size.
      dtype: type of the computation.
      initializer: draws the kernel; None is He's rule.
    """

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    dilation: int = 1
    use_bias: bool = False
    padding: int | None = None
    dtype: Dtype = jnp.float32
    initializer: Any = None

    @nn.compact
    def __call__(self, x: Float[Array, "B H W D"]) -> Float[Array, "B h w E"]:
        """Convolved features."""
        cell = self.kernel == (2, 2) and self.stride == 2
        given = self.padding is not None
        if not given and not cell and any(side % 2 == 0 for side in self.kernel):
            raise ValueError(
                f"kernel: {self.kernel} at stride {self.stride}; use odd sides, (2, 2) at stride 2, or padding"
            )
        shape = (*self.kernel, x.shape[-1], self.features)
        weights = _kernel(self, shape, self.dtype, initializer=self.initializer)
        x = x.astype(self.dtype)
        if self.kernel == (1, 1) and not self.padding:
            y = _product(x[:, :: self.stride, :: self.stride], weights[0, 0])
        elif cell and not given:
            first, second, third, fourth = _quarters(_pad_to_even(x, 0.0))
            y = _product(first, weights[0, 0]) + _product(second, weights[0, 1])
            y = y + _product(third, weights[1, 0]) + _product(fourth, weights[1, 1])
        else:
            reach, margin = self.dilation * (self.kernel[0] - 1), self._padding()[0][0]
            least = least_rows(reach, same=self.stride == 1 and 2 * margin == reach)
            y = convolved(x, lambda x: self._convolved(x, weights), least)
        return y + _bias(self, self.features, self.dtype) if self.use_bias else y

    def _convolved(self, x: Array, weights: Array) -> Array:
        taps = self.kernel[0] * self.kernel[1]
        if _on_cpu() and (self._few(x.shape[-1], taps) or self._wide(x.shape[-1], taps)):
            return _product(self._windows(x), weights.reshape(-1, self.features))
        strides, dilations = (self.stride, self.stride), (self.dilation, self.dilation)
        return lax.conv_general_dilated(
            x, weights, strides, self._padding(), rhs_dilation=dilations, dimension_numbers=_NHWC
        )

    def _few(self, channels: int, taps: int) -> bool:
        return self.padding is None and channels < _FEW_CHANNELS and taps <= _FEW_TAPS

    def _wide(self, channels: int, taps: int) -> bool:
        """As in the fc6 of an FCN, for which XLA's convolution on CPU takes seconds."""
        return channels >= _MANY_CHANNELS and taps >= _MANY_TAPS

    def _padding(self) -> list[tuple[int, int]]:
        margins = [
            self.dilation * (k - 1) // 2 if self.padding is None else self.padding for k in self.kernel
        ]
        return [(margin, margin) for margin in margins]

    def _windows(self, x: Array) -> Array:
        """[B, h, w, kh * kw * D]: the pixels under the kernel at every output position."""
        padded = jnp.pad(x, ((0, 0), *self._padding(), (0, 0)))
        reach = [self.dilation * (k - 1) for k in self.kernel]
        height, width = (
            (side - far - 1) // self.stride + 1 for side, far in zip(padded.shape[1:3], reach, strict=True)
        )
        parts = []
        for row in range(self.kernel[0]):
            for column in range(self.kernel[1]):
                top, left = row * self.dilation, column * self.dilation
                bottom, right = top + (height - 1) * self.stride + 1, left + (width - 1) * self.stride + 1
                parts.append(padded[:, top : bottom : self.stride, left : right : self.stride])
        return jnp.concatenate(parts, axis=-1)


class ConvTranspose(nn.Module):
    """Transposed convolution at stride 2, cropped to a size; kernel 2x2 (padding 0), or 3x3 (padding 1, adjusted by 1).

    Kernel entry k adds input pixel i into output pixel `2 i + k - padding`. Every one of the four output phases is a
    product of at most four neighbouring input pixels, so no inserted zeros are multiplied (on a CPU three to four times
    faster than a convolution of the dilated input). Of the kernel's entries one in four meets a given output pixel,
    so He's fan-in is a quarter of the kernel's.

    Attributes:
      features: channels of the result.
      kernel: 2 or 3, the side.
      use_bias: adds a bias a channel.
      dtype: type of the computation.
      initializer: draws the kernel; None is He's rule.
    """

    features: int
    kernel: int = 2
    use_bias: bool = False
    dtype: Dtype = jnp.float32
    initializer: Any = None

    @nn.compact
    def __call__(self, x: Float[Array, "B h w D"], size: tuple[int, int]) -> Float[Array, "B H W E"]:
        """Features upsampled to `size`, at most (2 h, 2 w)."""
        if self.kernel not in (2, 3):
            raise ValueError(f"kernel: {self.kernel}; use 2 or 3")
        batch, height, width, channels = x.shape
        shape = (self.kernel, self.kernel, channels, self.features)
        weights = _kernel(self, shape, self.dtype, gain=4.0, initializer=self.initializer)
        x = x.astype(self.dtype)
        if self.kernel == 2:
            # [D, 2E]: one pixel to its even and odd column.
            even, odd = (_product(x, row.transpose(1, 0, 2).reshape(channels, -1)) for row in weights)
        else:
            padded = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
            pairs = jnp.concatenate([padded[:, :, :-1], padded[:, :, 1:]], axis=-1)
            here, below = pairs[:, :-1], pairs[:, 1:]
            even = _product(here, _pair_weights(weights[1]))
            odd = _product(here, _pair_weights(weights[2])) + _product(below, _pair_weights(weights[0]))
        y = jnp.stack([even, odd], axis=2).reshape(batch, 2 * height, 2 * width, self.features)
        y = crop(y, size)
        return y + _bias(self, self.features, self.dtype) if self.use_bias else y


def _pair_weights(row: Array) -> Array:
    """[2D, 2E] of a kernel row [3, D, E]: a pixel and its right neighbour to the even and odd output column."""
    even = jnp.concatenate([row[1], jnp.zeros_like(row[1])], axis=0)
    odd = jnp.concatenate([row[2], row[0]], axis=0)
    return jnp.concatenate([even, odd], axis=1)
