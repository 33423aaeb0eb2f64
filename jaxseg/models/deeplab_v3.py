"""DeepLabv3 on ResNet-101: dilated trunk, atrous spatial pyramid pooling with the image's mean, a 1x1 classifier.

Two forms, one module layout (torchvision's keys):

                            "paper"                              "torchvision"
    output stride           16 by default                        8
    dilation of layer 4     2 (1, 2, 4), the multi-grid, at 16   2, 4, 4 at 8: no multi-grid, the first block lags
    after the pyramid       dropout .1, 1x1 classifier           dropout .5, 3x3 of 256 with BN and ReLU, classifier
    logits to labels' size  bilinear, corners aligned            bilinear, corners not aligned
    running statistics      keep 0.9997 a step                   keep 0.9
    parameters, 21 classes  58,040,661                           58,630,997

TensorFlow's released trunk strides in the last block of a layer; here both forms stride in the first block of the next,
as torchvision, so that its published weights serve. Dilations are the same either way.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models._arguments import check_choice, check_momentum, check_network, check_rate, scaled
from jaxseg.models._aspp import PyramidPooling
from jaxseg.models._units import Units
from jaxseg.models.layers import Dtype
from jaxseg.models.network import IMAGENET_NORMALIZATION, LinenNetwork, Network, Normalization, Output
from jaxseg.models.resnet import Backbone, ResNet

MULTI_GRID = (1, 2, 4)


class _DeepLabV3(nn.Module):
    """The network; see `deeplab_v3` for its fields."""

    classes: int
    trunk: ResNet
    units: Units
    features: int
    extra: bool
    rate: float

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        x = Backbone(self.trunk, name="backbone")(image, train)["layer4"]
        pyramid = PyramidPooling(
            self.features, self.trunk.output_stride, self.units, rate=self.rate, name="classifier_0"
        )
        x = pyramid(x, train=train)
        if self.extra:
            x = self.units.conv(self.features, 3, name="classifier_1")(x)
            x = nn.relu(self.units.norm("classifier_2")(x, train=train))
        gaussian = jax.nn.initializers.truncated_normal(0.01)
        score = self.units.conv(self.classes, use_bias=True, initializer=gaussian, name="classifier_4")
        return Output(logits=score(x).astype(jnp.float32), features=x)


def deeplab_v3(
    classes: int,
    *,
    variant: str = "paper",
    output_stride: int | None = None,
    multi_grid: tuple[int, int, int] | None = None,
    depth: int = 101,
    stem: str = "plain",
    width: float = 1.0,
    dropout: float | None = None,
    momentum: float | None = None,
    batch_norm: str = "train",
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization = IMAGENET_NORMALIZATION,
) -> Network:
    """DeepLabv3 with logits at the output stride, for images of any size from 16x16.

    Args:
      classes: number of classes C.
      variant: `"paper"` or `"torchvision"`; the module's docstring lists what differs.
      output_stride: 8, 16 or 32, at which the pyramid is dilated (12, 24, 36), (6, 12, 18) or, ours, (3, 6, 9). None
        takes the variant's. The paper trains at 16 and evaluates at 8 too, on the same parameters.
      multi_grid: factors of the dilation of layer 4's three blocks; None takes the variant's. TensorFlow's released
        commands leave it (1, 1, 1) unless told.
      depth: 101 or 50.
      stem: `"plain"`, or `"beta"` with three 3x3 convolutions as in TensorFlow's released trunk.
      width: factor of all channel numbers, for small runs (ours).
      dropout: probability that a number of the pyramid's output is zeroed in training; None takes the variant's.
      momentum: share of the running statistics that a step keeps; None takes the variant's. At the paper's 0.9997
        they need some ten thousand steps to leave their start: short runs from scratch want 0.9 to 0.99.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`. With `"train"` the image's mean
        wants a batch of more than one.
      remat: recompute every residual block in the backward pass; less memory, the same values.
      dtype: type of the computation; parameters, statistics and logits are float32.
      normalization: what makes the input of raw pixels; the default is that of torchvision's weights.

    Returns:
      A network whose output holds `logits` [B, h, w, C], h = ceil(H / output_stride), and `features` [B, h, w, 256].

    Raises:
      InputError: an argument is none of what it may be.

    The classifier is drawn from a truncated normal of deviation 0.01 as in the released code, the rest by He's rule
    (ours).

    Source: Chen, Papandreou, Schroff and Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation",
    arXiv:1706.05587.

    >>> deeplab_v3(21).align_corners, deeplab_v3(21, variant="torchvision").align_corners
    (True, False)
    """
    check_network("deeplab_v3", classes=classes, width=width, batch_norm=batch_norm)
    check_choice("deeplab_v3.variant", variant, ("paper", "torchvision"))
    check_choice("deeplab_v3.depth", depth, (50, 101))
    check_choice("deeplab_v3.stem", stem, ("plain", "beta"))
    check_choice("deeplab_v3.output_stride", output_stride, (None, 8, 16, 32))
    theirs = variant == "torchvision"
    rate = dropout if dropout is not None else (0.5 if theirs else 0.1)
    check_rate("deeplab_v3.dropout", rate)
    keep = momentum if momentum is not None else (0.9 if theirs else 0.9997)
    check_momentum("deeplab_v3.momentum", keep)
    grid = multi_grid or ((1, 1, 1) if theirs else MULTI_GRID)
    if min(grid) < 1:
        raise InputError(f"deeplab_v3.multi_grid: {grid}; use factors of at least 1")
    units = Units(batch_norm, momentum=keep, dtype=jnp.dtype(dtype))
    trunk = ResNet(
        depth,
        output_stride=output_stride or (8 if theirs else 16),
        multi_grid=grid,
        lagging=theirs,
        stem=stem,
        width=width,
        units=units,
        remat=remat,
    )
    return LinenNetwork(
        classes=classes,
        normalization=normalization,
        minimum_size=16,
        align_corners=not theirs,
        head=("classifier_0", *(("classifier_1", "classifier_2") if theirs else ()), "classifier_4"),
        module=_DeepLabV3(classes, trunk, units, scaled(256, width), theirs, rate),
        per_domain=batch_norm == "per_domain",
    )
