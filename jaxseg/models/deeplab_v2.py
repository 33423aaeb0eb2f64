"""DeepLabv2 on ResNet-101, the network of nearly all GTA5 and SYNTHIA adaptation tables.

    trunk     ResNet-101 in Caffe's form: stride in the first 1x1, max-pool rounded up, layers 3 and 4 dilated 2 and 4
    layer5    the sum of four 3x3 convolutions with bias, dilated 6, 12, 18 and 24                   C, stride 8

With `multi_level` the heads are `layer5` on layer 3, the auxiliary one, and `layer6` on layer 4, the main one, as
AdaptSegNet, ADVENT and MaxSquare have them. The released heads of AdaptSegNet and MaxSquare return from within their
loop, so that only the branches dilated 6 and 12 are summed; the other two remain as parameters that nothing reads.
That is `aspp="released_two"`. The default is the four of the paper, which ADVENT, CRST and FDA sum too.

An image side n gives n / 8 + 1 logits where 8 divides n: the corner pixels of image and logits coincide, so they are
upsampled with `align_corners`. Modules carry the names of the released PyTorch keys, and the names in `head` are those
that the released code trains at ten times the learning rate.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_choice, check_network
from jaxseg.models._units import Units
from jaxseg.models.layers import Dtype
from jaxseg.models.network import CAFFE_NORMALIZATION, LinenNetwork, Network, Normalization, Output
from jaxseg.models.resnet import ResNet

DILATIONS = (6, 12, 18, 24)


class SummedBranches(nn.Module):
    """Scores as the sum of dilated 3x3 convolutions: `sum_d conv_d(x)`, d = 6, 12, 18, 24.

    Attributes:
      classes: number of classes C.
      units: makes its layers.
      active: how many branches are summed, from the smallest dilation on; all have parameters.

    Source: Chen et al., "DeepLab", TPAMI 2018, Fig. 7 (ASPP-L), without its two 1x1 layers, as released for ResNet.
    """

    classes: int
    units: Units
    active: int = len(DILATIONS)

    @nn.compact
    def __call__(self, x: Float[Array, "B h w D"]) -> Float[Array, "B h w C"]:
        """float32 scores."""
        branches = []
        for index, dilation in enumerate(DILATIONS):
            if index < self.active or self.is_initializing():
                name = f"conv2d_list_{index}"
                gaussian = jax.nn.initializers.normal(0.01)
                conv = self.units.conv(
                    self.classes, 3, name=name, dilation=dilation, use_bias=True, initializer=gaussian
                )
                branches.append(conv(x).astype(jnp.float32))
        return jnp.sum(jnp.stack(branches[: self.active]), 0)


class _DeepLabV2(nn.Module):
    """The network; see `deeplab_v2` for its fields."""

    classes: int
    trunk: ResNet
    multi_level: bool
    active: int

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        features = self.trunk(image, train)

        def scores(name: str, x: Array) -> Array:
            return SummedBranches(self.classes, self.trunk.units, self.active, name=name)(x)

        last = features["layer4"]
        if not self.multi_level:
            return Output(logits=scores("layer5", last), features=last)
        return Output(logits=scores("layer6", last), aux=scores("layer5", features["layer3"]), features=last)


def deeplab_v2(
    classes: int,
    *,
    multi_level: bool = False,
    aspp: str = "four",
    depth: int = 101,
    width: float = 1.0,
    batch_norm: str = "train",
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization = CAFFE_NORMALIZATION,
) -> Network:
    """DeepLabv2 with logits at stride 8, for images of any size from 8x8.

    Args:
      classes: number of classes C.
      multi_level: a second head on layer 3, whose scores are the output's `aux`.
      aspp: `"four"` sums all branches of a head, as the paper; `"released_two"` only those dilated 6 and 12, as the
        released code of AdaptSegNet and MaxSquare.
      depth: 101, or 50 for smaller runs (ours).
      width: factor of the trunk's channel numbers, for small runs (ours).
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`. Running statistics move by 0.1.
        AdaptSegNet, ADVENT and FDA train in mode `"train"` with scale and bias held fixed, CRST in mode `"frozen"`.
      remat: recompute every residual block in the backward pass; less memory, the same values.
      dtype: type of the computation; parameters, statistics and logits are float32.
      normalization: what makes the input of raw pixels; the default is the Caffe weights'.

    Returns:
      A network whose output holds `logits` [B, h, w, C], h = H / 8 + 1 where 8 divides H, `aux` of the same shape with
      `multi_level`, else None, and `features` [B, h, w, 2048] of layer 4. It has 43,901,068 parameters for 19 classes,
      44,601,560 with `multi_level`, whatever `aspp`: the unread branches of `"released_two"` are kept, as the
      released files keep them.

    Raises:
      InputError: an argument is none of what it may be.

    Heads are drawn from N(0, 0.01^2) as published, their biases start at 0; the trunk by He's rule (ours: the released
    code overwrites it with trained weights).

    Source: Chen, Papandreou, Kokkinos, Murphy and Yuille, "DeepLab: Semantic Image Segmentation with Deep Convolutional
    Nets, Atrous Convolution, and Fully Connected CRFs", TPAMI 2018; Tsai et al., "Learning to Adapt Structured Output
    Space for Semantic Segmentation", CVPR 2018, for the heads.

    >>> deeplab_v2(19, multi_level=True).head
    ('layer5', 'layer6')
    """
    check_network("deeplab_v2", classes=classes, width=width, batch_norm=batch_norm)
    check_choice("deeplab_v2.aspp", aspp, ("four", "released_two"))
    check_choice("deeplab_v2.depth", depth, (50, 101))
    units = Units(batch_norm, dtype=jnp.dtype(dtype))
    trunk = ResNet(depth, "caffe", output_stride=8, width=width, units=units, remat=remat)
    return LinenNetwork(
        classes=classes,
        normalization=normalization,
        minimum_size=8,
        align_corners=True,
        head=("layer5", "layer6") if multi_level else ("layer5",),
        module=_DeepLabV2(classes, trunk, multi_level, len(DILATIONS) if aspp == "four" else 2),
        per_domain=batch_norm == "per_domain",
    )
