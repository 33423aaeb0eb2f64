"""Images of -1..1 as PixelDA's generator and discriminator have them, and how far a redrawn one is from its source."""

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def content_distance(apart: Float[Array, "B H W 3"], valid: Bool[Array, "B H W"]) -> Float[Array, ""]:
    """PixelDA's content loss: the variance of the difference within each image, so a change of all alike costs nothing.

        1/k sum_i d_i^2 - (1/k sum_i d_i)^2,    k numbers of an image's valid pixels and colours

    Args:
      apart: [B, H, W, 3] redrawn less source image.
      valid: [B, H, W] bool, the pixels that count; the paper has a mask of the foreground here.

    Returns:
      The mean over the images.

    Source: Bousmalis et al. 2017, Eq. 4, the pairwise squared error without its factor.

    >>> float(content_distance(jnp.full((1, 2, 2, 3), 0.5), jnp.ones((1, 2, 2), bool)))
    0.0
    """
    where = valid[..., None]
    count = 3.0 * jnp.maximum(jnp.sum(valid, axis=(1, 2), dtype=jnp.int32), 1).astype(jnp.float32)
    square = jnp.sum(jnp.where(where, apart**2, 0.0), axis=(1, 2, 3)) / count
    middle = jnp.sum(jnp.where(where, apart, 0.0), axis=(1, 2, 3)) / count
    return jnp.mean(square - middle**2)


def signed(image: Float[Array, "B H W 3"]) -> Float[Array, "B H W 3"]:
    """Raw pixels as -1..1."""
    return image / 127.5 - 1.0


def masked(image: Float[Array, "B H W 3"], part: Mapping[str, Array]) -> Float[Array, "B H W 3"]:
    """The image, 0 where augmentation padded the domain's."""
    return jnp.where(part["valid"][..., None], image, 0.0)


def shown_of(part: Mapping[str, Array]) -> Float[Array, "B H W 3"]:
    """A domain's images as generator and discriminator have them: -1..1, 0 where augmentation padded."""
    return masked(signed(part["image"]), part)
