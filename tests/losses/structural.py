"""The SSL loss longhand, pixel by pixel."""

import numpy as np

from tests.losses.images import sigmoid
from tests.losses.windows import longhand_moments, window


def normalised(maps, here, around, c4, stabilizer):
    mu, variance = longhand_moments(maps, around)
    spread = np.sqrt(variance + c4) if stabilizer == "variance" else np.sqrt(variance) + c4
    return (maps[here] - mu + c4) / spread


def longhand_error(
    logits, labels, valid, size=3, sigma=1.5, c4=0.01, stabilizer="variance", border="zero", **others
):
    """e of Eq. 10 or Eq. 16, pixel by pixel."""
    error = np.zeros(logits.shape)
    onehot = (labels[..., None] == np.arange(logits.shape[-1])).astype(float)
    p = sigmoid(logits)
    for image in np.ndindex(labels.shape[:-2]):
        for pixel in np.ndindex(labels.shape[-2:]):
            if valid[image][pixel]:
                around = window(pixel, labels.shape[-2:], valid[image], size, sigma, border)
                y_nor = normalised(onehot[image], pixel, around, c4, stabilizer)
                p_nor = normalised(p[image], pixel, around, c4, stabilizer)
                error[image][pixel] = np.abs(y_nor - p_nor)
    return error


def longhand_bound(size=3, sigma=1.5, c4=0.01, stabilizer="variance", **others):
    """e_max from two binary maps: one at the centre alone, one everywhere but there."""
    size = int(size)
    centre = np.zeros([size, size, 1])
    centre[size // 2, size // 2] = 1.0
    here = (size // 2, size // 2)
    around = window(here, (size, size), np.ones([size, size], bool), size, sigma, "zero")
    highest = normalised(centre, here, around, c4, stabilizer)
    return (highest - normalised(1.0 - centre, here, around, c4, stabilizer)).item()


def longhand(logits, labels, valid, *, beta=0.1, reweight=True, mine=True, **hyper):
    """Values and hard of Eq. 11 and 12."""
    error = longhand_error(logits, labels, valid, **hyper)
    hard = np.broadcast_to(valid[..., None], error.shape)
    if mine:
        hard = hard & (error > beta * longhand_bound(**hyper))
    true = labels[..., None] == np.arange(logits.shape[-1])
    bce = np.logaddexp(0.0, np.where(true, -logits, logits))
    return np.where(hard, (error if reweight else 1.0) * bce, 0.0), hard
