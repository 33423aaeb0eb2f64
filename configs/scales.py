"""Crops by the scale of the image, as papers state it; that of `ScaleCropFlip` is relative to the crop."""

from typing import Any

from jaxseg.data.augment import RareCentre, ScaleCropFlip


def scaled(
    crop: tuple[int, int],
    image: tuple[int, int],
    scale: tuple[float, float],
    domain: Any,
    centre: RareCentre | None = None,
) -> ScaleCropFlip:
    """Crops of images scaled by a factor of their own size, of one domain; mirrored with probability 1/2."""
    covers = max(crop[0] / image[0], crop[1] / image[1])
    low, high = (factor / covers for factor in scale)
    return ScaleCropFlip(size=crop, scale=(low, high), domain=domain, centre=centre)
