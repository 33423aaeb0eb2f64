"""What every augmentation is: called with a key and a batch, compiled, one draw an image."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Key, Num

Images = Num[Array | np.ndarray, "B H W 3"]
Labels = Integer[Array | np.ndarray, "B H W"] | Integer[Array | np.ndarray, " B"] | None
Shares = Float[Array | np.ndarray, " C"]
NewLabels = Integer[Array | np.ndarray, "B h w"] | Integer[Array | np.ndarray, " B"] | None


class Augmentation:
    """Base class of the augmentations: frozen pytree dataclasses that define `apply`.

    Attributes:
      domain: whose batches training sends through it, `"source"` or `"target"`; None, those of both.
      moves: whether it moves pixels; soft label maps are sent through those that do as images are. False where it
        changes colours alone.
    """

    domain: str | None = None
    moves: ClassVar[bool] = True

    def __call__(
        self, key: Key[Array, ""], image: Images, label: Labels = None
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        """The augmented batch, compiled once for each shape.

        Args:
          key: random key; image b draws from `fold_in(key, b)`.
          image: [B, H, W, 3] RGB, 0..255, any number type.
          label: [B, H, W] train ids, 255 void; [B] classes of whole images; None where there is none.

        Returns:
          ([B, h, w, 3] float32 image, 0..255; [B, h, w] label of the type that came in, or the classes, or None).
        """
        return _apply(self, key, image, label)

    def aimed(self, key: Key[Array, ""], label: Labels) -> "Augmentation":
        """The same, whatever it takes from the labels taken: `key` then moves every map of the batch alike.

        By default an augmentation looks at no label.
        """
        return self

    def told(self, shares: Shares) -> "Augmentation":
        """The same, told what share of all pixels of its domain each class has [C]; by default it does not matter."""
        return self

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        """What `__call__` compiles; a new augmentation defines this."""
        raise NotImplementedError(f"{type(self).__name__} does not define apply")


@jax.jit
def _apply(
    augmentation: Augmentation, key: Key[Array, ""], image: Images, label: Labels
) -> tuple[Float[Array, "B h w 3"], NewLabels]:
    return augmentation.apply(key, image, label)


def image_keys(key: Key[Array, ""], count: int) -> Key[Array, " B"]:
    """The key of each image of a batch, `fold_in(key, b)`."""
    return jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(count))
