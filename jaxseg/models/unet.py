"""The weighting network of MetaPix (Jian and Gao 2021): a U-Net that says how much each source pixel counts.

    inc      two 3x3                                   64 channels, stride 1
    down1    maximum of 2x2, two 3x3                  128, 2
    down2    maximum of 2x2, two 3x3                  256, 4
    down3    maximum of 2x2, two 3x3                  256, 8
    up2      doubled, joined with down2, two 3x3      512 -> 256 -> 128, 4
    up3      doubled, joined with down1, two 3x3      256 -> 128 -> 64, 2
    up4      doubled, joined with inc, two 3x3        128 -> 64 -> 64, 1
    outc     1x1                                      2 for every weight

Every 3x3 convolution has a bias and is followed by instance normalisation without scale and bias, then ReLU; or by
ReLU alone, as in the first U-Net. Doubling is bilinear with corners aligned. The input is the image and the one-hot
label side by side, the softmax of each pair of scores (s0, s1) gives a weight:

    W = exp(s1) / (exp(s0) + exp(s1))                  in (0, 1)

Modules are named as in the authors' code, from which what the paper leaves open is taken. It upsamples to the exact
size that it joins, where that code pads with zeros (the same for sides that 8 divides; ours for others), and odd sides
are rounded up when they are halved (that code rounds down).
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jaxseg.models._arguments import check_choice, check_counts
from jaxseg.models._auxiliary import MapNetwork
from jaxseg.models.layers import Conv, Dtype, InstanceNorm, max_pool, resize_bilinear
from jaxseg.models.network import CAFFE_NORMALIZATION, Normalization, Output

PER = ("pixel", "class")
NORMS = ("instance", "none")
_INITIALIZER = nn.initializers.normal(0.01)
_INITIALIZER_WITHOUT_NORM = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
"""sqrt(2 / N) for N inputs (Ronneberger et al. 2015)."""


class _Double(nn.Module):
    """Two 3x3 convolutions, each with ReLU, and instance normalisation before it if asked for."""

    middle: int
    features: int
    dtype: Dtype
    norm: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for place, features in ((0, self.middle), (3, self.features)):
            convolution = Conv(
                features,
                (3, 3),
                use_bias=True,
                dtype=self.dtype,
                initializer=_INITIALIZER if self.norm == "instance" else _INITIALIZER_WITHOUT_NORM,
                name=f"double_conv_{place}",
            )
            x = convolution(x)
            x = nn.relu(InstanceNorm(dtype=self.dtype)(x) if self.norm == "instance" else x)
        return x


class _Down(nn.Module):
    features: int
    dtype: Dtype
    norm: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        double = _Double(self.features, self.features, self.dtype, self.norm, name="maxpool_conv_1")
        return double(max_pool(x)[0])


class _Up(nn.Module):
    features: int
    dtype: Dtype
    norm: str

    @nn.compact
    def __call__(self, x: Array, joined: Array) -> Array:
        x = resize_bilinear(x, (joined.shape[1], joined.shape[2]), align_corners=True)
        x = jnp.concatenate([joined, x], axis=-1)
        return _Double(x.shape[-1] // 2, self.features, self.dtype, self.norm, name="conv")(x)


class _Scores(nn.Module):
    """1x1 convolution whose biases are 0 for the first score of every pair and 1 for the second."""

    pairs: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: Array) -> Array:
        def favour_the_second(key: Array, shape: tuple[int, ...], dtype: Dtype) -> Array:
            return jnp.tile(jnp.array([0.0, 1.0], dtype), self.pairs)

        return nn.Conv(
            2 * self.pairs,
            (1, 1),
            dtype=self.dtype,
            kernel_init=_INITIALIZER,
            bias_init=favour_the_second,
            name="conv",
        )(x)


class _UNet(nn.Module):
    """The network; see `unet_weights` for its fields."""

    pairs: int
    width: int
    remat: bool
    dtype: Dtype
    norm: str = "instance"

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W D"], *, train: bool) -> Output:
        w, how = self.width, (self.dtype, self.norm)
        double, down, up = map(nn.remat, (_Double, _Down, _Up)) if self.remat else (_Double, _Down, _Up)
        full = double(w, w, *how, name="inc")(maps.astype(self.dtype))
        half = down(2 * w, *how, name="down1")(full)
        quarter = down(4 * w, *how, name="down2")(half)
        x = down(4 * w, *how, name="down3")(quarter)
        x = up(2 * w, *how, name="up2")(x, quarter)
        x = up(w, *how, name="up3")(x, half)
        x = up(w, *how, name="up4")(x, full)
        scores = _Scores(self.pairs, self.dtype, name="outc")(x)
        return Output(logits=scores.astype(jnp.float32), features=x)


@dataclasses.dataclass(frozen=True)
class WeightNetwork(MapNetwork):
    """A network of image and labels whose scores become weights; made by `unet_weights`."""

    def inputs(
        self, image: Float[Array, "B H W 3"], labels: Integer[Array, "B H W"]
    ) -> Float[Array, "B H W D"]:
        """Image and one-hot labels side by side: what `init` and `apply` take.

        Args:
          image: [B, H, W, 3], normalised by this network's `normalization`.
          labels: [B, H, W] class ids; those outside 0..C-1 share a channel of their own, the last.

        Returns:
          [B, H, W, 3 + C + 1].
        """
        ids = labels.astype(jnp.int32)
        ids = jnp.where((ids < 0) | (ids >= self.classes), self.classes, ids)
        return jnp.concatenate([image, jax.nn.one_hot(ids, self.classes + 1, dtype=image.dtype)], axis=-1)

    def weights(self, output: Output) -> Float[Array, "B H W K"]:
        """Weights in (0, 1) of an output: [B, H, W, 1], or [B, H, W, C] where there is one for every class."""
        scores = output.logits
        pairs = scores.reshape(*scores.shape[:-1], scores.shape[-1] // 2, 2)
        return jax.nn.softmax(pairs, axis=-1)[..., 1]

    def pixel_weights(self, output: Output, labels: Integer[Array, "B H W"]) -> Float[Array, "B H W"]:
        """The weight of each pixel's cross entropy; with one for every class, that of its label (void: of class 0).

        With one-hot labels `-sum_c W_c y_c log p_c` is `W_y` times the cross entropy, so one number a pixel is enough.
        """
        weights = self.weights(output)
        if weights.shape[-1] == 1:
            return weights[..., 0]
        ids = labels.astype(jnp.int32)
        ids = jnp.where((ids < 0) | (ids >= self.classes), 0, ids)
        return jnp.take_along_axis(weights, ids[..., None], axis=-1)[..., 0]


def unet_weights(
    classes: int,
    *,
    per: str = "pixel",
    channels: int | None = None,
    width: int = 64,
    remat: bool = False,
    norm: str = "instance",
    dtype: Dtype = jnp.float32,
    normalization: Normalization = CAFFE_NORMALIZATION,
) -> WeightNetwork:
    """MetaPix's weighting network, 4,291,714 parameters for 19 classes; untrained, every weight is about 0.731.

    Its input is a map [B, H, W, 3 + C + 1] that `network.inputs(image, labels)` makes; its `logits` are the pairs of
    scores, which `network.weights(output)` turns into weights.

    Args:
      classes: number of classes C of the labels.
      per: `"pixel"`, one weight a pixel, the paper's W^1; or `"class"`, C of them, its W^19. That the latter's are C
        softmaxes over pairs, too, is ours: the paper gives the shape alone, the released code has none.
      channels: of its input; None for what `network.inputs` makes. `HRSelect` takes C for predictions, 3 for images.
      width: channels of the first block; cost grows with its square. The released code has 64, and 32 as an
        alternative.
      remat: recompute every block in the backward pass; less memory, the same values.
      norm: `"instance"`, as in the released code (the paper names the U-Net alone): features of an image have mean 0,
        so its pixels are weighed against each other. `"none"`, as in the U-Net that it cites, with that one's initial
        kernels: a whole image may count less than another.
      dtype: compute type; parameters and scores are float32.
      normalization: what makes the image's part of the input of raw pixels: BGR minus a mean, as in the released code.

    Returns:
      A `WeightNetwork`, for images of any size from 16x16, with `logits` [B, H, W, 2] or [B, H, W, 2 C].

    Raises:
      InputError: an argument is none of what it may be.

    Source: Jian and Gao, "MetaPix: Domain transfer for semantic segmentation by meta pixel weighting", 2021,
    Sections 3.1 and 4.2, Table 3; Ronneberger, Fischer and Brox, "U-Net", 2015.

    >>> network = unet_weights(19, width=4)
    >>> maps = network.inputs(jnp.zeros((1, 16, 24, 3)), jnp.full((1, 16, 24), 255))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), maps)
    >>> output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, maps)
    >>> maps.shape, jax.eval_shape(network.weights, output).shape
    ((1, 16, 24, 23), (1, 16, 24, 1))
    """
    given = classes + 4 if channels is None else channels
    check_counts("unet_weights", classes=classes, channels=given, width=width)
    check_choice("unet_weights.per", per, PER)
    check_choice("unet_weights.norm", norm, NORMS)
    module = _UNet(pairs=1 if per == "pixel" else classes, width=width, remat=remat, dtype=dtype, norm=norm)
    return WeightNetwork(classes, normalization, minimum_size=16, channels=given, module=module)
