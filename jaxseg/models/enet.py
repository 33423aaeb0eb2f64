"""ENet (Paszke et al. 2016): an encoder-decoder of 0.36 million parameters.

    initial     3x3 convolution of stride 2 beside a max-pool of the image                 16 channels, stride 2
    stage 1     downsampling bottleneck, four regular ones                                 64, 4
    stage 2     downsampling bottleneck, then regular, dilated 2, asymmetric 5, dilated 4,
                regular, dilated 8, asymmetric 5, dilated 16                               128, 8
    stage 3     those eight again                                                          128, 8
    stage 4     upsampling bottleneck, two regular ones                                    64, 4
    stage 5     upsampling bottleneck, one regular                                         16, 2
    last        transposed convolution of stride 2                                         C, 1

A bottleneck adds to its shortcut a branch of 1x1 reduction, main convolution and 1x1 expansion. The maxima's places in
the downsampling shortcuts return in the upsampling ones. Two released forms differ, and both are here:

                              "original" (the authors' Torch code)      "port" (the common PyTorch one)
    inner width               output / 4                                input / 4 where the size changes
    encoder activation        PReLU, a slope a channel                  PReLU, one slope; also after the expansion
    decoder activation        ReLU                                      ReLU; in regular ones also after the expansion
    main convolutions         with bias (the first asymmetric without)  without
    asymmetric pair           1x5, 5x1, nothing between                 5x1, BN, PReLU, 1x5
    initial max-pool          2x2                                       3x3, padding 1
    upsampling convolution    3x3, padding 1, adjusted by 1             2x2
    last convolution          2x2 with bias                             3x3, padding 1, without bias
    BN epsilon                1e-3                                      1e-5
    decoder dropout           none                                      0.1
    parameters, 12 classes    363,856                                   350,652

The released forms round odd sides down when they pool; here they are rounded up on the way down and cropped on the way
up (ours), which changes nothing for multiples of 8 and gives logits at the image's size for every other. Dropped
channels are made up for while training, as in the port (Torch did so when predicting).

Both leave kernels to Torch's default draw, uniform within 1/sqrt(fan_in), and so do we; its deviation is 1/sqrt(6) of
He's. Where batch normalisation follows, a kernel's scale does nothing but set how far one step of Adam turns it, and
drawn by He's rule this network learns a good deal more slowly.
"""

import dataclasses
import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_choice, check_network, check_rate, scaled
from jaxseg.models.layers import (
    Conv,
    ConvTranspose,
    Dtype,
    PReLU,
    max_pool,
    max_pool_overlapping,
    max_unpool,
    norm,
    spatial_dropout,
)
from jaxseg.models.network import UNIT_NORMALIZATION, LinenNetwork, Network, Normalization, Output

# Uniform within 1/sqrt(n), n a kernel's taps times its inputs; PyTorch's transposed convolution counts the outputs.
_BY_INPUTS = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
_BY_OUTPUTS = nn.initializers.variance_scaling(1 / 3, "fan_out", "uniform")
_CHANNELS = (16, 64, 128)
_MIXED: tuple[dict[str, Any], ...] = (
    {},
    {"dilation": 2},
    {"asymmetric": True},
    {"dilation": 4},
    {},
    {"dilation": 8},
    {"asymmetric": True},
    {"dilation": 16},
)


@dataclasses.dataclass(frozen=True)
class _Layout:
    """What the bottlenecks of one network have in common."""

    port: bool
    batch_norm: str
    initialization: str
    dtype: Dtype

    def conv(
        self,
        features: int,
        kernel: tuple[int, int] = (1, 1),
        stride: int = 1,
        dilation: int = 1,
        use_bias: bool = False,
        name: str | None = None,
    ) -> Conv:
        drawn = _BY_INPUTS if self.initialization == "torch" else None
        return Conv(features, kernel, stride, dilation, use_bias, None, self.dtype, drawn, name=name)

    def transposed(
        self, features: int, kernel: int, use_bias: bool, name: str | None = None
    ) -> ConvTranspose:
        drawn = None
        if self.initialization == "torch":
            drawn = _BY_OUTPUTS if self.port else _BY_INPUTS
        return ConvTranspose(features, kernel, use_bias, self.dtype, drawn, name=name)

    def normalized(self, x: Array, train: bool) -> Array:
        epsilon = 1e-5 if self.port else 1e-3
        return norm(self.batch_norm, epsilon=epsilon, dtype=self.dtype)(x, train=train)

    def activated(self, x: Array, decoder: bool) -> Array:
        return nn.relu(x) if decoder else PReLU(shared=self.port)(x)


