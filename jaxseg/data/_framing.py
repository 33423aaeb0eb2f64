"""What part of an image is shown, and how large, where that is not one scale for all: resize, mirror, crops."""

import dataclasses
import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Key

from jaxseg.data._augmentation import Augmentation, Images, Labels, NewLabels, Shares, image_keys
from jaxseg.data._resampling import nearest, resample
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree

_STATIC = {"static": True}

TRIES = 10
"""How often `RandomResizedCrop` draws before it takes the middle of the image, as torchvision's transform does."""


@pytree
@dataclasses.dataclass(frozen=True)
class Resize(Augmentation):
    """Brings images to one size, whatever their aspect: bilinear and antialiased; labels take the nearest pixel.

    The street data sets of a paper often have a size each (GTA5 720x1280, Cityscapes 512x1024), which is what `domain`
    is for. A data set's own `resize` does the same once, at preparation, bicubically, and shrinks its labels for
    scoring too.

    Attributes:
      size: height and width, in pixels.
      domain: the domain whose images are resized, `"source"` or `"target"`; None for both.

    Raises:
      InputError: a size below 1.

    >>> image, label = jnp.zeros((1, 4, 4, 3)), jnp.arange(16, dtype=jnp.uint8).reshape(1, 4, 4)
    >>> small, truth = Resize(size=(2, 4))(jax.random.key(0), image, label)
    >>> small.shape, truth.tolist()
    ((1, 2, 4, 3), [[[4, 5, 6, 7], [12, 13, 14, 15]]])
    """

    size: tuple[int, int] = dataclasses.field(metadata=_STATIC)
    domain: Literal["source", "target"] | None = dataclasses.field(default=None, metadata=_STATIC)

    def __post_init__(self) -> None:
        _check_size(self.size)

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        if image.shape[1:3] == self.size:
            return jnp.asarray(image, jnp.float32), label
        rows, columns, factors = _stretched(image, self.size)
        return resample(image, rows, columns, *factors), _of_map(label, rows, columns)


@pytree
@dataclasses.dataclass(frozen=True)
class Mirror(Augmentation):
    """Mirrors each image, left to right, with a probability; at whatever size it has.

    Attributes:
      probability: share of images that are mirrored.
      domain: the domain whose images are mirrored, `"source"` or `"target"`; None for both.

    >>> image = jnp.arange(6.0).reshape(1, 1, 2, 3)
    >>> Mirror(probability=1.0)(jax.random.key(0), image)[0].tolist()
    [[[[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]]]
    """

    probability: Scalar = 0.5
    domain: Literal["source", "target"] | None = dataclasses.field(default=None, metadata=_STATIC)

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        chance = jax.vmap(jax.random.uniform)(image_keys(key, image.shape[0]))
        turned = (chance < jnp.asarray(self.probability, jnp.float32))[:, None, None]
        pixels = jnp.asarray(image, jnp.float32)
        pixels = jnp.where(turned[..., None], pixels[:, :, ::-1], pixels)
        if label is None or label.ndim == 1:
            return pixels, label
        return pixels, jnp.where(turned, label[:, :, ::-1], label)


@pytree
@dataclasses.dataclass(frozen=True)
class RandomCrop(Augmentation):
    """A part of each image at the image's own scale, its place uniform over whole pixels.

    An image of just this size stays as it is. `ScaleCropFlip` draws a scale as well.

    Attributes:
      size: height and width of the crop, in pixels.

    Raises:
      InputError: a size below 1, or one that is larger than an image.

    >>> image = jnp.arange(48.0).reshape(1, 4, 4, 3)
    >>> RandomCrop(size=(2, 3))(jax.random.key(0), image)[0].shape
    (1, 2, 3, 3)
    """

    size: tuple[int, int] = dataclasses.field(metadata=_STATIC)

    def __post_init__(self) -> None:
        _check_size(self.size)

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        height, width = image.shape[1:3]
        if height < self.size[0] or width < self.size[1]:
            raise InputError(
                f"size: a crop of {self.size[0]}x{self.size[1]} is larger than an image of {height}x{width}; "
                "give a smaller one, or resize first"
            )
        slack = jnp.array([height - self.size[0] + 1, width - self.size[1] + 1])
        corners = jax.vmap(lambda one: jax.random.randint(one, (2,), 0, slack))(
            image_keys(key, image.shape[0])
        )

        def cut(whole: Array, corner: Array) -> Array:
            rows = jax.lax.dynamic_slice_in_dim(whole, corner[0], self.size[0])
            return jax.lax.dynamic_slice_in_dim(rows, corner[1], self.size[1], axis=1)

        crop = jax.vmap(cut)(jnp.asarray(image, jnp.float32), corners)
        if label is None or label.ndim == 1:
            return crop, label
        return crop, jax.vmap(cut)(jnp.asarray(label), corners)


