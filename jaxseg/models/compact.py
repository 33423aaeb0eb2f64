"""A small encoder-decoder that learns in minutes on a CPU. Ours: for demonstrations and tests, in no paper's table.

    stem      3x3 convolution of stride 2                                  w channels, stride 2
    middle    3x3 of stride 2, a residual 3x3                              2w, 4
    deep      3x3 of stride 2, residual 3x3 of dilation 1, 2, 4 and 8      4w, 8
    decoder   doubled, joined with middle, 3x3; doubled, joined with stem, 3x3
    head      1x1                                                          C, 2
    aux       1x1 on the decoder's first stage, if asked for               C, 4

As in a U-Net (Ronneberger et al. 2015) the decoder sees the encoder's features of its own size; every convolution but
the heads is followed by batch normalisation and ReLU. Logits are at half the image's size, rounded up.
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
    aux: bool = False
    remat: bool = False

    def _unit(self, x: Array, features: int, stride: int, dilation: int, train: bool) -> Array:
        x = Conv(features, (3, 3), stride=stride, dilation=dilation, use_bias=False, dtype=self.dtype)(x)
        return nn.relu(norm(self.batch_norm, dtype=self.dtype)(x, train=train))

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        run = nn.remat(_Compact._unit, static_argnums=(2, 3, 4, 5)) if self.remat else _Compact._unit

        def unit(x: Array, features: int, stride: int = 1, dilation: int = 1) -> Array:
            return run(self, x, features, stride, dilation, train)

        w = self.width
        stem = unit(image.astype(self.dtype), w, stride=2)
        middle = unit(stem, 2 * w, stride=2)
        middle = middle + unit(middle, 2 * w)
        deep = unit(middle, 4 * w, stride=2)
        for dilation in DILATIONS:
            deep = deep + unit(deep, 4 * w, dilation=dilation)
        x = unit(jnp.concatenate([_doubled(deep, middle), middle], axis=-1), 2 * w)
        aux = self._scores("aux", x) if self.aux else None
        x = unit(jnp.concatenate([_doubled(x, stem), stem], axis=-1), 2 * w)
        return Output(logits=self._scores("head", x), aux=aux, features=x)

    def _scores(self, name: str, x: Array) -> Array:
        head = Conv(self.classes, (1, 1), use_bias=True, dtype=self.dtype, name=name)
        return head(x).astype(jnp.float32)


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
    aux: bool = False,
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization = _DEFAULT_NORMALIZATION,
) -> Network:
    """A small encoder-decoder, 0.50 million parameters at the default width. Source: ours.

    Args:
      classes: number of classes C.
      width: channels w of the stem; cost grows with its square.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`.
      aux: a second head on the decoder's first stage, whose scores are the output's `aux`; without it nothing differs.
      remat: recompute every convolution with its normalisation in the backward pass; less memory, the same values.
      dtype: compute type; parameters, statistics and logits are float32.
      normalization: what turns raw pixels into its input.

    Returns:
      A `Network` that takes images of at least 8x8 pixels, any size, and gives logits at half of it, rounded up; the
      auxiliary ones are at a quarter.

    Raises:
      InputError: an unknown mode of batch normalisation.

    >>> import jax
    >>> network = compact(5, width=4)
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 30, 41, 3)))
    >>> output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, jnp.zeros((1, 30, 41, 3)))
    >>> output.logits.shape
    (1, 15, 21, 5)
    """
    check_norm(batch_norm, "compact.batch_norm")
    module = _Compact(classes, width, batch_norm, dtype, aux, remat)
    return LinenNetwork(
        classes,
        normalization,
        minimum_size=8,
        head=("head", "aux") if aux else ("head",),
        module=module,
        per_domain=batch_norm == "per_domain",
    )
