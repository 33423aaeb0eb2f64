"""Fourier domain adaptation: an image keeps its phase and takes the low-frequency amplitude of another (FDA)."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Key, Num

from jaxseg.data._augmentation import Images, image_keys
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree

Styles = Num[Array | np.ndarray, "S h w 3"]

WINDOWS = ("symmetric", "released")
"""Which frequencies are swapped, by name."""


def swap_amplitude(
    image: Images,
    style: Styles,
    *,
    beta: Scalar = 0.01,
    window: Literal["symmetric", "released"] = "symmetric",
) -> Float[Array, "B H W 3"]:
    """Images with the low-frequency amplitude of others:

        x = F^-1( (M A(t) + (1 - M) A(s)) exp(i P(s)) ),   A = |F|, P = arg F, per channel,

    M = 1 where both frequencies are in the window, whole numbers with b = floor(beta min(H, W)):

        symmetric   -b .. b       the numpy version of the released code; the result is real
        released    -b .. b - 1   its torch version, which is what it trains with; the result is complex, and its real
                                  part is taken, as if a frequency of which only one sign is inside had M = 1/2

    The default is the one whose result is an image without taking a part of it. With b = 0 the first swaps the mean
    alone, the second nothing. Half of the spectrum is enough, as images are real. Give raw pixels, before any
    normalisation; the result is not cut to 0..255.

    Args:
      image: [B, H, W, 3] source images s, 0..255.
      style: [B, H, W, 3] target images t, of the same size.
      beta: share of the shorter side; the paper uses 0.01, 0.05 and 0.09. Taken in float32.
      window: `symmetric` or `released`.

    Returns:
      [B, H, W, 3] float32.

    Raises:
      InputError: sizes that differ, an unknown window, a negative beta.

    Source: Yang and Soatto, CVPR 2020, the Fourier swap; b and both windows from the released code.

    >>> image, style = jnp.zeros((1, 4, 4, 3)).at[0, 0].set(80.0), jnp.full((1, 4, 4, 3), 50.0)
    >>> swap_amplitude(image, style, beta=0.0)[0, :, 0, 0].round().astype(int).tolist()  # the mean becomes 50
    [110, 30, 30, 30]
    """
    if image.shape != style.shape:
        raise InputError(
            f"style: {style.shape} does not fit images {image.shape}; bring both to one size, one style an image"
        )
    if window not in WINDOWS:
        raise InputError(f"window: {window!r} is not known; use {' or '.join(WINDOWS)}")
    if isinstance(beta, int | float) and not beta >= 0:
        raise InputError(f"beta: {beta}; it is at least 0")
    height, width = image.shape[1:3]
    radius = jnp.floor(jnp.asarray(beta, jnp.float32) * min(height, width)).astype(jnp.int32)
    columns = width // 2 + 1
    share = (_inside(height, radius, window)[:, None] * _inside(width, radius, window)[:columns]).astype(
        jnp.float32
    )
    if window == "released":
        mirrored = (
            _inside(height, radius, window, -1)[:, None] * _inside(width, radius, window, -1)[:columns]
        ).astype(jnp.float32)
        share = (share + mirrored) / 2.0
    source = jnp.fft.rfft2(image.astype(jnp.float32), axes=(1, 2))
    target = jnp.abs(jnp.fft.rfft2(style.astype(jnp.float32), axes=(1, 2)))
    amplitude = jnp.abs(source)
    # A ratio of amplitudes needs no phase, and is exactly 1 where they agree. arg 0 is 0.
    ratio = target / jnp.where(amplitude > 0.0, amplitude, 1.0)
    swapped = jnp.where(amplitude > 0.0, source * ratio.astype(source.dtype), target.astype(source.dtype))
    weight = share[None, :, :, None]
    mixed = jnp.where(weight > 0.0, source + weight.astype(source.dtype) * (swapped - source), source)
    return jnp.fft.irfft2(mixed, s=(height, width), axes=(1, 2))


def _inside(length: int, radius: Integer[Array, ""], window: str, sign: int = 1) -> Array:
    """Which of `length` frequencies, in the order of the FFT, lie in the window; with sign -1, whose opposites do."""
    index: Integer[Array, " length"] = (sign * jnp.arange(length)) % length
    if window == "released":  # the corners [0 : b] and [n - b : n]
        return (index < radius) | (index >= length - radius)
    return (index <= radius) | (index >= length - radius)


@pytree
@dataclasses.dataclass(frozen=True)
class FourierSwap:
    """`swap_amplitude`, the style of each image drawn from a batch of target images.

    Image b draws from `fold_in(key, b)`, uniformly and with replacement, so the two batches may differ in number. With
    one target image, as in the paper, there is nothing to draw. Labels stay those of the source.

    Attributes:
      beta: share of the shorter side; the paper uses 0.01, 0.05 and 0.09.
      window: `symmetric` or `released`.

    >>> image, style = jnp.zeros((2, 4, 4, 3)), jnp.full((1, 4, 4, 3), 50.0)
    >>> FourierSwap(beta=0.01)(jax.random.key(0), image, style).mean(axis=(1, 2, 3)).round().astype(int).tolist()
    [50, 50]
    """

    beta: Scalar = 0.01
    window: Literal["symmetric", "released"] = dataclasses.field(
        default="symmetric", metadata={"static": True}
    )

    def validate(self, name: str) -> None:
        """Raises `InputError`, which calls the translation `name`, where beta is no share."""
        if not 0.0 <= float(self.beta) <= 1.0:
            raise InputError(f"{name}.beta: {float(self.beta):g}; a share of the shorter side, 0 to 1")

    def __call__(self, key: Key[Array, ""], image: Images, style: Styles) -> Float[Array, "B H W 3"]:
        """The source images [B, H, W, 3] in the style of target images [S, H, W, 3], raw 0..255."""
        return _swap(self, key, image, style)


@jax.jit
def _swap(swap: FourierSwap, key: Key[Array, ""], image: Images, style: Styles) -> Float[Array, "B H W 3"]:
    keys = image_keys(key, image.shape[0])
    chosen = jax.vmap(lambda one: jax.random.randint(one, (), 0, style.shape[0]))(keys)
    return swap_amplitude(image, jnp.asarray(style)[chosen], beta=swap.beta, window=swap.window)