_Named = tuple[str, dict[str, Any]]


class _Bottleneck(nn.Module):
    """A bottleneck block; `resample` is `"down"`, `"up"` (to `size`) or None.

    Called with the features, the uniform draws of its dropout (or None) and, to upsample, with the winners of the
    max-pool that it undoes. Returns the features and, where it downsamples, the winners.
    """

    layout: _Layout
    features: int
    resample: str | None = None
    size: tuple[int, int] = (0, 0)
    dilation: int = 1
    asymmetric: bool = False
    decoder: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, x: Array, uniform: Array | None, winner: Array | None, train: bool
    ) -> tuple[Array, Array | None]:
        layout, features = self.layout, self.features
        given = x.shape[-1]
        inner = max((given if layout.port and self.resample else features) // 4, 1)

        def normalized_activated(y: Array) -> Array:
            return layout.activated(layout.normalized(y, train), self.decoder)

        shortcut = x
        if self.resample == "down":
            shortcut, winner = max_pool(x)
            shortcut = jnp.pad(shortcut, ((0, 0), (0, 0), (0, 0), (0, features - given)))
        elif winner is not None:
            shortcut = layout.normalized(layout.conv(features)(x), train)
            shortcut = max_unpool(shortcut, winner, self.size)

        down = self.resample == "down"
        y = layout.conv(inner, (2, 2), stride=2)(x) if down else layout.conv(inner)(x)
        y = normalized_activated(y)
        bias = not layout.port
        if self.resample == "up":
            upsample = layout.transposed(inner, 2 if layout.port else 3, use_bias=bias)
            y = upsample(y, self.size)
        elif self.asymmetric:
            y = layout.conv(inner, (5, 1) if layout.port else (1, 5))(y)
            if layout.port:
                y = normalized_activated(y)
            y = layout.conv(inner, (1, 5) if layout.port else (5, 1), use_bias=bias)(y)
        else:
            y = layout.conv(inner, (3, 3), dilation=self.dilation, use_bias=bias)(y)
        y = normalized_activated(y)
        y = layout.normalized(layout.conv(features)(y), train)
        if layout.port and self.resample != "up":
            y = layout.activated(y, self.decoder)
        if uniform is not None:
            y = spatial_dropout(y, self.dropout, uniform)
        return layout.activated(shortcut + y, self.decoder), winner if down else None


class _ENet(nn.Module):
    """The network; see `enet` for its fields."""

    classes: int
    layout: _Layout
    channels: tuple[int, int, int]
    early_dropout: float
    dropout: float
    decoder_dropout: float
    remat: bool

    def _blocks(self) -> list[_Named]:
        """Names and fields of the bottlenecks, in order."""
        shallow, middle, deep = self.channels
        early = {"features": middle, "dropout": self.early_dropout}
        core = {"features": deep, "dropout": self.dropout}
        up = {"decoder": True, "dropout": self.decoder_dropout}
        return [
            ("stage1_0", {**early, "resample": "down"}),
            *((f"stage1_{index}", early) for index in range(1, 5)),
            ("stage2_0", {**core, "resample": "down"}),
            *((f"stage2_{index}", {**core, **mixed}) for index, mixed in enumerate(_MIXED, start=1)),
            *((f"stage3_{index}", {**core, **mixed}) for index, mixed in enumerate(_MIXED, start=1)),
            ("stage4_0", {**up, "features": middle, "resample": "up"}),
            *((f"stage4_{index}", {**up, "features": middle}) for index in (1, 2)),
            ("stage5_0", {**up, "features": shallow, "resample": "up"}),
            ("stage5_1", {**up, "features": shallow}),
        ]

    def _uniforms(self, blocks: list[_Named], batch: int, train: bool) -> list[Array | None]:
        """The draws of every block's dropout, made at once; None for a block that drops nothing."""
        widths = [fields["features"] if train and fields["dropout"] else 0 for _, fields in blocks]
        if not sum(widths):
            return [None] * len(blocks)
        draws = jax.random.uniform(self.make_rng("dropout"), (batch, sum(widths)))
        ends = itertools.accumulate(widths)
        return [draws[:, end - w : end] if w else None for w, end in zip(widths, ends, strict=True)]

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        layout = self.layout
        image = image.astype(layout.dtype)
        pooled = max_pool_overlapping(image) if layout.port else max_pool(image)[0]
        bias = not layout.port
        initial = layout.conv(self.channels[0] - 3, (3, 3), 2, use_bias=bias, name="initial")
        x = layout.normalized(jnp.concatenate([initial(image), pooled], axis=-1), train)
        x = layout.activated(x, False)

        blocks = self._blocks()
        bottleneck = nn.remat(_Bottleneck, static_argnums=(4,)) if self.remat else _Bottleneck
        pooled_before: list[tuple[Array | None, tuple[int, int]]] = []
        for (name, fields), uniform in zip(blocks, self._uniforms(blocks, len(image), train), strict=True):
            size = (x.shape[1], x.shape[2])
            undone, to = pooled_before.pop() if fields.get("resample") == "up" else (None, size)
            x, winner = bottleneck(layout, name=name, size=to, **fields)(x, uniform, undone, train)
            if winner is not None:
                pooled_before.append((winner, size))

        kernel = 3 if layout.port else 2
        last = layout.transposed(self.classes, kernel, use_bias=bias, name="last")
        logits = last(x, (image.shape[1], image.shape[2])).astype(jnp.float32)
        return Output(logits=logits, features=x)


def enet(
    classes: int,
    *,
    variant: str = "original",
    batch_norm: str = "train",
    width: float = 1.0,
    early_dropout: float = 0.01,
    dropout: float = 0.1,
    decoder_dropout: float | None = None,
    initialization: str = "torch",
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization = UNIT_NORMALIZATION,
) -> Network:
    """ENet with logits at the image's size, for images of any size from 16x16.

    Args:
      classes: number of classes C.
      variant: `"original"` or `"port"`, the two released forms; the module's docstring lists what differs.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`. Running statistics move by 0.1
        a step, as in torch.
      width: factor of all channel numbers, for small runs (ours); they are rounded to multiples of 4.
      early_dropout: probability that stage 1 drops a channel of a branch.
      dropout: the same in stages 2 and 3.
      decoder_dropout: the same in stages 4 and 5; None takes the variant's, 0 in the original and 0.1 in the port.
      initialization: how kernels are drawn, `"torch"` (uniform within 1/sqrt(fan_in), as both released codes have it)
        or `"he"` (He's rule, as the other networks here; ours). Biases start at 0.
      remat: recompute every bottleneck in the backward pass; less memory, the same values.
      dtype: type of the computation; parameters, statistics and logits are float32.
      normalization: what makes the input of raw pixels.

    Returns:
      A network whose output holds `logits` [B, H, W, C] and `features` [B, ceil(H/2), ceil(W/2), 16], the decoder's
      last, before the final transposed convolution.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Paszke, Chaurasia, Kim and Culurciello, "ENet: A Deep Neural Network Architecture for Real-Time Semantic
    Segmentation", arXiv:1606.02147. The original is trained in two stages, the encoder first under a 1x1 classifier
    at stride 8; here the whole is trained at once.

    >>> enet(12).minimum_size
    16
    """
    check_network("enet", classes=classes, width=width, batch_norm=batch_norm)
    check_choice("enet.variant", variant, ("original", "port"))
    check_choice("enet.initialization", initialization, ("torch", "he"))
    port = variant == "port"
    if decoder_dropout is None:
        decoder_dropout = 0.1 if port else 0.0
    rates = {"early_dropout": early_dropout, "dropout": dropout, "decoder_dropout": decoder_dropout}
    for name, rate in rates.items():
        check_rate(f"enet.{name}", rate)
    shallow, middle, deep = (scaled(channels, width) for channels in _CHANNELS)
    module = _ENet(
        classes=classes,
        layout=_Layout(port, batch_norm, initialization, jnp.dtype(dtype)),
        channels=(shallow, middle, deep),
        early_dropout=early_dropout,
        dropout=dropout,
        decoder_dropout=decoder_dropout,
        remat=remat,
    )
    return LinenNetwork(
        classes=classes,
        normalization=normalization,
        minimum_size=16,
        head=("last",),
        module=module,
        per_domain=batch_norm == "per_domain",
    )
