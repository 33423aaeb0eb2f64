"""Discriminators: of images by patches, of segmentations in the space of their outputs, of features of whole images.

    patchgan               4x4 convolutions of padding 1: 64 stride 2, 128 stride 2, 256 stride 2, 512, K
                           every score sees 70x70 pixels
    output_discriminator   4x4 convolutions of padding 1 and stride 2: 64, 128, 256, 512, 1
                           every score sees 94x94 pixels
    lsd_discriminator      4x4 of padding 2 and stride 2, 128; three times three residual 3x3, halved in between;
                           3x3 to 4 kinds of images, and 3x3 to C classes
    domain_classifier      linear layers 1024, 1024, 1 on a vector, ReLU and dropout between them

Between those of the first two and of the third stands LeakyReLU, `max(x, 0.2 x)`. Of the first, the middle convolutions
are normalised, of the third all but the heads, of the others none. Outputs are scores [B, h, w, K] before any sigmoid,
one for every patch; modules of the first two are named as in the released codes.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.models._arguments import check_choice, check_counts, check_rate
from jaxseg.models._auxiliary import MapNetwork
from jaxseg.models.layers import BatchNorm, Conv, Dtype, InstanceNorm, crop, dropout, max_pool
from jaxseg.models.network import Output

NORMS = ("instance", "batch")
_SLOPE = 0.2
_KERNEL = (4, 4)


def _leaky(x: Array) -> Array:
    return nn.leaky_relu(x, _SLOPE)


class _PatchGAN(nn.Module):
    """The network; see `patchgan` for its fields. Names count the steps of the released code's chain."""

    scores: int
    layers: int
    width: int
    norm: str
    dtype: Dtype

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W D"], *, train: bool) -> Output:
        step = 0

        def convolution(x: Array, features: int, stride: int, bias: bool = True) -> Array:
            nonlocal step
            step += 1
            return Conv(
                features,
                _KERNEL,
                stride=stride,
                padding=1,
                use_bias=bias,
                dtype=self.dtype,
                initializer=nn.initializers.normal(0.02),
                name=f"model_{step - 1}",
            )(x)

        def normalized(x: Array) -> Array:
            nonlocal step
            step += 1
            if self.norm == "instance":
                return InstanceNorm(dtype=self.dtype, name=f"model_{step - 1}")(x)
            return BatchNorm(dtype=self.dtype, name=f"model_{step - 1}")(x, train=train)

        x = _leaky(convolution(maps.astype(self.dtype), self.width, 2))
        step += 1
        for layer in range(1, self.layers + 1):
            features = self.width * min(2**layer, 8)
            x = convolution(x, features, 2 if layer < self.layers else 1, bias=self.norm == "instance")
            x = _leaky(normalized(x))
            step += 1
        scores = convolution(x, self.scores, 1)
        return Output(logits=scores.astype(jnp.float32), features=x)


class _OutputDiscriminator(nn.Module):
    """The network; see `output_discriminator` for its fields."""

    width: int
    dtype: Dtype

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W C"], *, train: bool) -> Output:
        def convolution(x: Array, features: int, name: str) -> Array:
            return Conv(
                features,
                _KERNEL,
                stride=2,
                padding=1,
                use_bias=True,
                dtype=self.dtype,
                initializer=nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),
                name=name,
            )(x)

        x = maps.astype(self.dtype)
        for place in range(4):
            x = _leaky(convolution(x, self.width * 2**place, f"conv{place + 1}"))
        return Output(logits=convolution(x, 1, "classifier").astype(jnp.float32), features=x)


