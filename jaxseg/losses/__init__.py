"""Losses of semantic segmentation: pure functions of logits, and pytree objects that hold their hyper-parameters.

    loss(logits [*B, H, W, C], labels [*B, H, W], *, where=None, ...) -> values [*B, H, W]

Every loss reduces the class axis and nothing else, computes in float32 whatever comes in, gives void pixels a value
and a gradient of exactly 0, and can be transformed by `jit`, `vmap`, `grad` and `jvp` to any depth. `mean` is the
only reducer. Beside each function stands a class whose float fields are pytree leaves: to change one never
recompiles, and to stack several and `vmap` is a sweep.

>>> import jax, jax.numpy as jnp
>>> from jaxseg import losses
>>> logits, labels = jnp.zeros([2, 8, 8, 2]), jnp.full([2, 8, 8], 255).at[0].set(1)
>>> losses.mean(losses.softmax_cross_entropy(logits, labels), losses.valid_pixels(labels, 2)).round(4)
Array(0.6931, dtype=float32)
>>> losses.MaximumSquares().average(logits)
Array(-0.25, dtype=float32)
"""

from jaxseg.losses._cross_entropy import (
    SigmoidCrossEntropy,
    SoftCrossEntropy,
    SoftmaxCrossEntropy,
    sigmoid_cross_entropy,
    soft_cross_entropy,
    softmax_cross_entropy,
)
from jaxseg.losses._entropy import Entropy, entropy
from jaxseg.losses._maximum_squares import (
    MaximumSquares,
    MaximumSquaresImageWise,
    image_wise_weights,
    maximum_squares,
    maximum_squares_image_wise,
)
from jaxseg.losses._pixels import Loss, Scalar, mean, valid_pixels

__all__ = [
    "Entropy",
    "Loss",
    "MaximumSquares",
    "MaximumSquaresImageWise",
    "Scalar",
    "SigmoidCrossEntropy",
    "SoftCrossEntropy",
    "SoftmaxCrossEntropy",
    "entropy",
    "image_wise_weights",
    "maximum_squares",
    "maximum_squares_image_wise",
    "mean",
    "sigmoid_cross_entropy",
    "soft_cross_entropy",
    "softmax_cross_entropy",
    "valid_pixels",
]
