"""The trunk of Xception-65, the modified aligned Xception of DeepLabv3+ (Chen et al. 2018, Fig. 4).

    entry     3x3 of stride 2, 32 channels; 3x3, 64                                stride 2
              three blocks of 128, 256 and 728 channels, each of stride 2          16
    middle    16 blocks of 728                                                     16
    exit      a block of 728, 1024, 1024, of stride 2                              32
              a block of 1536, 1536, 2048 without shortcut                         32

A block is three separable convolutions, the last strided, beside a shortcut (a normalised 1x1 where size or channels
change). ReLU comes before each separable convolution, in the last block after each depthwise and 1x1 convolution
instead; both are normalised. There is no max-pool. At output stride 16 the exit trades its stride for dilation 2 in the
last block, at 8 the third entry block too. Normalisation has epsilon 1e-3 and running statistics that keep 0.9997.

Modules carry the names of timm's `xception65`, whose published weights are TensorFlow's. 37,867,312 parameters.
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_choice, scaled
from jaxseg.models._separable import SeparableConv
from jaxseg.models._units import Units

EPSILON = 1e-3
MOMENTUM = 0.9997

_ENTRY = ((128, 128, 128), (256, 256, 256), (728, 728, 728))
_MIDDLE = ((728, 728, 728),) * 16
_EXIT = ((728, 1024, 1024), (1536, 1536, 2048))


class _Stack(nn.Module):
    """Three separable convolutions; returns the last and the second's features (before the ReLU that follows it)."""

    features: tuple[int, int, int]
    units: Units
    stride: int
    dilation: int
    activate: bool

    @nn.compact
    def __call__(self, x: Array, train: bool) -> tuple[Array, Array]:
        second = x
        for index, features in enumerate(self.features):
            second = x
            stride = self.stride if index == 2 else 1
            conv = SeparableConv(
                features, self.units, stride, self.dilation, self.activate, name=f"conv{index + 1}"
            )
            x = conv(x if self.activate else nn.relu(x), train)
        return x, second


class _Shortcut(nn.Module):
    features: int
    units: Units
    stride: int

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = self.units.conv(self.features, stride=self.stride, name="conv")(x)
        return self.units.norm("bn")(x, train=train)


class XceptionBlock(nn.Module):
    """`shortcut(x) + separable3(separable2(separable1(x)))`.

    Attributes:
      features: channels of the three separable convolutions.
      units: makes its layers.
      stride: of the block.
      dilation: of the depthwise convolutions.
      last: the block of the exit flow that has no shortcut and its ReLUs after the convolutions.

    Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution", ECCV 2018, Fig. 4.
    """

    features: tuple[int, int, int]
    units: Units
    stride: int = 1
    dilation: int = 1
    last: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "B H W D"], train: bool
    ) -> tuple[Float[Array, "B h w E"], Float[Array, "B H W F"]]:
        """Features of the block, and those of its second separable convolution, before its stride."""
        stack = _Stack(self.features, self.units, self.stride, self.dilation, self.last, name="stack")
        y, second = stack(x, train)
        if self.last:
            return y, second
        if self.stride != 1 or x.shape[-1] != self.features[-1]:
            x = _Shortcut(self.features[-1], self.units, self.stride, name="shortcut")(x, train)
        return x + y, second


class _Stem(nn.Module):
    features: int
    units: Units
    stride: int

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = self.units.conv(self.features, 3, stride=self.stride, name="conv")(x)
        return nn.relu(self.units.norm("bn")(x, train=train))


@dataclasses.dataclass(frozen=True)
class Xception65:
    """Xception-65 without its classifier: called inside a Flax module's `compact` method, it makes its layers there.

    Attributes:
      output_stride: 8, 16 or 32, the stride of the last features.
      width: factor of all channel numbers (ours); multiples of 4.
      units: makes the layers.
      remat: recompute every block in the backward pass instead of keeping its features.

    Raises:
      InputError: `output_stride` is none of what it may be.

    >>> Xception65(output_stride=16).schedule()[-3:]
    ((1, 1), (1, 1), (1, 2))
    """

    output_stride: int = 16
    width: float = 1.0
    units: Units = Units(epsilon=EPSILON, momentum=MOMENTUM)
    remat: bool = False

    def __post_init__(self) -> None:
        check_choice("xception.output_stride", self.output_stride, (8, 16, 32))

    def schedule(self) -> tuple[tuple[int, int], ...]:
        """Stride and dilation of the 21 blocks: a stride given up dilates the blocks after it."""
        reached, dilation = 2, 1
        found: list[tuple[int, int]] = []
        blocks = len(_ENTRY + _MIDDLE + _EXIT)
        for index in range(blocks):
            strided = index < len(_ENTRY) or index == blocks - len(_EXIT)
            kept = strided and reached < self.output_stride
            found.append((2 if kept else 1, dilation))
            reached *= 2 if kept else 1
            dilation *= 2 if strided and not kept else 1
        return tuple(found)

    def __call__(self, image: Float[Array, "B H W 3"], train: bool) -> dict[str, Array]:
        """The last features as `"high"`, and as `"low"` the decoder's, of stride 4 and 256 channels.

        `"low"` is the second separable convolution of the second entry block, normalised, before ReLU, as the authors'
        released code takes it; the popular PyTorch port takes the first block's 128 channels.
        """
        x = image.astype(self.units.dtype)
        for index, (channels, stride) in enumerate(((32, 2), (64, 1))):
            x = _Stem(scaled(channels, self.width), self.units, stride, name=f"stem_{index}")(x, train)
        block = nn.remat(XceptionBlock, static_argnums=(2,)) if self.remat else XceptionBlock
        low = x
        plan = _ENTRY + _MIDDLE + _EXIT
        for index, (features, (stride, dilation)) in enumerate(zip(plan, self.schedule(), strict=True)):
            first, second, third = (scaled(planes, self.width) for planes in features)
            x, inner = block(
                features=(first, second, third),
                units=self.units,
                stride=stride,
                dilation=dilation,
                last=index == len(plan) - 1,
                name=f"blocks_{index}",
            )(x, train)
            low = inner if index == 1 else low
        return {"low": low, "high": x}
