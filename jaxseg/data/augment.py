"""Augmentation on the device: jitted, batched, one random draw an image, image and label by the same geometry.

An augmentation is called as `(key, image [B, H, W, 3], label [B, H, W] or None)` and gives both back; images are raw,
0..255. Labels [B], the classes of whole images, pass through. Its ranges are pytree leaves, so changing one never
recompiles. Image b draws from `fold_in(key, b)`: what happens to it does not depend on how many images follow.

Resampling is separable, rows first: by matrix products, or on a CPU by the few pixels that each new one depends on.
Coordinates are continuous: pixel j of a row covers [j, j + 1) and its centre is j + 0.5, as PIL and
`jax.image.resize` have it.
"""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxseg.data._augmentation import Augmentation, Images, Labels, NewLabels, Shares, image_keys
from jaxseg.data._blur import GaussianBlur
from jaxseg.data._fourier import FourierSwap, swap_amplitude
from jaxseg.data._framing import Mirror, RandomCrop, RandomResizedCrop, RareCentre, Resize, resize_image
from jaxseg.data._resampling import inside, nearest, resample
from jaxseg.errors import InputError
from jaxseg.labels import VOID
from jaxseg.losses import Scalar, pytree

__all__ = [
    "GREY",
    "LUMA",
    "Augmentation",
    "ColorJitter",
    "FourierSwap",
    "GaussianBlur",
    "Mirror",
    "RandomCrop",
    "RandomResizedCrop",
    "RareCentre",
    "Resize",
    "ScaleCropFlip",
    "resize_image",
    "swap_amplitude",
]

GREY = 127.5
"""What fills a crop that reaches beyond its image: mid-grey, zero after the default normalisation (ours)."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in a pixel's grey value (ITU-R BT.601)."""

_STATIC = {"static": True}


