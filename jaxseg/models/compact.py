"""A small encoder-decoder that learns in minutes on a CPU. Ours: for demonstrations and tests, in no paper's table.

    stem      3x3 convolution of stride 2                                  w channels, stride 2
    middle    3x3 of stride 2, a residual 3x3                              2w, 4
    deep      3x3 of stride 2, residual 3x3 of dilation 1, 2, 4 and 8      4w, 8
    decoder   doubled, joined with middle, 3x3; doubled, joined with stem, 3x3
    head      1x1                                                          C, 2
    aux       1x1 on the decoder's first stage, if asked for               C, 4

The encoder has five blocks, which source and target may have apart, as MetaPix splits VGG: stem, middle, the first
convolution of deep, those of dilation 1 and 2, those of 4 and 8.

As in a U-Net (Ronneberger et al. 2015) the decoder sees the encoder's features of its own size; every convolution but
the heads is followed by batch normalisation and ReLU. Logits are at half the image's size, rounded up.
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models.layers import Conv, Dtype, check_norm, crop, norm
from jaxseg.models.network import DOMAINS, LinenNetwork, Network, Normalization, Output

DILATIONS = (1, 2, 4, 8)
BLOCKS = 5
_DEFAULT_NORMALIZATION = Normalization()


class _Compact(nn.Module):
    classes: int
    width: int
    batch_norm: str
    dtype: Dtype
    aux: bool = False
    remat: bool = False
    split: int = 0

    def _unit(
        self, x: Array, features: int, stride: int, dilation: int, train: bool, name: str | None
    ) -> Array:
        own = (None, None) if name is None else (f"{name}_conv", f"{name}_norm")
        convolution = Conv(
            features, (3, 3), stride=stride, dilation=dilation, use_bias=False, dtype=self.dtype, name=own[0]
        )
        return nn.relu(norm(self.batch_norm, name=own[1], dtype=self.dtype)(convolution(x), train=train))

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool, domain: str = "source") -> Output:
        run = nn.remat(_Compact._unit, static_argnums=(2, 3, 4, 5, 6)) if self.remat else _Compact._unit

        def unit(
            x: Array, features: int, stride: int = 1, dilation: int = 1, own: str | None = None
        ) -> Array:
            return run(self, x, features, stride, dilation, train, own)

        w = self.width
        image = image.astype(self.dtype)
        stem, middle, deep = self._encoded(image, unit, domain, BLOCKS)
        if self.split and self.is_initializing():
            other = next(each for each in DOMAINS if each != domain)
            self._encoded(image, unit, other, self.split)  # blocks that this pass does not meet
        x = unit(jnp.concatenate([_doubled(deep, middle), middle], axis=-1), 2 * w)
        aux = self._scores("aux", x) if self.aux else None
        x = unit(jnp.concatenate([_doubled(x, stem), stem], axis=-1), 2 * w)
        return Output(logits=self._scores("head", x), aux=aux, features=x)

    def _encoded(self, x: Array, unit: Callable[..., Array], domain: str, last: int) -> list[Array]:
        """The features of stem, middle and deep, of blocks 1 to `last`; the first `split` blocks are the domain's."""
        features = (self.width, 2 * self.width, 4 * self.width)
        kept: list[Array] = []
        for block in range(1, last + 1):
            own = [f"{domain}_block{block}_{place}" if block <= self.split else None for place in range(2)]
            if block <= len(features):
                x = unit(x, features[block - 1], stride=2, own=own[0])
                if block == 2:
                    x = x + unit(x, features[1], own=own[1])
                kept.append(x)
                continue
            for place, dilation in enumerate(DILATIONS[2 * block - 8 : 2 * block - 6]):
                x = x + unit(x, features[2], dilation=dilation, own=own[place])
            kept[-1] = x
        return kept

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
    split: int = 0,
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
      split: blocks 1 to `split` (0 to 5) of the encoder exist twice, drawn apart, and `apply` goes through those of its
        `domain`.
      remat: recompute every convolution with its normalisation in the backward pass; less memory, the same values.
      dtype: compute type; parameters, statistics and logits are float32.
      normalization: what turns raw pixels into its input.

    Returns:
      A `Network` that takes images of at least 8x8 pixels, any size, and gives logits at half of it, rounded up; the
      auxiliary ones are at a quarter.

    Raises:
      InputError: an unknown mode of batch normalisation, or a split that is no block.

    >>> import jax
    >>> network = compact(5, width=4)
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 30, 41, 3)))
    >>> output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, jnp.zeros((1, 30, 41, 3)))
    >>> output.logits.shape
    (1, 15, 21, 5)
    """
    check_norm(batch_norm, "compact.batch_norm")
    if not 0 <= split <= BLOCKS:
        raise InputError(f"compact.split: {split}; use 0 (nothing twice) to {BLOCKS} (the whole encoder)")
    module = _Compact(classes, width, batch_norm, dtype, aux, remat, split)
    return LinenNetwork(
        classes,
        normalization,
        minimum_size=8,
        head=("head", "aux") if aux else ("head",),
        module=module,
        per_domain=batch_norm == "per_domain",
        takes_domain=split > 0,
    )
