"""The Gaussian window longhand: which pixels surround one, at what weight. For the references of SSL and SSIM."""

import numpy as np


def reflected(position, length):
    """The position mirrored at the outermost pixels, again and again where the image is small."""
    while length > 1 and not 0 <= position < length:
        position = -position if position < 0 else 2 * (length - 1) - position
    return position if length > 1 else 0


def window(pixel, shape, valid, size, sigma, border):
    """(weight, pixel or None for 0) of every position of the window around `pixel` of an image of this shape."""
    reach = int(size) // 2
    found = []
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            weight = np.exp(-(down**2 + right**2) / (2.0 * sigma**2))
            there = [pixel[0] + down, pixel[1] + right]
            if border == "edge":
                there = [min(max(at, 0), length - 1) for at, length in zip(there, shape, strict=True)]
            if border == "reflect":
                there = [reflected(at, length) for at, length in zip(there, shape, strict=True)]
            inside = all(0 <= at < length for at, length in zip(there, shape, strict=True))
            there = tuple(there) if inside and valid[tuple(there)] else None
            if there is not None or border != "renormalize":
                found.append((weight, there))
    total = sum(weight for weight, _ in found)
    return [(weight / total, there) for weight, there in found]


def weighted_mean(maps, around):
    """sum_i w_i maps_{n+i} for maps [H, W, C]."""
    total = np.zeros(maps.shape[-1])
    for weight, there in around:
        if there is not None:
            total += weight * maps[there]
    return total


def longhand_moments(maps, around):
    """Mean and variance, the latter by its definition as the mean squared distance from the mean."""
    mean = weighted_mean(maps, around)
    variance = np.zeros_like(mean)
    for weight, there in around:
        variance += weight * ((0.0 if there is None else maps[there]) - mean) ** 2
    return mean, variance