@pytree
@dataclasses.dataclass(frozen=True)
class RandomResizedCrop(Augmentation):
    """A part of each image of random area and aspect, stretched to one size: how image classifiers are trained.

    The share of the area is uniform, the logarithm of the aspect (width over height) too; the first of ten draws that
    fits into the image is taken, and where none does, the largest part in the middle whose aspect is in the range. At
    the border of the part the filter reaches a pixel beyond it, where torchvision's, which cuts first, does not.

    Attributes:
      size: height and width of the result, in pixels.
      area: lowest and highest share of the image's area.
      aspect: lowest and highest aspect.

    Raises:
      InputError: a size below 1, or a range that is not 0 < low <= high.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2015, section 6; torchvision's transform of this name.

    >>> crop, _ = RandomResizedCrop(size=(2, 2))(jax.random.key(0), jnp.full((1, 8, 6, 3), 7.0))
    >>> crop.shape, round(float(crop.min()), 3), round(float(crop.max()), 3)
    ((1, 2, 2, 3), 7.0, 7.0)
    """

    size: tuple[int, int] = dataclasses.field(metadata=_STATIC)
    area: tuple[Scalar, Scalar] = (0.08, 1.0)
    aspect: tuple[Scalar, Scalar] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        _check_size(self.size)
        for name, (low, high) in (("area", self.area), ("aspect", self.aspect)):
            if isinstance(low, int | float) and isinstance(high, int | float) and not 0 < low <= high:
                raise InputError(f"{name}: {low} to {high}; give the lowest and the highest, 0 < low <= high")

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        extent = (image.shape[1], image.shape[2])
        parts = jax.vmap(lambda one: self._draw(one, extent))(image_keys(key, image.shape[0]))
        top, left, height, width = parts.T
        rows = top[:, None] + _centers(self.size[0]) * (height / self.size[0])[:, None]
        columns = left[:, None] + _centers(self.size[1]) * (width / self.size[1])[:, None]
        crop = resample(image, rows, columns, self.size[0] / height, self.size[1] / width)
        return crop, _of_map(label, rows, columns)

    def _draw(self, key: Key[Array, ""], extent: tuple[int, int]) -> Float[Array, "4"]:
        """Top, left, height and width of the part of one image, in whole pixels."""
        low, high = (jnp.log(jnp.asarray(value, jnp.float32)) for value in self.aspect)
        chance = jax.random.uniform(key, (2 * TRIES + 2,))
        share = self.area[0] + chance[:TRIES] * (jnp.asarray(self.area[1], jnp.float32) - self.area[0])
        aspect = jnp.exp(low + chance[TRIES : 2 * TRIES] * (high - low))
        pixels = share * (extent[0] * extent[1])
        width = jnp.round(jnp.sqrt(pixels * aspect))
        height = jnp.round(jnp.sqrt(pixels / aspect))
        fits = (width >= 1) & (width <= extent[1]) & (height >= 1) & (height <= extent[0])
        first = jnp.argmax(fits)
        whole = jnp.clip(extent[1] / extent[0], jnp.exp(low), jnp.exp(high))
        middle_height = jnp.minimum(float(extent[0]), jnp.round(extent[1] / whole))
        middle_width = jnp.minimum(float(extent[1]), jnp.round(extent[0] * whole))
        found = fits[first]
        height = jnp.where(found, height[first], middle_height)
        width = jnp.where(found, width[first], middle_width)
        slack = jnp.stack([extent[0] - height, extent[1] - width])
        place = jnp.minimum(jnp.floor(chance[2 * TRIES :] * (slack + 1.0)), slack)
        place = jnp.where(found, place, jnp.floor(slack / 2.0))
        return jnp.stack([place[0], place[1], height, width])


