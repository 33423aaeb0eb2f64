"""The generator of the Conservative Loss framework: an image made of an embedding and Gaussian noise.

The paper (Zhu et al. 2018) reconstructs the image from the encoder's embedding, with Gaussian noise added to the
generator, and leaves layers and amount to a supplement. The layers here are those of LSD-seg's released code, the
nearest public relative, made to fit embeddings of any network:

    entry     7x7                                                  4w channels, stride of the deepest embedding
    doubled from stride 32, 16, 8, 4                               8w, 4w, 2w, w; kernels 3x3, 3x3, 5x5, 5x5
              where an embedding has the new size, it is joined to the input of the next step
    image     8x8, stride 2, bias, sigmoid                         3, stride 1

All of these are transposed convolutions; all but the last have instance normalisation without scale and bias, ReLU,
and two residual units after them: `x + dropout(relu(norm(conv3x3(x))))`. No other convolution has a bias. Noise
channels, drawn from N(0, 1), are joined to every embedding (LSD-seg has code for it, and sets their number to 0).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models._arguments import check_counts, check_rate
from jaxseg.models._rows import convolved, least_rows
from jaxseg.models.layers import Conv, Dtype, InstanceNorm, dropout
from jaxseg.models.network import Network, Output, Variables, check_domain, run_linen

_STRIDES = (32, 16, 8, 4, 2)
_DOUBLING = {32: (8, 3), 16: (4, 3), 8: (2, 5), 4: (1, 5)}
"""Stride that is halved: (channels in units of the width, kernel side)."""
_ENTRY_KERNEL, _IMAGE_KERNEL = 7, 8
_INITIALIZER = nn.initializers.normal(0.02)


def _uniform_bias(key: Array, shape: tuple[int, ...], dtype: Dtype) -> Array:
    return jax.random.uniform(key, shape, dtype, -0.01, 0.01)


class _Transposed(nn.Module):
    """Transposed convolution: kernel entry k adds input pixel i into output pixel `stride * i + k - padding`.

    Called with the size wanted; rows and columns beyond the last input pixel's kernel are as of zeros there.
    """

    features: int
    kernel: int
    stride: int
    padding: int
    use_bias: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: Array, size: tuple[int, int]) -> Array:
        k, s, p = self.kernel, self.stride, self.padding
        weights = self.param("kernel", _INITIALIZER, (k, k, x.shape[-1], self.features), jnp.float32)
        margins = [
            (k - 1 - p, wanted - (s * (side - 1) + k - 2 * p) + k - 1 - p)
            for side, wanted in zip(x.shape[1:3], size, strict=True)
        ]
        flipped = weights[::-1, ::-1].astype(self.dtype)
        y = convolved(
            x.astype(self.dtype),
            lambda x: lax.conv_general_dilated(
                x, flipped, (1, 1), margins, lhs_dilation=(s, s), dimension_numbers=("NHWC", "HWIO", "NHWC")
            ),
            least_rows(-(-(k - 1) // s), same=s == 1 and 2 * p == k - 1),
        )
        if self.use_bias:
            y = y + self.param("bias", _uniform_bias, (self.features,), jnp.float32).astype(self.dtype)
        return y


class _Unit(nn.Module):
    """`x + dropout(relu(norm(conv3x3(x))))`."""

    rate: float
    dtype: Dtype

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        convolution = Conv(x.shape[-1], (3, 3), dtype=self.dtype, initializer=_INITIALIZER, name="conv_layer")
        y = nn.relu(InstanceNorm(dtype=self.dtype)(convolution(x)))
        return x + (dropout(y, self.rate, self.make_rng("dropout")) if train and self.rate else y)


class _Generator(nn.Module):
    """The network; see `generator` for its fields. Modules are named as in LSD-seg, stages and their steps counted."""

    strides: tuple[int, ...]
    padding: int
    width: int
    noise: int
    rate: float
    remat: bool
    dtype: Dtype

    def _noisy(self, x: Array, train: bool) -> Array:
        """An embedding with its noise channels: drawn in training, at their mean 0 otherwise."""
        x = x.astype(self.dtype)
        if not self.noise:
            return x
        shape = (*x.shape[:-1], self.noise)
        key = self.make_rng("noise") if train else None
        noise = jnp.zeros(shape, self.dtype) if key is None else jax.random.normal(key, shape, self.dtype)
        return jnp.concatenate([x, noise], axis=-1)

    @nn.compact
    def __call__(self, embedding: Sequence[Array], *, train: bool) -> Output:
        padded = self.padding > 1
        stage, step = 1, 0

        def doubled(x: Array, joined: Array | None) -> tuple[int, int]:
            """Size after doubling: that of the embedding to be joined, or else the nearest."""
            smallest = [2 * side - 1 for side in x.shape[1:3]]
            if joined is None:
                return (smallest[0], smallest[1]) if padded else (2 * x.shape[1], 2 * x.shape[2])
            size = (joined.shape[1], joined.shape[2])
            if any(not low <= side <= low + 1 for low, side in zip(smallest, size, strict=True)):
                raise InputError(
                    f"embedding: a map of {size[0]}x{size[1]} pixels does not fit one of half its stride, "
                    f"{x.shape[1]}x{x.shape[2]}; every side is rounded up when it is halved"
                )
            return size

        def refined(
            x: Array, size: tuple[int, int], features: int, kernel: int, stride: int, padding: int
        ) -> Array:
            name, first = f"stage{stage}_upsample_", step

            def layers(module: "_Generator", x: Array) -> Array:
                layer = _Transposed(
                    features, kernel, stride, padding, False, self.dtype, name=f"{name}{first}"
                )
                x = nn.relu(InstanceNorm(dtype=self.dtype)(layer(x, size)))
                for place in (first + 3, first + 4):
                    x = _Unit(self.rate, self.dtype, name=f"{name}{place}")(x, train)
                return x

            return (nn.remat(layers) if self.remat else layers)(self, x)

        maps = dict(zip(self.strides, embedding, strict=True))
        stride = self.strides[0]
        x = self._noisy(maps[stride], train)
        grown = _ENTRY_KERNEL - 1 if padded else 0
        size = (x.shape[1] + grown, x.shape[2] + grown)
        x = refined(x, size, 4 * self.width, _ENTRY_KERNEL, 1, 0 if padded else _ENTRY_KERNEL // 2)
        step = 5
        while stride > 2:
            channels, kernel = _DOUBLING[stride]
            joined = maps.get(stride // 2)
            x = refined(x, doubled(x, joined), channels * self.width, kernel, 2, kernel // 2)
            stride, step = stride // 2, step + 5
            if joined is not None:
                x = jnp.concatenate([x, self._noisy(joined, train)], axis=-1)
                stage, step = stage + 1, 0
        padding = self.padding if padded else _IMAGE_KERNEL // 2 - 1
        size = (
            2 * (x.shape[1] - 1) + _IMAGE_KERNEL - 2 * padding,
            2 * (x.shape[2] - 1) + _IMAGE_KERNEL - 2 * padding,
        )
        last = _Transposed(
            3, _IMAGE_KERNEL, 2, padding, True, self.dtype, name=f"stage{stage + 1}_upsample_0"
        )
        return Output(logits=last(x, size).astype(jnp.float32), features=x)


@dataclasses.dataclass(frozen=True)
class GeneratorNetwork(Network):
    """A network from embeddings to images; made by `generator`.

    `init` and `apply` take the embedding where other networks take an image: a map [B, h, w, D], or a tuple of several,
    deepest first. Training draws from `rngs["noise"]` and `rngs["dropout"]`.

    Attributes:
      embedding: channels of the maps.
      module: the Linen module.
    """

    embedding: tuple[int, ...] = dataclasses.field(kw_only=True)
    module: nn.Module = dataclasses.field(kw_only=True)

    def init(self, key: Array, image: Array | tuple[Array, ...]) -> dict[str, Any]:
        variables = self.module.init({"params": key}, self._maps(image), train=False)
        return {"params": variables["params"], "batch_stats": {}}

    def apply(
        self,
        variables: Variables,
        image: Array | tuple[Array, ...],
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        domain: str = "source",
    ) -> tuple[Output, Any]:
        check_domain(domain)
        return run_linen(self.module, variables, self._maps(image), train, rngs)

    def image(self, output: Output) -> Float[Array, "B H W 3"]:
        """The image in 0..1 of an output: `sigmoid(logits)`."""
        return jax.nn.sigmoid(output.logits)

    def _maps(self, given: Array | tuple[Array, ...]) -> tuple[Array, ...]:
        maps = given if isinstance(given, tuple) else (given,)
        channels = tuple(each.shape[-1] for each in maps)
        if channels != self.embedding:
            raise InputError(
                f"embedding: maps of {channels} channels; this generator was made for {self.embedding}"
            )
        return maps


def generator(
    classes: int,
    *,
    embedding: tuple[int, ...] | None = (4096,),
    strides: tuple[int, ...] = (32,),
    padding: int = 1,
    width: int = 64,
    noise: int = 16,
    dropout: float = 0.5,
    remat: bool = False,
    dtype: Dtype = jnp.float32,
) -> GeneratorNetwork:
    """The generator; LSD-seg's, of 64,221,187 parameters, is that of three embeddings, padding 100 and no noise.

    Args:
      classes: number of classes C of the network whose embedding it takes.
      embedding: channels of the embedding's maps, deepest first; None for the C class scores themselves (the paper's
        pixel classifier has no parameters, so scores are an embedding). The default is fc7, the `features` of `fcn8s`;
        LSD-seg takes (4096, 512, 256): fc7, pool4 and pool3.
      strides: their strides, powers of two from 32 down to 2, each smaller than the one before.
      padding: of the encoder's first convolution: 1 for a map of `ceil(side / stride)` pixels, the project's networks;
        100 for the first FCN, whose unpadded fc6 the 7x7 then undoes, and its border the last convolution.
      width: w, the channels at stride 2.
      noise: noise channels at every embedding (ours; the paper has noise, of unstated amount, LSD-seg none).
      dropout: probability in the residual units, LSD-seg's.
      remat: recompute every step, the layers between two sizes, in the backward pass; less memory, the same values.
      dtype: compute type; parameters and the result are float32.

    Returns:
      A `GeneratorNetwork` whose `logits` [B, H, W, 3] become an image in 0..1 by `network.image(output)`. H and W are
      the deepest map's sides times its stride; crop them to the image's. With padding 100 they are the image's own
      where 32 divides it.

    Raises:
      InputError: an argument is none of what it may be.

    Kernels are drawn from N(0, 0.02^2), the last bias from U(-0.01, 0.01), as in LSD-seg.

    Source: Zhu, Zhou, Yang, Shi and Lin, "Penalizing Top Performers: Conservative Loss for Semantic Segmentation
    Adaptation", 2018, Sections 3.1 and 4.1; Sankaranarayanan et al., "Learning from Synthetic Data: Addressing Domain
    Shift for Semantic Segmentation", 2018, and its released code.

    >>> network = generator(19, embedding=(8,), strides=(8,), width=4)
    >>> maps = jnp.zeros((1, 3, 5, 8))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), maps)
    >>> output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, maps)
    >>> output.logits.shape
    (1, 24, 40, 3)
    """
    channels = (classes,) if embedding is None else embedding
    check_counts("generator", classes=classes, padding=padding, width=width)
    if not channels or min(channels) < 1 or len(channels) != len(strides):
        raise InputError(f"generator.embedding: {channels} for strides {strides}; give one number a stride")
    if any(stride not in _STRIDES for stride in strides) or list(strides) != sorted(set(strides))[::-1]:
        raise InputError(f"generator.strides: {strides}; use falling ones of {_STRIDES}")
    if noise < 0:
        raise InputError(f"generator.noise: {noise}; use a number of channels, 0 for none")
    check_rate("generator.dropout", dropout)
    if padding > 1 and strides[0] != 32:
        raise InputError(f"generator.padding: {padding} at stride {strides[0]}; only fc7, at 32, is unpadded")
    module = _Generator(
        strides=strides,
        padding=padding,
        width=width,
        noise=noise,
        rate=dropout,
        remat=remat,
        dtype=jnp.dtype(dtype),
    )
    return GeneratorNetwork(classes, embedding=channels, module=module)
