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

from jaxseg.models._arguments import scaled
from jaxseg.models.layers import Conv, Dtype, max_pool, norm

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Number of convolutions and their channels, block by block."""

TRUNKS = ("vgg16", "vgg16_bn")


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
      width: factor of all channel numbers, for small runs (ours), in multiples of 4.
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
