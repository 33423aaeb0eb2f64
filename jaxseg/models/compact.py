"""A small encoder-decoder that learns in minutes on a CPU. Ours: for demonstrations and tests, in no paper's table.

    stem      3x3 convolution of stride 2                                  w channels, stride 2
    middle    3x3 of stride 2, a residual 3x3                              2w, 4
    deep      3x3 of stride 2, residual 3x3 of dilation 1, 2, 4 and 8      4w, 8
    decoder   doubled, joined with middle, 3x3; doubled, joined with stem, 3x3
    head      1x1                                                          C, 2

As in a U-Net (Ronneberger et al. 2015) the decoder sees the encoder's features of its own size; every convolution but
the head is followed by batch normalisation and ReLU. Logits are at half the image's size, rounded up.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models.layers import Conv, Dtype, check_norm, crop, norm
from jaxseg.models.network import LinenNetwork, Network, Normalization, Output

DILATIONS = (1, 2, 4, 8)
_DEFAULT_NORMALIZATION = Normalization()


class _Compact(nn.Module):
    classes: int
    width: int
    batch_norm: str
    dtype: Dtype

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        def unit(x: Array, features: int, stride: int = 1, dilation: int = 1) -> Array:
            x = Conv(features, (3, 3), stride=stride, dilation=dilation, use_bias=False, dtype=self.dtype)(x)
            return nn.relu(norm(self.batch_norm, dtype=self.dtype)(x, train=train))

        w = self.width
        stem = unit(image.astype(self.dtype), w, stride=2)
        middle = unit(stem, 2 * w, stride=2)
        middle = middle + unit(middle, 2 * w)
        deep = unit(middle, 4 * w, stride=2)
        for dilation in DILATIONS:
            deep = deep + unit(deep, 4 * w, dilation=dilation)
        x = unit(jnp.concatenate([_doubled(deep, middle), middle], axis=-1), 2 * w)
        x = unit(jnp.concatenate([_doubled(x, stem), stem], axis=-1), 2 * w)
        logits = Conv(self.classes, (1, 1), use_bias=True, dtype=self.dtype, name="head")(x)
        return Output(logits=logits.astype(jnp.float32), features=x)


def _doubled(x: Float[Array, "B h w D"], like: Float[Array, "B H W E"]) -> Float[Array, "B H W D"]:
    """Every pixel four times, cropped to the size of `like`; no gather."""
    batch, height, width, features = x.shape
    wide = jnp.broadcast_to(x[:, :, None, :, None, :], (batch, height, 2, width, 2, features))
    return crop(wide.reshape(batch, 2 * height, 2 * width, features), (like.shape[1], like.shape[2]))


def compact(
    classes: int,
    *,
    width: int = 24,
    batch_norm: str = "train",
    dtype: Dtype = jnp.float32,
    normalization: Normalization = _DEFAULT_NORMALIZATION,
) -> Network:
    """A small encoder-decoder, 0.50 million parameters at the default width. Source: ours.

    Args:
      classes: number of classes C.
      width: channels w of the stem; cost grows with its square.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`.
      dtype: compute type; parameters, statistics and logits are float32.
      normalization: what turns raw pixels into its input.

    Returns:
      A `Network` that takes images of at least 8x8 pixels, any size, and gives logits at half of it, rounded up.

    >>> import jax
    >>> network = compact(5, width=4)
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 30, 41, 3)))
    >>> output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, jnp.zeros((1, 30, 41, 3)))
    >>> output.logits.shape
    (1, 15, 21, 5)
    """
    check_norm(batch_norm, "compact.batch_norm")
    module = _Compact(classes, width, batch_norm, dtype)
    per_domain = batch_norm == "per_domain"
    return LinenNetwork(classes, normalization, minimum_size=8, module=module, per_domain=per_domain)
