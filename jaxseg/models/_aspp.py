"""Atrous spatial pyramid pooling, as DeepLabv3 and DeepLabv3+ have it."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models._separable import SeparableConv
from jaxseg.models._units import Units, global_mean
from jaxseg.models.layers import dropout

_RATES = {32: (3, 6, 9), 16: (6, 12, 18), 8: (12, 24, 36)}


class PyramidPooling(nn.Module):
    """`dropout(relu(project([1x1, three dilated 3x3, mean of the image])))`, every convolution with BN and ReLU.

    The mean over the image passes a 1x1 convolution and is laid over all pixels. In training with a batch of one its
    batch statistics are those of a single value; use frozen statistics or a larger batch there.

    Attributes:
      features: channels of every branch and of the result, 256 in the papers.
      output_stride: of the input; the 3x3 are dilated 6, 12, 18 at 16, the double at 8, and half at 32 (ours).
      units: makes its layers.
      separable: the 3x3 are depthwise separable, with BN and ReLU after both halves.
      rate: probability that dropout zeroes a number of the result.

    Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, Sec. 3.3.
    """

    features: int
    output_stride: int
    units: Units
    separable: bool = False
    rate: float = 0.1

    @nn.compact
    def __call__(self, x: Float[Array, "B h w D"], *, train: bool) -> Float[Array, "B h w E"]:
        """Features of the pyramid."""
        units = self.units

        def unit(y: Array, conv: str, bn: str, kernel: int = 1, dilation: int = 1) -> Array:
            y = units.conv(self.features, kernel, dilation=dilation, name=conv)(y)
            return nn.relu(units.norm(bn)(y, train=train))

        branches = [unit(x, "convs_0_0", "convs_0_1")]
        for index, dilation in enumerate(_RATES[self.output_stride], start=1):
            if self.separable:
                conv = SeparableConv(
                    self.features, units, dilation=dilation, activate=True, name=f"convs_{index}"
                )
                branches.append(conv(x, train))
            else:
                branches.append(unit(x, f"convs_{index}_0", f"convs_{index}_1", 3, dilation))
        pooled = unit(global_mean(x)[:, None, None, :], "convs_4_1", "convs_4_2")
        branches.append(jnp.broadcast_to(pooled, branches[0].shape))
        y = unit(jnp.concatenate(branches, axis=-1), "project_0", "project_1")
        return dropout(y, self.rate, self.make_rng("dropout")) if train and self.rate else y
