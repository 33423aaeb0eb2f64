"""Tiny segmentation and weighting networks, in either precision, and batches for them."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.models import LinenNetwork, Normalization, Output
from jaxseg.models.unet import WeightNetwork

CLASSES = 3


@dataclasses.dataclass(frozen=True)
class Scaled(Normalization):
    """Pixels to -1..1 in the precision of the network."""

    dtype: str = "float32"

    def __call__(self, image: jax.Array) -> jax.Array:
        return image.astype(self.dtype) / 127.5 - 1.0


class Smooth(nn.Module):
    """A convolution, batch normalisation, dropout, and linear scores; smooth everywhere."""

    dtype: Any = jnp.float32
    dropout: float = 0.25

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        types = {"dtype": self.dtype, "param_dtype": self.dtype}
        x = nn.Conv(4, (3, 3), name="trunk", **types)(image)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm", **types)(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(nn.softplus(x))
        return Output(logits=nn.Dense(CLASSES, name="head", **types)(x))


class Pairs(nn.Module):
    """Pairs of scores from a convolution of image and label; `deep` puts a smooth layer before it."""

    pairs: int = 1
    deep: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, maps: jax.Array, train: bool) -> Output:
        types = {"dtype": self.dtype, "param_dtype": self.dtype}
        x = nn.softplus(nn.Conv(4, (3, 3), name="first", **types)(maps)) if self.deep else maps
        return Output(logits=nn.Dense(2 * self.pairs, name="scores", **types)(x))


class Free(nn.Module):
    """A pair of scores for each pixel of an image of one size, whatever the input."""

    size: tuple[int, int]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, maps: jax.Array, train: bool) -> Output:
        shape = (*self.size, 2)
        scores = self.param("scores", nn.initializers.normal(1.0), shape, self.dtype)
        return Output(logits=jnp.broadcast_to(scores, (maps.shape[0], *shape)))


def network(module: nn.Module | None = None, dtype: str = "float32") -> LinenNetwork:
    return LinenNetwork(CLASSES, Scaled(dtype=dtype), module=module or Smooth(jnp.dtype(dtype)))


def weighting(module: nn.Module | None = None, dtype: str = "float32") -> WeightNetwork:
    module = module or Pairs(dtype=jnp.dtype(dtype))
    return WeightNetwork(CLASSES, Scaled(dtype=dtype), channels=CLASSES + 4, module=module)


def batch(seed: int = 0, size: tuple[int, int] = (4, 5), dtype: str = "float32") -> dict[str, Any]:
    """Two images a domain with labels, some of them void."""
    rng = np.random.default_rng(seed)

    def part() -> dict[str, np.ndarray]:
        label = rng.integers(0, CLASSES, (2, *size)).astype(np.uint8)
        label[0, 0, :2] = 255
        image = rng.uniform(0, 255, (2, *size, 3)).astype(dtype)
        return {"image": image, "label": label, "valid": np.ones((2, *size), bool)}

    return jax.tree.map(jnp.asarray, {"source": part(), "target": part()})
