"""PixelDA's generator and discriminator of images (Bousmalis et al. 2017), fully convolutional.

    redrawer               3x3 to w channels, ReLU; residual units x + norm(conv3x3(relu(norm(conv3x3(x))))); 1x1 to 3
    redrawn_discriminator  3x3 to w channels; 3x3 of stride 2 to 2w, 4w, ... channels, normalised; 1x1 to a score

with LeakyReLU, `max(x, 0.2 x)`, dropout and Gaussian noise after every convolution of the discriminator but the last;
normalisation is of batches, kernels are drawn from N(0, 0.02^2), and a convolution that is not normalised has a bias.
The released code goes on halving until 4x4 pixels are left and ends in a linear layer, one score an image; here a score
is that of a patch (ours), so that images may have any size.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models._arguments import check_counts, check_rate
from jaxseg.models._auxiliary import MapNetwork
from jaxseg.models.layers import BatchNorm, Conv, Dtype, dropout
from jaxseg.models.network import Output

_INITIALIZER = nn.initializers.normal(0.02)
_SLOPE = 0.2
_EPSILON = 1e-3


def _convolution(
    features: int, side: int, dtype: Dtype, name: str, stride: int = 1, bias: bool = False
) -> Conv:
    return Conv(
        features, (side, side), stride=stride, use_bias=bias, dtype=dtype, initializer=_INITIALIZER, name=name
    )


class _Redrawer(nn.Module):
    """The generator; see `redrawer` for its fields."""

    blocks: int
    width: int
    remat: bool
    dtype: Dtype

    def _unit(self, x: Array, train: bool, name: str) -> Array:
        y = x
        for place in (1, 2):
            y = _convolution(self.width, 3, self.dtype, f"{name}_conv{place}")(y)
            y = BatchNorm(epsilon=_EPSILON, dtype=self.dtype, name=f"{name}_norm{place}")(y, train=train)
            y = nn.relu(y) if place == 1 else y
        return x + y

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W D"], *, train: bool) -> Output:
        unit = nn.remat(_Redrawer._unit, static_argnums=(2, 3)) if self.remat else _Redrawer._unit
        x = nn.relu(_convolution(self.width, 3, self.dtype, "first", bias=True)(maps.astype(self.dtype)))
        for block in range(self.blocks):
            x = unit(self, x, train, f"block{block}")
        last = _convolution(3, 1, self.dtype, "last", bias=True)
        return Output(logits=last(x).astype(jnp.float32), features=x)


class _RedrawnDiscriminator(nn.Module):
    """The discriminator; see `redrawn_discriminator` for its fields."""

    halvings: int
    width: int
    dropout: float
    noise: float
    dtype: Dtype

    def _disturbed(self, x: Array, train: bool) -> Array:
        if not train:
            return x
        if self.dropout:
            x = dropout(x, self.dropout, self.make_rng("dropout"))
        if self.noise:
            x = x + self.noise * jax.random.normal(self.make_rng("dropout"), x.shape, x.dtype)
        return x

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W D"], *, train: bool) -> Output:
        x = _convolution(self.width, 3, self.dtype, "conv0", bias=True)(maps.astype(self.dtype))
        x = self._disturbed(nn.leaky_relu(x, _SLOPE), train)
        for place in range(1, self.halvings + 1):
            x = _convolution(self.width * 2**place, 3, self.dtype, f"conv{place}", stride=2)(x)
            x = BatchNorm(epsilon=_EPSILON, dtype=self.dtype, name=f"norm{place}")(x, train=train)
            x = self._disturbed(nn.leaky_relu(x, _SLOPE), train)
        scores = _convolution(1, 1, self.dtype, "score", bias=True)(x)
        return Output(logits=scores.astype(jnp.float32), features=x)


def redrawer(
    *, noise: int = 10, blocks: int = 6, width: int = 64, remat: bool = False, dtype: Dtype = jnp.float32
) -> MapNetwork:
    """PixelDA's generator, 451,651 parameters: an image in the look of another domain, of an image and noise.

    Args:
      noise: channels of noise beside the image's three.
      blocks: residual units.
      width: channels of all maps.
      remat: recompute every unit in the backward pass; less memory, the same values.
      dtype: compute type; parameters, statistics and the result are float32.

    Returns:
      A `MapNetwork` of maps [B, H, W, 3 + noise], the image in -1..1, whose `logits` [B, H, W, 3] become an image in
      -1..1 by `tanh`.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Bousmalis, Silberman, Dohan, Erhan and Krishnan, "Unsupervised Pixel-Level Domain Adaptation with Generative
    Adversarial Networks", 2017, Section 3 and Figure 2, and its released code, from which the numbers are.

    >>> network = redrawer(width=4)
    >>> maps = jnp.zeros((1, 6, 9, 13))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), maps)
    >>> jax.eval_shape(lambda v, x: network.apply(v, x, train=False)[0].logits, variables, maps).shape
    (1, 6, 9, 3)
    """
    check_counts("redrawer", blocks=blocks, width=width)
    if noise < 0:
        raise InputError(f"redrawer.noise: {noise}; use a number of channels, 0 for none")
    module = _Redrawer(blocks=blocks, width=width, remat=remat, dtype=dtype)
    return MapNetwork(3, channels=3 + noise, module=module)


def redrawn_discriminator(
    *,
    halvings: int = 3,
    width: int = 64,
    dropout: float = 0.1,
    noise: float = 0.2,
    dtype: Dtype = jnp.float32,
) -> MapNetwork:
    """PixelDA's discriminator of redrawn and target images, a score a patch; 1,552,385 parameters.

    Args:
      halvings: convolutions of stride 2; each doubles the channels. The released code halves down to 4x4 pixels.
      width: channels of the first convolution.
      dropout: probability after every convolution but the last.
      noise: standard deviation of the Gaussian noise that is added there.
      dtype: compute type; parameters, statistics and scores are float32.

    Returns:
      A `MapNetwork` of images [B, H, W, 3] in -1..1 with `logits` [B, h, w, 1] at stride 2 ^ halvings. Training draws
      from `rngs["dropout"]`.

    Raises:
      InputError: an argument is none of what it may be.

    Source: as `redrawer`.

    >>> network = redrawn_discriminator(width=4)
    >>> image = jnp.zeros((1, 16, 24, 3))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), image)
    >>> jax.eval_shape(lambda v, x: network.apply(v, x, train=False)[0].logits, variables, image).shape
    (1, 2, 3, 1)
    """
    check_counts("redrawn_discriminator", halvings=halvings, width=width)
    check_rate("redrawn_discriminator.dropout", dropout)
    if noise < 0.0:
        raise InputError(f"redrawn_discriminator.noise: {noise}; use a standard deviation, 0 for none")
    module = _RedrawnDiscriminator(halvings=halvings, width=width, dropout=dropout, noise=noise, dtype=dtype)
    return MapNetwork(1, minimum_size=2**halvings, channels=3, module=module)
