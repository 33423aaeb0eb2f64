"""The trunk of ResNet-50 and ResNet-101 (He et al. 2016), at any of the strides and dilations of the DeepLab family.

    stem      7x7 convolution of stride 2 (or three 3x3), 3x3 max-pool of stride 2     64 channels, stride 4
    layer1    3 bottleneck blocks                                                      256, 4
    layer2    4                                                                        512, 8
    layer3    6 (depth 50) or 23 (depth 101)                                           1024, 16
    layer4    3                                                                        2048, 32

A block adds to its shortcut a 1x1 reduction, a 3x3 convolution and a 1x1 expansion by 4. Below output stride 32 the
last layers trade their stride for dilation. Two published forms differ, and weights of one do not fit the other:

                          "torchvision" (v1.5)         "caffe" (the original, and DeepLabv2)
    stride                in the 3x3                   in the first 1x1
    max-pool of side n    ceil(n / 2)                  ceil((n - 1) / 2) + 1, one more for even n

Modules carry the names of torchvision's keys. Parameters: 42,500,160 at depth 101, 23,508,032 at depth 50.
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_choice, scaled
from jaxseg.models._units import Units
from jaxseg.models.layers import max_pool_overlapping

_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_PLANES = (64, 128, 256, 512)
EXPANSION = 4


class Bottleneck(nn.Module):
    """`relu(shortcut + expand(relu(conv3x3(relu(reduce(x))))))`, each convolution normalised.

    Attributes:
      planes: channels within the block; it returns four times as many.
      units: makes its layers.
      stride: of the block.
      dilation: of the 3x3 convolution.
      project: the shortcut is a normalised 1x1 convolution, not the identity.
      caffe: the stride sits in the first 1x1 convolution, not in the 3x3.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, Fig. 5.
    """

    planes: int
    units: Units
    stride: int = 1
    dilation: int = 1
    project: bool = False
    caffe: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "B H W D"], train: bool) -> Float[Array, "B h w E"]:
        """Features of the block."""
        units, planes = self.units, self.planes
        first, second = (self.stride, 1) if self.caffe else (1, self.stride)
        shortcut = x
        if self.project:
            shortcut = units.conv(EXPANSION * planes, stride=self.stride, name="downsample_0")(x)
            shortcut = units.norm("downsample_1")(shortcut, train=train)
        y = units.conv(planes, stride=first, name="conv1")(x)
        y = nn.relu(units.norm("bn1")(y, train=train))
        y = units.conv(planes, 3, stride=second, dilation=self.dilation, name="conv2")(y)
        y = nn.relu(units.norm("bn2")(y, train=train))
        y = units.conv(EXPANSION * planes, name="conv3")(y)
        return nn.relu(shortcut + units.norm("bn3")(y, train=train))


@dataclasses.dataclass(frozen=True)
class ResNet:
    """A ResNet without its classifier: called inside a Flax module's `compact` method, it makes its layers there.

    Attributes:
      depth: 50 or 101.
      variant: `"torchvision"` or `"caffe"`; the module's docstring lists what differs.
      output_stride: 8, 16 or 32, the stride of `layer4`.
      multi_grid: factors of the dilation of `layer4`'s three blocks (Chen et al., "Rethinking Atrous Convolution for
        Semantic Image Segmentation", 2017, Sec. 3.2.1).
      lagging: the first block of a layer that gave up its stride keeps the dilation of the layer before, as in
        torchvision; False dilates all blocks of the layer alike, as the papers and DeepLabv2's released code.
      stem: `"plain"`, a 7x7 convolution of 64 channels, or `"beta"`, three 3x3 of 64, 64 and 128 as in the released
        DeepLabv3 (TensorFlow's `resnet_v1_beta`).
      width: factor of all channel numbers (ours); multiples of 4.
      units: makes the layers.
      remat: recompute every block in the backward pass instead of keeping its features.

    Raises:
      InputError: a field is none of what it may be.

    >>> ResNet(depth=101, output_stride=8).schedule()
    ((1, 1), (2, 1), (1, 2), (1, 4))
    """

    depth: int = 50
    variant: str = "torchvision"
    output_stride: int = 32
    multi_grid: tuple[int, int, int] = (1, 1, 1)
    lagging: bool = False
    stem: str = "plain"
    width: float = 1.0
    units: Units = Units()
    remat: bool = False

    def __post_init__(self) -> None:
        check_choice("resnet.depth", self.depth, (50, 101))
        check_choice("resnet.variant", self.variant, ("torchvision", "caffe"))
        check_choice("resnet.output_stride", self.output_stride, (8, 16, 32))
        check_choice("resnet.stem", self.stem, ("plain", "beta"))

    def schedule(self) -> tuple[tuple[int, int], ...]:
        """Stride and dilation of the four layers."""
        strided = {8: (1, 2), 16: (1, 2, 2), 32: (1, 2, 2, 2)}[self.output_stride]
        lost = 4 - len(strided)
        return (*((stride, 1) for stride in strided), *((1, 2 ** (i + 1)) for i in range(lost)))

    def __call__(self, image: Float[Array, "B H W 3"], train: bool) -> dict[str, Array]:
        """Features of `"layer1"` to `"layer4"`."""
        caffe = self.variant == "caffe"
        x = max_pool_overlapping(self._stem(image.astype(self.units.dtype), train), ceil=caffe)
        block = nn.remat(Bottleneck, static_argnums=(2,)) if self.remat else Bottleneck
        features: dict[str, Array] = {}
        before = 1
        for layer, (blocks, (stride, dilation)) in enumerate(
            zip(_BLOCKS[self.depth], self.schedule(), strict=True)
        ):
            for index in range(blocks):
                first = index == 0
                rate = before if self.lagging and first else dilation
                x = block(
                    planes=scaled(_PLANES[layer], self.width),
                    units=self.units,
                    stride=stride if first else 1,
                    dilation=rate * (self.multi_grid[index] if layer == 3 else 1),
                    project=first,
                    caffe=caffe,
                    name=f"layer{layer + 1}_{index}",
                )(x, train)
            features[f"layer{layer + 1}"] = x
            before = dilation
        return features

    def _stem(self, x: Array, train: bool) -> Array:
        units, channels = self.units, scaled(64, self.width)
        if self.stem == "plain":
            x = units.conv(channels, 7, stride=2, name="conv1")(x)
        else:
            x = nn.relu(
                units.norm("conv1_1")(units.conv(channels, 3, stride=2, name="conv1_0")(x), train=train)
            )
            x = nn.relu(units.norm("conv1_4")(units.conv(channels, 3, name="conv1_3")(x), train=train))
            x = units.conv(2 * channels, 3, name="conv1_6")(x)
        return nn.relu(units.norm("bn1")(x, train=train))


class Backbone(nn.Module):
    """A trunk as a module of its own, so that its parameters lie under one name."""

    trunk: ResNet

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], train: bool) -> dict[str, Array]:
        """Features of the trunk's layers."""
        return self.trunk(image, train)