class _LSDDiscriminator(nn.Module):
    """The network; see `lsd_discriminator` for its fields."""

    classes: int
    width: int
    dropout: float
    dtype: Dtype

    def _convolution(self, features: int, kernel: int, stride: int, name: str) -> Conv:
        return Conv(
            features,
            (kernel, kernel),
            stride=stride,
            padding=kernel // 2,
            use_bias=True,
            dtype=self.dtype,
            initializer=nn.initializers.normal(0.02),
            name=name,
        )

    def _active(self, x: Array) -> Array:
        return _leaky(InstanceNorm(dtype=self.dtype)(x))

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W 3"], *, train: bool) -> Output:
        x = self._active(self._convolution(self.width, 4, 2, "conv")(maps.astype(self.dtype)))
        for stage in range(3):
            if stage:
                x, _ = max_pool(crop(x, (x.shape[1] // 2 * 2, x.shape[2] // 2 * 2)))
            for place in range(3):
                y = self._active(self._convolution(self.width, 3, 1, f"unit{stage}_{place}")(x))
                x = x + (dropout(y, self.dropout, self.make_rng("dropout")) if train and self.dropout else y)
        kinds, classes = (
            self._convolution(features, 3, 1, name)(x).astype(jnp.float32)
            for features, name in ((4, "kinds"), (self.classes, "classes"))
        )
        return Output(logits=kinds, aux=classes, features=x)


class _DomainClassifier(nn.Module):
    """The network; see `domain_classifier` for its fields."""

    widths: tuple[int, ...]
    dropout: float
    dtype: Dtype

    @nn.compact
    def __call__(self, maps: Float[Array, "B H W D"], *, train: bool) -> Output:
        def linear(x: Array, features: int, name: str) -> Array:
            initializer = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
            return nn.Dense(features, dtype=self.dtype, kernel_init=initializer, name=name)(x)

        x = maps.astype(self.dtype)
        for place, width in enumerate(self.widths, start=1):
            x = nn.relu(linear(x, width, f"linear{place}"))
            x = dropout(x, self.dropout, self.make_rng("dropout")) if train and self.dropout else x
        return Output(logits=linear(x, 1, "classifier").astype(jnp.float32), features=x)


def patchgan(
    classes: int = 1,
    *,
    channels: int = 3,
    norm: str = "instance",
    layers: int = 3,
    width: int = 64,
    dtype: Dtype = jnp.float32,
) -> MapNetwork:
    """The PatchGAN discriminator of 70x70 patches, 2,764,737 parameters (2,765,633 with batch normalisation).

    Kernels are drawn from N(0, 0.02^2) and biases are 0, as pix2pix has it; its batch normalisation draws its scales
    from N(1, 0.02^2), here they are 1.

    Args:
      classes: scores K of every patch: 1 says real or fake; LSD-seg's discriminator tells 4 apart, source and target,
        real and generated.
      channels: of the input: 3 for an image, 6 for two side by side.
      norm: `"instance"` (no scale and bias; convolutions keep their biases) or `"batch"` (scale and bias; the
        normalised convolutions have none). The Conservative Loss paper leaves it to a supplement.
      layers: normalised convolutions; all but the last have stride 2, and 3 of them make the patch 70 pixels.
      width: channels of the first convolution; they double up to eight times that.
      dtype: compute type; parameters, statistics and scores are float32.

    Returns:
      A `MapNetwork` of maps [B, H, W, channels], with `logits` [B, h, w, K]; sides of 256 give 30. Images are given to
      it in whatever range the generator makes.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks", 2017,
    Appendix 6.1.2, and its released code; Zhu, Zhou, Yang, Shi and Lin, "Penalizing Top Performers: Conservative Loss
    for Semantic Segmentation Adaptation", 2018, Section 4.1, cites Li and Wand 2016 for it.

    >>> import jax
    >>> network = patchgan(width=4)
    >>> images = jnp.zeros((1, 256, 256, 3))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), images)
    >>> jax.eval_shape(lambda v, x: network.apply(v, x, train=False)[0].logits, variables, images).shape
    (1, 30, 30, 1)
    """
    check_choice("patchgan.norm", norm, NORMS)
    check_counts("patchgan", classes=classes, channels=channels, layers=layers, width=width)
    module = _PatchGAN(scores=classes, layers=layers, width=width, norm=norm, dtype=dtype)
    return MapNetwork(classes, minimum_size=2 ** (layers + 1) + 2**layers, channels=channels, module=module)


def output_discriminator(classes: int, *, width: int = 64, dtype: Dtype = jnp.float32) -> MapNetwork:
    """AdaptSegNet's fully convolutional discriminator, 2,781,121 parameters for 19 classes.

    Kernels are drawn from U(-1, 1) / sqrt(fan_in), as torch does; biases are 0 (ours; torch draws them likewise).

    Args:
      classes: number of classes C, the channels of its input.
      width: channels of the first convolution; they double up to eight times that.
      dtype: compute type; parameters and scores are float32.

    Returns:
      A `MapNetwork` of maps [B, H, W, C] with `logits` [B, H // 32, W // 32, 1]. AdaptSegNet gives it the probabilities
      of the segmentation, AdvEnt their self-information `-p log2 p / log2 C`, both upsampled to the image's size.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Tsai et al., "Learning to Adapt Structured Output Space for Semantic Segmentation", 2018, Section 4.2;
    Vu et al., "ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic Segmentation", 2019.

    >>> import jax
    >>> network = output_discriminator(19, width=4)
    >>> maps = jnp.zeros((1, 512, 1024, 19))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), maps)
    >>> jax.eval_shape(lambda v, x: network.apply(v, x, train=False)[0].logits, variables, maps).shape
    (1, 16, 32, 1)
    """
    check_counts("output_discriminator", classes=classes, width=width)
    module = _OutputDiscriminator(width=width, dtype=dtype)
    return MapNetwork(classes, minimum_size=32, channels=classes, module=module)


def lsd_discriminator(
    classes: int, *, width: int = 128, dropout: float = 0.5, dtype: Dtype = jnp.float32
) -> MapNetwork:
    """LSD-seg's discriminator of images, which also reads classes off them; 1,361,047 parameters for 19 classes.

    A residual unit is `x + dropout(leaky(norm(conv3x3(x))))`, instance normalisation having no scale and bias; between
    the three groups of three, maximum pooling halves the map, rounding down. Kernels are drawn from N(0, 0.02^2);
    biases are 0 (ours; the released code draws them from U(-0.01, 0.01)).

    Args:
      classes: number of classes C.
      width: channels of all maps.
      dropout: probability in the residual units.
      dtype: compute type; parameters and scores are float32.

    Returns:
      A `MapNetwork` of images [B, H, W, 3] with, at stride 8, `logits` [B, h, w, 4]: source real, source generated,
      target real, target generated; and `aux` [B, h, w, C], the class scores. Training draws from `rngs["dropout"]`.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Sankaranarayanan et al., "Learning from Synthetic Data: Addressing Domain Shift for Semantic Segmentation",
    2018, and its released code.

    >>> import jax
    >>> network = lsd_discriminator(19, width=4)
    >>> images = jnp.zeros((1, 64, 128, 3))
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), images)
    >>> output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, images)
    >>> output.logits.shape, output.aux.shape
    ((1, 8, 16, 4), (1, 8, 16, 19))
    """
    check_counts("lsd_discriminator", classes=classes, width=width)
    check_rate("lsd_discriminator.dropout", dropout)
    module = _LSDDiscriminator(classes=classes, width=width, dropout=dropout, dtype=dtype)
    return MapNetwork(4, minimum_size=8, channels=3, module=module)


def domain_classifier(
    features: int,
    *,
    widths: tuple[int, ...] = (1024, 1024),
    dropout: float = 0.5,
    dtype: Dtype = jnp.float32,
) -> MapNetwork:
    """DANN's classifier of domains, which tells from the features of an image which domain it is of.

    The default is the paper's; where MNIST is the source it has `widths=(100,)`.
    Kernels are drawn from U(-1, 1) / sqrt(fan_in), as torch does; biases are 0 (ours; torch draws them likewise).

    Args:
      features: number of features D, the channels of its input.
      widths: of the layers before the last, each followed by ReLU and dropout.
      dropout: probability that a number after a ReLU is zeroed in training: 0.5 in the authors' code for Office-31 and
        in the Transfer Learning Library's form without normalisation.
      dtype: compute type; parameters and scores are float32.

    Returns:
      A `MapNetwork` with `logits` [B, H, W, 1], one score a vector of its input [B, H, W, D]; the features [B, D] of
      whole images are maps of one pixel, [B, 1, 1, D].

    Raises:
      InputError: an argument is none of what it may be.

    Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", 2015, Section 4.

    >>> import jax
    >>> network = domain_classifier(256)
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 1, 1, 256)))
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    1313793
    """
    check_counts("domain_classifier", features=features, **{f"widths[{i}]": w for i, w in enumerate(widths)})
    check_rate("domain_classifier.dropout", dropout)
    module = _DomainClassifier(widths=widths, dropout=dropout, dtype=dtype)
    return MapNetwork(1, channels=features, module=module)