@pytree
@dataclasses.dataclass(frozen=True)
class RareCentre:
    """Crops that have a pixel of a rare class in the middle, where the image shows one: the mining of CRST.

    With the probability, in an image that shows rare classes, one of these is drawn, then one of its pixels, both
    uniformly; the crop is centred there, as far as the image reaches. Other crops lie anywhere.

    Attributes:
      probability: how often; 0.8 in CBST's and CRST's scripts.
      share: a class is rare if it has less than this share of all pixels of its domain; 1e-3 there.
      rare: [C] bool, which classes are rare; None, none of them. In self-training, those of which the network predicts
        less than `share` of all pixels of the target are set before every round.

    Source: Zou et al., ECCV 2018 and ICCV 2019, released code.
    """

    probability: Scalar = 0.8
    share: Scalar = 1e-3
    rare: Any = None

    def told(self, shares: Shares) -> "RareCentre":
        """The same with the classes whose share of all pixels [C] is too small."""
        return dataclasses.replace(self, rare=np.asarray(shares) < self.share)

    def aims(self, key: Key[Array, ""], label: Integer[Array, "B H W"]) -> Float[Array, "B 3"]:
        """Of each image, the row and the column of the centre, in pixels, and 1 where the crop is to lie there, else 0.

        Image b draws from `fold_in(fold_in(key, b), 1)`. Only sums and cumulative sums of rows: nothing of an image's
        size is gathered where images are split over devices.
        """
        rare = jnp.asarray(self.rare)
        chance = jax.vmap(lambda one: jax.random.uniform(jax.random.fold_in(one, 1), (4,)))(
            image_keys(key, label.shape[0])
        )
        classes = jnp.arange(rare.shape[0])
        counts = jnp.sum(label[..., None].astype(jnp.int32) == classes, axis=(1, 2), dtype=jnp.int32)
        shown = (rare & (counts > 0)).astype(jnp.int32)
        wanted = _place_of(shown, chance[:, 0])
        pixels = (label.astype(jnp.int32) == wanted[:, None, None]).astype(jnp.int32)
        in_rows = jnp.sum(pixels, axis=2)
        row = _place_of(in_rows, chance[:, 1])
        chosen = jnp.arange(label.shape[1]) == row[:, None]
        column = _place_of(jnp.sum(pixels * chosen[..., None].astype(jnp.int32), axis=1), chance[:, 2])
        aimed = (chance[:, 3] < jnp.asarray(self.probability, jnp.float32)) & jnp.any(shown > 0, axis=1)
        middle = jnp.stack([row, column], axis=1).astype(jnp.float32) + 0.5
        return jnp.concatenate([middle, aimed[:, None].astype(jnp.float32)], axis=1)


def _place_of(counts: Integer[Array, "B n"], chance: Float[Array, " B"]) -> Integer[Array, " B"]:
    """A place 0..n-1, each with the probability of its share of the counts; the last where there are none."""
    total = jnp.sum(counts, axis=1)
    number = jnp.minimum((chance * total.astype(jnp.float32)).astype(jnp.int32), jnp.maximum(total - 1, 0))
    passed = jnp.cumsum(counts, axis=1) <= number[:, None]
    return jnp.minimum(jnp.sum(passed, axis=1, dtype=jnp.int32), counts.shape[1] - 1)


@functools.partial(jax.jit, static_argnames="size")
def resize_image(image: Images, size: tuple[int, int]) -> Float[Array, "B h w 3"]:
    """Images at another size, bilinear and antialiased: what `ScaleCropFlip` does, without a draw.

    Args:
      image: [B, H, W, 3], any number type.
      size: height and width of the result; the aspect may change.

    Returns:
      [B, h, w, 3] float32.

    >>> resize_image(jnp.arange(4.0)[None, None, :, None] * jnp.ones(3), (1, 2))[0, 0, :, 0].tolist()
    [0.714285..., 2.285714...]
    """
    rows, columns, factors = _stretched(image, size)
    return resample(image, rows, columns, *factors)


def _check_size(size: tuple[int, int]) -> None:
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"size: {size}; give height and width, each at least 1")


def _centers(side: int) -> Float[Array, " side"]:
    return jnp.arange(side, dtype=jnp.float32) + 0.5


def _stretched(image: Images, size: tuple[int, int]) -> tuple[Array, Array, tuple[Array, Array]]:
    """Where the centres of the new rows and columns lie, and the factors, when images are stretched to a size."""
    centers, factors = [], []
    for length, side in zip(image.shape[1:3], size, strict=True):
        factor = jnp.full(image.shape[0], side / length, jnp.float32)
        centers.append(_centers(side) / factor[:, None])
        factors.append(factor)
    return centers[0], centers[1], (factors[0], factors[1])


def _of_map(label: Labels, rows: Array, columns: Array) -> NewLabels:
    """The nearest pixels of label maps; classes of whole images as they are."""
    if label is None or label.ndim == 1:
        return label
    return nearest(jnp.asarray(label), rows, columns)
