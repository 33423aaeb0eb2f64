"""The convolutional part of VGG-16 (Simonyan and Zisserman 2015), plain or with batch normalisation.

    block   3x3 convolutions, each with ReLU, then a 2x2 max-pool       parameters, plain
    1       2 of  64 channels                                               38,720
    2       2 of 128                                                       221,440
    3       3 of 256                                                     1,475,328
    4       3 of 512                                                     5,899,776
    5       3 of 512                                                     7,079,424   in all 14,714,688

Layers are named `features_0`, `features_2`, ... with the numbers of torchvision's `vgg16` or `vgg16_bn`, whose weights
fit as they are.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models.layers import Conv, Dtype, max_pool, norm
from jaxseg.models.network import Normalization

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Number of convolutions and their channels, block by block."""

TRUNKS = ("vgg16", "vgg16_bn")

TORCHVISION_NORMALIZATION = Normalization(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
"""What torchvision's weights were trained with: RGB, ImageNet's mean and deviation."""

CAFFE_NORMALIZATION = Normalization(
    mean=(104.00698793, 116.66876762, 122.67891434), std=(1.0, 1.0, 1.0), order="bgr"
)
"""What Caffe's weights were trained with: BGR, ImageNet's mean subtracted."""


def scaled(channels: int, width: float) -> int:
    """Channels times `width`, to the nearest multiple of 4, at least 4; as they are where `width` is 1.

    >>> scaled(64, 1.0), scaled(64, 0.1)
    (64, 8)
    """
    return channels if width == 1 else max(4, 4 * round(channels * width / 4))


def check_width(width: float, name: str) -> None:
    """Raises `InputError` unless the width factor is above 0.

    >>> check_width(0.0, "segnet.width")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: segnet.width: 0.0; use a number above 0, 1 for the published widths
    """
    if not width > 0:
        raise InputError(f"{name}: {width}; use a number above 0, 1 for the published widths")


def first_layer(block: int, batch_norm: bool) -> int:
    """Number of the first layer of a block (1 to 5; 6 is past the end) in torchvision's `features`.

    >>> [first_layer(block, False) for block in (1, 2, 3, 4, 5)], first_layer(5, True)
    ([0, 5, 10, 17, 24], 34)
    """
    layers_each = 3 if batch_norm else 2
    return sum(count * layers_each + 1 for count, _ in BLOCKS[: block - 1])


class VGG16(nn.Module):
    """Blocks `first` to `last` of VGG-16, for images of any size.

    Pooling rounds odd sides up, as Caffe does; torchvision rounds them down.

    Attributes:
      first: the first block, 1 to 5.
      last: the last block; one below `first` is no block at all.
      batch_norm: mode of the normalisation after every convolution, see `layers.norm`; None for the plain network.
      width: factor of all channel numbers, for small runs (ours), see `scaled`.
      padding: zeros around the first convolution's input, 1 or, in the first FCN, 100.
      remat: recomputes a block's insides in the backward pass rather than keeping them.
      dtype: type of the computation; parameters are float32.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
    configuration D; batch normalisation as torchvision adds it.

    >>> import jax
    >>> image = jnp.zeros((1, 33, 64, 3))
    >>> pooled, _ = jax.eval_shape(lambda x: VGG16().init_with_output(jax.random.key(0), x, train=False), image)
    >>> [features.shape for features in pooled][-1]
    (1, 2, 2, 512)
    """

    first: int = 1
    last: int = 5
    batch_norm: str | None = None
    width: float = 1.0
    padding: int = 1
    remat: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "B H W D"], *, train: bool) -> tuple[Float[Array, "B _ _ _"], ...]:
        """The pooled features of every block, in order."""
        pooled = []
        for block in range(self.first, self.last + 1):

            def convolved(module: "VGG16", x: Array, block: int = block) -> Array:
                return module._block(x, block, train)

            x = (nn.remat(convolved) if self.remat else convolved)(self, x)
            pooled.append(x)
        return tuple(pooled)

    def _block(self, x: Array, block: int, train: bool) -> Array:
        count, channels = BLOCKS[block - 1]
        layer = first_layer(block, self.batch_norm is not None)
        for _ in range(count):
            # At padding 1 the "same" form, which has a quick path for few channels.
            padding = None if layer or self.padding == 1 else self.padding
            x = Conv(
                scaled(channels, self.width),
                (3, 3),
                use_bias=True,
                padding=padding,
                dtype=self.dtype,
                name=f"features_{layer}",
            )(x)
            layer += 1
            if self.batch_norm is not None:
                x = norm(self.batch_norm, dtype=self.dtype, name=f"features_{layer}")(x, train=train)
                layer += 1
            x = nn.relu(x)
            layer += 1
        return max_pool(x)[0]
