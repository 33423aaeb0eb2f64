"""SegNet (Badrinarayanan, Kendall and Cipolla 2017): VGG-16's convolutions, and their mirror image over max-unpooling.

    encoder   13 3x3 convolutions as in VGG-16 in five blocks, each block ending in a 2x2 max-pool   to stride 32
    decoder   512,512,512 | 512,512,256 | 256,256,128 | 128,64 | 64,C, each group after unpooling    back to 1

Every convolution but the last has a bias, batch normalisation and ReLU. Unpooling puts each value where its maximum
was found, zeros elsewhere, at the size that was pooled: odd sides are rounded up on the way down (360x480 is 45x60
after the third pool, then 23x30 and 12x15) and come back exactly. Layers are named `conv11`, `bn11`, ..., `conv53`,
then `conv53d`, ..., `conv11d`, as in the common PyTorch form.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_network, scaled
from jaxseg.models.layers import Conv, Dtype, max_pool, max_unpool, norm
from jaxseg.models.network import LinenNetwork, Network, Normalization, Output
from jaxseg.models.vgg import BLOCKS

RAW_NORMALIZATION = Normalization(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), order="bgr")
"""The released training file's input: pixels in 0..255 as they are, BGR."""


class _SegNet(nn.Module):
    """The network; see `segnet` for its fields."""

    classes: int
    batch_norm: str
    width: float
    remat: bool
    dtype: Dtype

    def _unit(self, x: Array, features: int, place: str, train: bool) -> Array:
        x = Conv(features, (3, 3), use_bias=True, dtype=self.dtype, name=f"conv{place}")(x)
        return nn.relu(norm(self.batch_norm, dtype=self.dtype, name=f"bn{place}")(x, train=train))

    def _encoded(self, x: Array, block: int, train: bool) -> tuple[Array, Array]:
        count, channels = BLOCKS[block - 1]
        for index in range(1, count + 1):
            x = self._unit(x, scaled(channels, self.width), f"{block}{index}", train)
        return max_pool(x)

    def _decoded(self, x: Array, winner: Array, size: tuple[int, int], block: int, train: bool) -> Array:
        """The decoder's group of a block; the first block's without its last convolution."""
        count, channels = BLOCKS[block - 1]
        given = BLOCKS[max(block - 2, 0)][1]
        x = max_unpool(x, winner, size)
        for index in range(count, 1 if block == 1 else 0, -1):
            features = given if index == 1 else channels
            x = self._unit(x, scaled(features, self.width), f"{block}{index}d", train)
        return x

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool) -> Output:
        def encoded(module: _SegNet, x: Array, block: int) -> tuple[Array, Array]:
            return module._encoded(x, block, train)

        def decoded(module: _SegNet, x: Array, winner: Array, size: tuple[int, int], block: int) -> Array:
            return module._decoded(x, winner, size, block, train)

        if self.remat:
            encoded, decoded = (
                nn.remat(encoded, static_argnums=(2,)),
                nn.remat(decoded, static_argnums=(3, 4)),
            )
        x = image.astype(self.dtype)
        poolings = []
        for block in range(1, 6):
            size = (x.shape[1], x.shape[2])
            x, winner = encoded(self, x, block)
            poolings.append((winner, size))
        for block in range(5, 0, -1):
            x = decoded(self, x, *poolings.pop(), block)
        logits = Conv(self.classes, (3, 3), use_bias=True, dtype=self.dtype, name="conv11d")(x)
        return Output(logits=logits.astype(jnp.float32), features=x)


def segnet(
    classes: int,
    *,
    batch_norm: str = "train",
    width: float = 1.0,
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization = RAW_NORMALIZATION,
) -> Network:
    """SegNet, 29,449,355 parameters for 11 classes; logits at the image's size, for images of any size.

    Weights start by He's rule, as published (its encoder from ImageNet's VGG-16). There is no dropout.

    Args:
      classes: number of classes C.
      batch_norm: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`.
      width: factor of all channel numbers, for small runs (ours), rounded to multiples of 4.
      remat: recomputes a block's insides in the backward pass rather than keeping them.
      dtype: type of the computation; parameters and logits are float32.
      normalization: what makes the input of raw pixels.

    Returns:
      A network whose output holds `logits` [B, H, W, C] and `features` [B, H, W, 64], the last before them.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
    Segmentation", PAMI 2017, Sec. 3.

    >>> import jax
    >>> network = segnet(11)
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 45, 60, 3)))
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    29449355
    """
    check_network("segnet", classes=classes, width=width, batch_norm=batch_norm)
    module = _SegNet(classes, batch_norm, width, remat, jnp.dtype(dtype))
    per_domain = batch_norm == "per_domain"
    return LinenNetwork(classes, normalization, head=("conv11d",), module=module, per_domain=per_domain)
