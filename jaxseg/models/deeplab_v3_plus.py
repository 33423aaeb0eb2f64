"""DeepLabv3+: DeepLabv3's pyramid on Xception-65 (or ResNet), and a decoder that joins features of stride 4.

    trunk      Xception-65 at output stride 16                                          2048 channels
    pyramid    1x1, 3x3 dilated 6, 12, 18, mean of the image; projected                 256
    decoder    low-level features of stride 4, 1x1                                      48
               beside the pyramid's, resized to their size (align_corners)              304
               two 3x3                                                                  256
    head       1x1                                                                      C, stride 4

On Xception the 3x3 of pyramid and decoder are depthwise separable, on ResNet plain, as in the paper's tables. Every
convolution but the last has BN and ReLU, of epsilon 1e-5 outside the Xception trunk, where it is 1e-3.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_choice, check_momentum, check_network, check_rate, scaled
from jaxseg.models._aspp import PyramidPooling
from jaxseg.models._separable import SeparableConv
from jaxseg.models._units import Units
from jaxseg.models.layers import Dtype, resize_bilinear
from jaxseg.models.network import (
    IMAGENET_NORMALIZATION,
    UNIT_NORMALIZATION,
    LinenNetwork,
    Network,
    Normalization,
    Output,
)
from jaxseg.models.resnet import ResNet
from jaxseg.models.xception import EPSILON, MOMENTUM, Xception65

_BACKBONES = ("xception65", "resnet101", "resnet50")


class _Backbone(nn.Module):
    """The low-level and the last features of either trunk."""

    trunk: ResNet | Xception65

    @nn.compact
    def __call__(self, image: Array, train: bool) -> tuple[Array, Array]:
        features = self.trunk(image, train)
        if isinstance(self.trunk, ResNet):
            return features["layer1"], features["layer4"]
        return features["low"], features["high"]


class _Decoder(nn.Module):
    """The pyramid's features refined by those of stride 4."""

    low_features: int
    features: int
    units: Units
    separable: bool

    @nn.compact
    def __call__(self, x: Array, low: Array, train: bool) -> Array:
        units = self.units
        low = units.conv(self.low_features, name="project_0")(low)
        low = nn.relu(units.norm("project_1")(low, train=train))
        x = resize_bilinear(x, (low.shape[1], low.shape[2]), align_corners=True)
        x = jnp.concatenate([x, low], axis=-1)
        for index in range(2):
            if self.separable:
                x = SeparableConv(self.features, units, activate=True, name=f"convs_{index}")(x, train)
            else:
                x = units.conv(self.features, 3, name=f"convs_{index}_0")(x)
                x = nn.relu(units.norm(f"convs_{index}_1")(x, train=train))
        return x


class _DeepLabV3Plus(nn.Module):
    """The network; see `deeplab_v3_plus` for its fields."""

    classes: int
    trunk: ResNet | Xception65
    units: Units
    width: float
    rate: float

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        low, x = _Backbone(self.trunk, name="backbone")(image, train)
        features, separable = scaled(256, self.width), isinstance(self.trunk, Xception65)
        pyramid = PyramidPooling(
            features, self.trunk.output_stride, self.units, separable, self.rate, name="aspp"
        )
        decoder = _Decoder(scaled(48, self.width), features, self.units, separable, name="decoder")
        x = decoder(pyramid(x, train=train), low, train)
        gaussian = jax.nn.initializers.truncated_normal(0.01)
        score = self.units.conv(self.classes, use_bias=True, initializer=gaussian, name="head")
        return Output(logits=score(x).astype(jnp.float32), features=x)


def deeplab_v3_plus(
    classes: int,
    *,
    backbone: str = "xception65",
    output_stride: int = 16,
    width: float = 1.0,
    dropout: float = 0.1,
    momentum: float = MOMENTUM,
    batch_norm: str = "train",
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization | None = None,
) -> Network:
    """DeepLabv3+ with logits at stride 4, for images of any size from 16x16.

    Args:
      classes: number of classes C.
      backbone: `"xception65"`, `"resnet101"` or, for smaller runs (ours), `"resnet50"`; the ResNets are torchvision's,
        without multi-grid.
      output_stride: 8, 16 or 32, the stride of the trunk's last features.
      width: factor of all channel numbers, for small runs (ours).
      dropout: probability that a number of the pyramid's output is zeroed in training.
      momentum: share of the running statistics that a step keeps, 0.9997 in the released code; at that they need some
        ten thousand steps to leave their start: short runs from scratch want 0.9 to 0.99.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`. With `"train"` the image's mean
        wants a batch of more than one.
      remat: recompute every block of the trunk in the backward pass; less memory, the same values.
      dtype: type of the computation; parameters, statistics and logits are float32.
      normalization: what makes the input of raw pixels; None takes the published weights' of the backbone,
        `(2 / 255) x - 1` for Xception, ImageNet's mean and deviation for ResNet.

    Returns:
      A network whose output holds `logits` [B, h, w, C], h = ceil(H / 4), and `features` [B, h, w, 256]. Parameters
      with 21 classes: 41,055,413 on Xception-65, 59,344,309 on ResNet-101.

    Raises:
      InputError: an argument is none of what it may be.

    The classifier is drawn from a truncated normal of deviation 0.01 as in the released code, the rest by He's rule
    (ours).

    Source: Chen, Zhu, Papandreou, Schroff and Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic
    Image Segmentation", ECCV 2018, Fig. 2.

    >>> deeplab_v3_plus(21).normalization == deeplab_v3_plus(21, backbone="resnet101").normalization
    False
    """
    check_network("deeplab_v3_plus", classes=classes, width=width, batch_norm=batch_norm)
    check_choice("deeplab_v3_plus.backbone", backbone, _BACKBONES)
    check_choice("deeplab_v3_plus.output_stride", output_stride, (8, 16, 32))
    check_rate("deeplab_v3_plus.dropout", dropout)
    check_momentum("deeplab_v3_plus.momentum", momentum)
    units = Units(batch_norm, momentum=momentum, dtype=jnp.dtype(dtype))
    trunk: ResNet | Xception65
    if backbone == "xception65":
        inner = Units(batch_norm, EPSILON, momentum, jnp.dtype(dtype))
        trunk = Xception65(output_stride, width, inner, remat)
    else:
        depth = 101 if backbone == "resnet101" else 50
        trunk = ResNet(depth, output_stride=output_stride, width=width, units=units, remat=remat)
    published = UNIT_NORMALIZATION if backbone == "xception65" else IMAGENET_NORMALIZATION
    return LinenNetwork(
        classes=classes,
        normalization=published if normalization is None else normalization,
        minimum_size=16,
        align_corners=True,
        head=("aspp", "decoder", "head"),
        module=_DeepLabV3Plus(classes, trunk, units, width, dropout),
        per_domain=batch_norm == "per_domain",
    )
