"""Image classifiers as `Network`s, for adaptation benchmarks of whole images: one label an image.

Their `Output` holds `logits` [B, C] and `features` [B, D]: no spatial axes.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models._arguments import check_choice, check_network, scaled
from jaxseg.models._units import Units, global_mean
from jaxseg.models.layers import Dtype
from jaxseg.models.network import (
    IMAGENET_NORMALIZATION,
    UNIT_NORMALIZATION,
    LinenNetwork,
    Network,
    Normalization,
    Output,
)
from jaxseg.models.resnet import ResNet


class _Classifier(nn.Module):
    """Trunk, mean over the pixels, an optional bottleneck, and a linear classifier."""

    classes: int
    trunk: ResNet
    bottleneck: int | None

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        units = self.trunk.units
        x = global_mean(self.trunk(image, train)["layer4"])
        name = "fc"
        if self.bottleneck is not None:
            x = nn.Dense(self.bottleneck, dtype=units.dtype, name="bottleneck_0")(x)
            x = nn.relu(units.norm("bottleneck_1")(x, train=train))
            name = "head"
        logits = nn.Dense(self.classes, dtype=units.dtype, name=name)(x)
        return Output(logits=logits.astype(jnp.float32), features=x)


class _Digits(nn.Module):
    classes: int
    width: float
    units: Units

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        x = image.astype(self.units.dtype)
        for index, channels in enumerate((32, 64, 128), start=1):
            x = self.units.conv(scaled(channels, self.width), 5, stride=2, name=f"conv{index}")(x)
            x = nn.relu(self.units.norm(f"bn{index}")(x, train=train))
        x = global_mean(x)
        logits = nn.Dense(self.classes, dtype=self.units.dtype, name="head")(x)
        return Output(logits=logits.astype(jnp.float32), features=x)


def resnet_classifier(
    classes: int,
    *,
    depth: int = 50,
    bottleneck: int | None = 256,
    variant: str = "torchvision",
    width: float = 1.0,
    batch_norm: str = "train",
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization = IMAGENET_NORMALIZATION,
) -> Network:
    """ResNet for whole images: trunk, mean over the pixels, bottleneck, linear classifier.

    The bottleneck is a linear layer, BN and ReLU, as domain-adaptation code for Office-31 has it; layers are named as
    there (`bottleneck_0`, `bottleneck_1`, `head`), without it as in torchvision (`fc`), whose ImageNet weights then
    fit as they are. The trunk lies at the top level in both.

    Args:
      classes: number of classes C, 31 for Office-31.
      depth: 50 or 101.
      bottleneck: its features D, or None for none.
      variant: `"torchvision"` or `"caffe"`, see `models.resnet`.
      width: factor of the trunk's channel numbers, for small runs (ours).
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`.
      remat: recompute every residual block in the backward pass; less memory, the same values.
      dtype: type of the computation; parameters, statistics and logits are float32.
      normalization: what makes the input of raw pixels; the default is that of torchvision's weights.

    Returns:
      A network whose output holds `logits` [B, C] and `features` [B, D], or [B, 2048] without bottleneck. Its `head`,
      which the benchmarks train at ten times the trunk's learning rate, is the bottleneck and the classifier.

    Raises:
      InputError: an argument is none of what it may be.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016; for the bottleneck Long et al.,
    "Conditional Adversarial Domain Adaptation", 2018.

    >>> resnet_classifier(31).head
    ('bottleneck_0', 'bottleneck_1', 'head')
    """
    check_network("resnet_classifier", classes=classes, width=width, batch_norm=batch_norm)
    check_choice("resnet_classifier.depth", depth, (50, 101))
    check_choice("resnet_classifier.variant", variant, ("torchvision", "caffe"))
    if bottleneck is not None and bottleneck < 1:
        raise InputError(f"resnet_classifier.bottleneck: {bottleneck}; use at least 1, or None for none")
    units = Units(batch_norm, dtype=jnp.dtype(dtype))
    trunk = ResNet(depth, variant, width=width, units=units, remat=remat)
    return LinenNetwork(
        classes=classes,
        normalization=normalization,
        minimum_size=16,
        head=("fc",) if bottleneck is None else ("bottleneck_0", "bottleneck_1", "head"),
        module=_Classifier(classes, trunk, bottleneck),
        per_domain=batch_norm == "per_domain",
    )


def digits_classifier(
    classes: int,
    *,
    width: float = 1.0,
    batch_norm: str = "train",
    dtype: Dtype = jnp.float32,
    normalization: Normalization = UNIT_NORMALIZATION,
) -> Network:
    """A small classifier for images of digits, 28x28 or 32x32: 0.26 million parameters. Source: ours.

    Three 5x5 convolutions of stride 2 with 32, 64 and 128 channels, each with BN and ReLU, the mean over the pixels
    and a linear classifier. Images have three channels; repeat the one of grey digits.

    Args:
      classes: number of classes C, 10 for digits.
      width: factor of all channel numbers; multiples of 4.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`.
      dtype: type of the computation; parameters, statistics and logits are float32.
      normalization: what makes the input of raw pixels; the default maps 0..255 to -1..1.

    Returns:
      A network whose output holds `logits` [B, C] and `features` [B, 128].

    Raises:
      InputError: an argument is none of what it may be.

    >>> digits_classifier(10).minimum_size
    8
    """
    check_network("digits_classifier", classes=classes, width=width, batch_norm=batch_norm)
    return LinenNetwork(
        classes=classes,
        normalization=normalization,
        minimum_size=8,
        module=_Digits(classes, width, Units(batch_norm, dtype=jnp.dtype(dtype))),
        per_domain=batch_norm == "per_domain",
    )
