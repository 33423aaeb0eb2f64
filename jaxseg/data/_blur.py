"""Random Gaussian blur."""

import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxseg.data._augmentation import Augmentation, Images, Labels, NewLabels, image_keys
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree


@pytree
@dataclasses.dataclass(frozen=True)
class GaussianBlur(Augmentation):
    """Blurs some images, each by a deviation of its own; the label passes through.

    With `probability`, an image is convolved along both axes with

        w_k = exp(-k^2 / (2 sigma^2)) / sum_j exp(-j^2 / (2 sigma^2)),   k, j = -radius .. radius,

    sigma uniform over its range; beyond the border the edge pixel repeats. The others stay as they are.

    The defaults are those of the maximum squares loss (Chen et al., ICCV 2019, released code), where PIL's blur, a row
    of box filters of that deviation, stands for the Gaussian. DAFormer (Hoyer et al., CVPR 2022, released code) has
    the same probability and sigma from 0.15 to 1.15.

    Attributes:
      probability: share of images that are blurred.
      sigma: lowest and highest standard deviation, in pixels.
      radius: where the kernel is cut off, in pixels; at least three times the highest sigma.

    Raises:
      InputError: a probability outside 0..1, a sigma that is not 0 <= low <= high, or a radius that is too small.

    >>> dot = jnp.zeros((1, 3, 3, 3)).at[:, 1, 1].set(100.0)
    >>> blurred, _ = GaussianBlur(probability=1.0, sigma=(0.5, 0.5))(jax.random.key(0), dot)
    >>> blurred[0, 1, :, 0].round(2).tolist()  # 0.7866 is the middle weight at 0.5, 0.1065 the next one
    [8.36..., 61.86..., 8.36...]
    """

    moves: ClassVar[bool] = False
    probability: Scalar = 0.5
    sigma: tuple[Scalar, Scalar] = (0.0, 1.0)
    radius: int = dataclasses.field(default=4, metadata={"static": True})

    def __post_init__(self) -> None:
        low, high = self.sigma
        if isinstance(self.probability, int | float) and not 0 <= self.probability <= 1:
            raise InputError(f"probability: {self.probability}; it is 0 to 1")
        if isinstance(low, int | float) and isinstance(high, int | float):
            if not 0 <= low <= high:
                raise InputError(
                    f"sigma: {low} to {high}; give the lowest and the highest sigma, 0 <= low <= high"
                )
            if self.radius < 3 * high:
                raise InputError(
                    f"radius: {self.radius} pixels cut off a blur of sigma {high}; use {-int(-3 * high // 1)} or more"
                )

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        chance = jax.vmap(lambda one: jax.random.uniform(one, (2,)))(image_keys(key, image.shape[0]))
        low, high, share = (jnp.asarray(value, jnp.float32) for value in (*self.sigma, self.probability))
        # At a sigma of 1e-3 the weights are exactly 1 in the middle and 0 elsewhere.
        sigma = jnp.where(chance[:, 0] < share, jnp.maximum(low + chance[:, 1] * (high - low), 1e-3), 1e-3)
        steps = jnp.arange(-self.radius, self.radius + 1, dtype=jnp.float32)
        weights = jnp.exp(-0.5 * (steps / sigma[:, None]) ** 2)
        weights = weights / jnp.sum(weights, axis=1, keepdims=True)
        pixels = jnp.asarray(image, jnp.float32)
        for axis in (1, 2):
            margin = [(self.radius, self.radius) if k == axis else (0, 0) for k in range(4)]
            wide, length = jnp.pad(pixels, margin, mode="edge"), pixels.shape[axis]
            shifts = [jax.lax.slice_in_dim(wide, k, k + length, axis=axis) for k in range(steps.shape[0])]
            parts = [weights[:, k, None, None, None] * shift for k, shift in enumerate(shifts)]
            pixels = functools.reduce(jnp.add, parts)
        return pixels, label
