"""Arrays under the names of published weights, with small numbers of channels."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.models import pretrained


def random_arrays(shapes, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def unit(name, shape):
    """A convolution without bias and its batch normalisation, as torch names them."""
    conv, bn = name
    return {
        f"{conv}.weight": shape,
        **{f"{bn}.{leaf}": shape[:1] for leaf in ("weight", "bias", "running_mean", "running_var")},
        f"{bn}.num_batches_tracked": (),
    }


def resnet_shapes(blocks=(3, 4, 6, 3), planes=(4, 12, 24, 52), stem=8, classes=1000):
    """torchvision's ResNet; the default widths are those of `width=0.1` (64, 128, 256, 512, in multiples of 4)."""
    shapes, given = unit(("conv1", "bn1"), (stem, 3, 7, 7)), stem
    for layer, (count, inner) in enumerate(zip(blocks, planes, strict=True), start=1):
        for index in range(count):
            block = f"layer{layer}.{index}"
            shapes |= unit((f"{block}.conv1", f"{block}.bn1"), (inner, given, 1, 1))
            shapes |= unit((f"{block}.conv2", f"{block}.bn2"), (inner, inner, 3, 3))
            shapes |= unit((f"{block}.conv3", f"{block}.bn3"), (4 * inner, inner, 1, 1))
            if index == 0:
                shapes |= unit((f"{block}.downsample.0", f"{block}.downsample.1"), (4 * inner, given, 1, 1))
            given = 4 * inner
    return shapes | {"fc.weight": (classes, given), "fc.bias": (classes,)}


def zeros(network, side=64):
    """Variables of zeros: where drawing is not the subject, compiling it would take most of the time."""
    abstract = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), abstract)


def onto_zeros(network, path, **options):
    return pretrained.load(network, path, variables=zeros(network), **options)


SMALL = {"planes": (8, 12, 24, 52)}
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
SEGNET_NAMES = [11, 12, 21, 22, 31, 32, 33, 41, 42, 43, 51, 52, 53]


def vgg_shapes(divide=16):
    """torchvision's VGG-16 with all channel numbers divided."""
    shapes, given = {}, 3
    for layer, channels in zip(CONVOLUTIONS, [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6, strict=True):
        shapes |= {
            f"features.{layer}.weight": (channels // divide, given, 3, 3),
            f"features.{layer}.bias": (channels // divide,),
        }
        given = channels // divide
    wide = 4096 // divide
    for layer, (outputs, inputs) in {0: (wide, 49 * given), 3: (wide, wide), 6: (1000, wide)}.items():
        shapes |= {f"classifier.{layer}.weight": (outputs, inputs), f"classifier.{layer}.bias": (outputs,)}
    return shapes