@pytree
@dataclasses.dataclass(frozen=True)
class ScaleCropFlip(Augmentation):
    """Random scale, random crop to one size, random mirror image.

    The scale is relative: at 1, the image is resized, its aspect kept, until it just covers the crop, by

        f = scale max(h / H, w / W)   pixels of the crop for each pixel of the image.

    So with equal aspects `scale=(1, 1)` is a plain resize, a scale of 2 shows half the height and width of the image,
    and at 0.5 the image covers half the height and width of the crop. What the image does not cover is grey (127.5),
    and void in the label. The place of the crop, or of the image in it, is uniform over whole pixels.

    The image is resampled bilinearly, with the triangle filter widened by 1 / f where it shrinks (antialiased, as PIL
    does it); the label takes the nearest pixel, the one that the centre of the new pixel falls into.

    Attributes:
      size: height and width of the crop, in pixels.
      scale: lowest and highest scale; one is drawn uniformly for each image. The default 0.5 to 2 is the range that
        DeepLab made customary, there relative to the native size; the reference, the covered crop, is ours.
      flip: mirrors each image with probability 1/2.
      centre: crops around rare classes, or None (the default): `RareCentre`.
      domain: the domain whose images are cropped, `"source"` or `"target"`; None for both.

    Raises:
      InputError: a size below 1, or a scale that is not 0 < low <= high.

    >>> image = jnp.full((2, 8, 16, 3), 200, jnp.uint8)
    >>> label = jnp.ones((2, 8, 16), jnp.uint8)
    >>> crop, truth = ScaleCropFlip(size=(4, 8), scale=(0.5, 0.5))(jax.random.key(0), image, label)
    >>> crop.shape, crop.dtype, truth.shape, truth.dtype
    ((2, 4, 8, 3), dtype('float32'), (2, 4, 8), dtype('uint8'))
    >>> [float((truth == id).mean()) for id in (1, 255)]
    [0.25, 0.75]
    """

    size: tuple[int, int] = dataclasses.field(metadata=_STATIC)
    scale: tuple[Scalar, Scalar] = (0.5, 2.0)
    flip: bool = dataclasses.field(default=True, metadata=_STATIC)
    centre: RareCentre | None = None
    domain: Literal["source", "target"] | None = dataclasses.field(default=None, metadata=_STATIC)

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise InputError(f"size: {self.size}; give height and width of the crop, each at least 1")
        low, high = self.scale
        if isinstance(low, int | float) and isinstance(high, int | float) and not 0 < low <= high:
            raise InputError(
                f"scale: {low} to {high}; give the lowest and the highest scale, 0 < low <= high"
            )

    def told(self, shares: Shares) -> Augmentation:
        return self if self.centre is None else dataclasses.replace(self, centre=self.centre.told(shares))

    def aimed(self, key: Key[Array, ""], label: Labels) -> Augmentation:
        if self.centre is None or self.centre.rare is None or label is None or label.ndim == 1:
            return self
        return _Aimed(self, self.centre.aims(key, jnp.asarray(label)))

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        crop = self.aimed(key, label)
        return self.cut(key, image, label, crop.aims if isinstance(crop, _Aimed) else None)

    def cut(
        self, key: Key[Array, ""], image: Images, label: Labels, aims: Float[Array, "B 3"] | None
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        """The crops, those of them that `RareCentre.aims` says around the pixels that it says."""
        extent = (image.shape[1], image.shape[2])
        keys = image_keys(key, image.shape[0])
        given = jnp.zeros((image.shape[0], 3), jnp.float32) if aims is None else aims
        factor, rows, columns = jax.vmap(lambda one, aim: self._draw(one, aim, extent))(keys, given)
        crop = resample(image, rows, columns, factor, factor, GREY)
        if label is None or label.ndim == 1:
            return crop, label
        truth = nearest(jnp.asarray(label), rows, columns)
        seen = inside(rows, columns, extent)
        return crop, jnp.where(seen, truth, jnp.asarray(VOID, label.dtype))

    def _draw(
        self, key: Key[Array, ""], aim: Float[Array, "3"], extent: tuple[int, int]
    ) -> tuple[Float[Array, ""], Float[Array, " h"], Float[Array, " w"]]:
        """One image's factor f, and where in the image the centres of the crop's rows and columns lie."""
        low, high = (jnp.asarray(value, jnp.float32) for value in self.scale)
        chance = jax.random.uniform(key, (4,))
        ratio = max(self.size[0] / extent[0], self.size[1] / extent[1])
        factor = (low + chance[0] * (high - low)) * ratio
        centers = []
        for side, length, place, middle in zip(self.size, extent, chance[1:3], aim[:2], strict=True):
            slack = factor * length - side
            places = jnp.floor(jnp.abs(slack)) + 1.0
            offset = jnp.sign(slack) * jnp.minimum(jnp.floor(place * places), places - 1.0)
            around = jnp.clip(jnp.floor(factor * middle - side / 2), 0.0, places - 1.0)
            offset = jnp.where((aim[2] > 0.0) & (slack > 0.0), around, offset)
            centers.append((jnp.arange(side, dtype=jnp.float32) + 0.5 + offset) / factor)
        rows, columns = centers
        if self.flip:
            columns = jnp.where(chance[3] < 0.5, columns[::-1], columns)
        return factor, rows, columns


@pytree
@dataclasses.dataclass(frozen=True)
class _Aimed(Augmentation):
    """A crop whose centres are fixed: what several maps of one batch are sent through."""

    crop: ScaleCropFlip
    aims: Float[Array, "B 3"]

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        return self.crop.cut(key, image, label, self.aims)


@pytree
@dataclasses.dataclass(frozen=True)
class ColorJitter(Augmentation):
    """Random brightness, contrast and saturation, one draw an image; the label passes through.

    With a factor r drawn uniformly from [max(0, 1 - x), 1 + x] for each x of the three, in this order, the result cut
    to 0..255 after each:

        brightness   r p
        contrast     m + r (p - m),   m the mean grey value of the image
        saturation   g + r (p - g),   g the grey value of the pixel

    torchvision's transform of this name has the same three formulas, in an order drawn for each image; the fixed order
    is ours.

    Attributes:
      brightness: x of brightness; 0 leaves it.
      contrast: x of contrast; 0 leaves it.
      saturation: x of saturation; 0 leaves it.

    >>> image, _ = ColorJitter(brightness=0.5, contrast=0, saturation=0)(
    ...     jax.random.key(1), jnp.full((2, 1, 1, 3), 100.0))
    >>> [50 <= value <= 150 for value in image[:, 0, 0, 0].tolist()]
    [True, True]
    """

    moves: ClassVar[bool] = False
    brightness: Scalar = 0.2
    contrast: Scalar = 0.2
    saturation: Scalar = 0.2

    def apply(
        self, key: Key[Array, ""], image: Images, label: Labels
    ) -> tuple[Float[Array, "B h w 3"], NewLabels]:
        amounts = jnp.stack(
            [jnp.asarray(x, jnp.float32) for x in (self.brightness, self.contrast, self.saturation)]
        )
        chance = jax.vmap(lambda one: jax.random.uniform(one, (3,)))(image_keys(key, image.shape[0]))
        lowest = jnp.maximum(1.0 - amounts, 0.0)
        factors = lowest + chance * (1.0 + amounts - lowest)
        brightness, contrast, saturation = factors.T[:, :, None, None, None]
        pixels = jnp.clip(brightness * image.astype(jnp.float32), 0.0, 255.0)
        mean = _mean_grey(pixels)
        pixels = jnp.clip(mean + contrast * (pixels - mean), 0.0, 255.0)
        grey = _grey(pixels)
        return jnp.clip(grey + saturation * (pixels - grey), 0.0, 255.0), label


def _grey(pixels: Float[Array, "B H W 3"]) -> Float[Array, "B H W 1"]:
    """A sum of three slices: as a sum over the last axis it takes ten times as long on a CPU."""
    red, green, blue = (weight * pixels[..., part : part + 1] for part, weight in enumerate(LUMA))
    return red + green + blue


def _mean_grey(pixels: Float[Array, "B H W 3"]) -> Float[Array, "B 1 1 1"]:
    """Mean grey value of each image: rows are added first, as they lie in memory.

    A product with the weights, where XLA on a CPU would fuse a sum of three into every pixel that uses the mean.
    """
    batch, height, width, channels = pixels.shape
    sums = jnp.sum(pixels.reshape(batch, height, width * channels), axis=1).reshape(batch, width, channels)
    mean = jnp.sum(sums, axis=1) / (height * width)
    return jnp.dot(mean, jnp.asarray(LUMA, mean.dtype), precision="highest").reshape(batch, 1, 1, 1)
