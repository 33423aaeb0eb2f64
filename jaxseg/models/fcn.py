"""FCN-8s on VGG-16 (Long, Shelhamer and Darrell 2015), in three forms, and with first blocks for each domain apart.

    fc6      7x7 convolution of pool5, ReLU, dropout                       4096 channels, stride 32
    fc7      1x1, ReLU, dropout                                            4096, 32
    scores   1x1 of fc7 (stride 32), of pool4 (16), of pool3 (8)           C
    up       32 to 16, pool4's scores added; 16 to 8, pool3's added; 8 to 1

                          "modern" (ours)           "metapix" (MetaPix's code)     "original" (the Caffe network)
    first padding         1                         1                              100
    fc6                   padded by 3               not padded                     not padded
    upsampling            bilinear, half-pixel      bilinear, corners aligned,     transposed convolutions, fixed to
                                                    to the size of what is added   bilinear: 4x4 s2, 4x4 s2, 16x16 s8
    crops                 none                      none                           5 of pool4, 9 of pool3, 31 at last
    dropout of            numbers                   channels                       numbers
    input                 RGB, torchvision's        BGR, less the mean             BGR, less the mean
    smallest side         1                         193                            1

In "metapix" fc6 is smaller than pool5 by 6 and is stretched over all of pool4: 26x10 over 64x32 at 1024x512. Its input
is Caffe's though its weights are torchvision's; that is in the released code.

MetaPix gives source and target images first blocks of their own and shares the rest, `split`.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models._arguments import check_choice, check_network, check_rate, scaled
from jaxseg.models.layers import Conv, Dtype, dropout, resize_bilinear, spatial_dropout
from jaxseg.models.network import (
    CAFFE_NORMALIZATION,
    DOMAINS,
    IMAGENET_NORMALIZATION,
    LinenNetwork,
    Network,
    Normalization,
    Output,
    check_domain,
)
from jaxseg.models.vgg import TRUNKS, VGG16, first_layer

VARIANTS = ("modern", "metapix", "original")
_SCORES = ("score_fr", "score_pool4", "score_pool3")
_AT_ONCE = (0.01, 0.0001)
_CROPS = {"pool4": 5, "pool3": 9, "image": 31}


class BilinearUpscore(nn.Module):
    """Transposed convolution with the bilinear kernel, the same for every channel; nothing in it is trained.

        k_t = 1 - |t - f + 1/2| / f,  t = 0 .. 2f - 1,    kernel k k^T, stride f

    Side n becomes `f (n + 1)`. Output pixel `f j + t` is `k_t x_j + k_(t+f) x_(j-1)` with zeros beyond the border:
    shifts and a stack, so that rows stay where they are on a mesh.

    Attributes:
      factor: f, even or odd.

    Source: the `upscore` layers of the released FCN networks, whose convolution has no bias and learning rate 0.

    >>> BilinearUpscore(2).apply({}, jnp.ones((1, 1, 2, 1)))[0, 1, :, 0].tolist()
    [0.1875, 0.5625, 0.75, 0.75, 0.5625, 0.1875]
    """

    factor: int

    def __call__(self, x: Float[Array, "B h w C"]) -> Float[Array, "B H W C"]:
        """Upsampled scores."""
        f = self.factor
        kernel = (1 - np.abs(np.arange(2 * f) - f + 0.5) / f).astype(np.float32)
        for axis in (1, 2):
            here, before = (
                jnp.pad(x, [(0, 0)] * axis + [margin] + [(0, 0)] * (3 - axis)) for margin in ((0, 1), (1, 0))
            )
            phases = [here * kernel[t].item() + before * kernel[t + f].item() for t in range(f)]
            shape = (*x.shape[:axis], f * (x.shape[axis] + 1), *x.shape[axis + 1 :])
            x = jnp.stack(phases, axis=axis + 1).reshape(shape)
        return x


def _cropped(x: Array, offset: int, size: tuple[int, int]) -> Array:
    return x[:, offset : offset + size[0], offset : offset + size[1]]


class _FCN8s(nn.Module):
    """The network; see `fcn8s` for its fields."""

    classes: int
    variant: str
    batch_norm: str | None
    split: int
    dropout: float
    at_once: bool
    width: float
    remat: bool
    dtype: Dtype
    skips: bool = False
    rectified: bool = False

    def _dropped(self, x: Array, train: bool) -> Array:
        if not (train and self.dropout):
            return x
        key = self.make_rng("dropout")
        if self.variant == "metapix" and not self.rectified:
            return spatial_dropout(x, self.dropout, jax.random.uniform(key, (x.shape[0], x.shape[-1])))
        return dropout(x, self.dropout, key)

    def _blocks(self, image: Array, train: bool, domain: str) -> tuple[Array, ...]:
        """Pooled features of the five blocks, the first ones those of the domain."""

        def blocks(first: int, last: int, name: str) -> VGG16:
            padding = 100 if self.variant == "original" else 1
            return VGG16(first, last, self.batch_norm, self.width, padding, self.remat, self.dtype, name=name)

        own: tuple[Array, ...] = ()
        if self.split:
            for each in DOMAINS if self.is_initializing() else (domain,):
                pooled = blocks(1, self.split, each)(image, train=train)
                own = pooled if each == domain else own
        if self.split == 5:
            return own
        shared = blocks(self.split + 1, 5, "trunk")(own[-1] if own else image, train=train)
        return (*own, *shared)

    @nn.compact
    def __call__(self, image: Float[Array, "B H W 3"], *, train: bool, domain: str = "source") -> Output:
        *_, pool3, pool4, pool5 = self._blocks(image, train, domain)
        wide = scaled(4096, self.width)
        padding = 3 if self.variant == "modern" else 0
        fc6 = Conv(wide, (7, 7), use_bias=True, padding=padding, dtype=self.dtype, name="fc6")
        x = self._dropped(nn.relu(fc6(pool5)), train)
        fc7 = Conv(wide, use_bias=True, dtype=self.dtype, name="fc7")
        features = self._dropped(nn.relu(fc7(x)), train)
        pools = (pool4, pool3)
        if self.at_once:
            pool4, pool3 = pool4 * _AT_ONCE[0], pool3 * _AT_ONCE[1]

        scores = []
        for name, given in zip(_SCORES, (features, pool4, pool3), strict=True):
            zeros = nn.initializers.zeros
            score = Conv(self.classes, use_bias=True, dtype=self.dtype, initializer=zeros, name=name)(given)
            scores.append((nn.relu(score) if self.rectified else score).astype(jnp.float32))
        size = (image.shape[1], image.shape[2])
        fused = self._fused_original if self.variant == "original" else self._fused
        return Output(logits=fused(scores, size), features=(features, *pools) if self.skips else features)

    def _fused(self, scores: list[Array], size: tuple[int, int]) -> Array:
        align = self.variant == "metapix"
        score, *skips = scores
        for skip in skips:
            score = skip + resize_bilinear(score, (skip.shape[1], skip.shape[2]), align)
        return resize_bilinear(score, size, align)

    def _fused_original(self, scores: list[Array], size: tuple[int, int]) -> Array:
        score, pool4, pool3 = scores
        score = BilinearUpscore(2, name="upscore2")(score)
        score = score + _cropped(pool4, _CROPS["pool4"], (score.shape[1], score.shape[2]))
        score = BilinearUpscore(2, name="upscore_pool4")(score)
        score = score + _cropped(pool3, _CROPS["pool3"], (score.shape[1], score.shape[2]))
        return _cropped(BilinearUpscore(8, name="upscore8")(score), _CROPS["image"], size)


def fcn8s(
    classes: int,
    *,
    variant: str = "modern",
    trunk: str = "vgg16",
    batch_norm: str = "train",
    split: int = 0,
    dropout: float = 0.5,
    at_once: bool = False,
    skips: bool = False,
    rectified: bool = False,
    width: float = 1.0,
    remat: bool = False,
    dtype: Dtype = jnp.float32,
    normalization: Normalization | None = None,
) -> Network:
    """FCN-8s on VGG-16, 134,353,017 parameters for 19 classes; logits at the image's size.

    The score layers start at zero (as released), so the logits of a fresh network are zero and its first gradients
    reach `score_fr`, `score_pool4` and `score_pool3` alone. The trunk is meant to start from ImageNet's weights.

    Args:
      classes: number of classes C.
      variant: `"modern"`, `"metapix"` or `"original"`; the module's docstring lists what differs.
      trunk: `"vgg16"`, or `"vgg16_bn"` with batch normalisation after every convolution of the trunk.
      batch_norm: of that trunk: `"train"`, `"frozen"`, `"per_domain"` or `"group"`, see `layers.norm`. The plain trunk
        has none to choose.
      split: blocks 1 to `split` (0 to 5) exist twice, `params["source"]` and `params["target"]`, and `apply` goes
        through those of its `domain`; the others are `params["trunk"]`. MetaPix splits at 1; its deployed network is
        the target's, see `unsplit`.
      dropout: probability after fc6 and fc7.
      at_once: pool4 times 0.01 and pool3 times 0.0001 before their scores, as in the FCN-8s that is trained in one
        stage and not through FCN-32s and FCN-16s.
      skips: the output's `features` are the three maps (fc7, pool4, pool3), unscaled, which LSD-seg's generator takes.
      rectified: ReLU after the three score layers, and dropout of numbers in every variant: through such a forward pass
        MetaPix's released code computes its meta-loss.
      width: factor of all channel numbers, for small runs (ours), rounded to multiples of 4.
      remat: recomputes the trunk's insides in the backward pass rather than keeping them.
      dtype: type of the computation; parameters and logits are float32.
      normalization: what makes the input of raw pixels; None for the variant's own.

    Returns:
      A network whose output holds `logits` [B, H, W, C] and `features`, fc7's [B, h, w, 4096] at stride 32.

    Raises:
      InputError: an argument is none of what it may be.

    Source: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015; the
    one-stage form is that of Shelhamer, Long and Darrell, PAMI 2017. Split: Jian and Gao, "MetaPix: Domain transfer
    for semantic segmentation by meta pixel weighting", Image and Vision Computing 2021, Sec. 3.

    >>> network = fcn8s(19, split=1)
    >>> variables = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    134391737
    """
    check_choice("fcn8s.variant", variant, VARIANTS)
    check_choice("fcn8s.trunk", trunk, TRUNKS)
    check_network("fcn8s", classes=classes, width=width, batch_norm=batch_norm)
    check_rate("fcn8s.dropout", dropout)
    if trunk == "vgg16" and batch_norm != "train":
        raise InputError(
            f"fcn8s.batch_norm: {batch_norm!r}, but trunk 'vgg16' has none; use trunk='vgg16_bn'"
        )
    if not 0 <= split <= 5:
        raise InputError(f"fcn8s.split: {split}; use 0 (nothing twice) to 5 (all five blocks)")
    module = _FCN8s(
        classes=classes,
        variant=variant,
        batch_norm=batch_norm if trunk == "vgg16_bn" else None,
        split=split,
        dropout=dropout,
        at_once=at_once,
        width=width,
        remat=remat,
        dtype=jnp.dtype(dtype),
        skips=skips,
        rectified=rectified,
    )
    if normalization is None:
        normalization = IMAGENET_NORMALIZATION if variant == "modern" else CAFFE_NORMALIZATION
    return LinenNetwork(
        classes,
        normalization,
        minimum_size=193 if variant == "metapix" else 1,
        align_corners=variant == "metapix",
        head=_SCORES,
        module=module,
        per_domain=batch_norm == "per_domain",
        takes_domain=split > 0,
    )


def with_split(params: Mapping[str, Any], split: int) -> dict[str, Any]:
    """Parameters of `fcn8s(split=split)` from those of `fcn8s()`: both domains start as copies of one trunk.

    Works on batch statistics too, those that are kept for each domain (`batch_norm="per_domain"`) within each. MetaPix
    starts so, from ImageNet's weights.

    Args:
      params: `variables["params"]` of the network without split.
      split: 0 to 5.

    Returns:
      The same leaves, those of blocks 1 to `split` twice.

    >>> params = {"trunk": {"features_0": 1, "features_2": 2, "features_5": 3}, "fc6": 4}
    >>> with_split(params, 1)["target"]
    {'features_0': 1, 'features_2': 2}
    """
    if _per_domain(params):
        return {domain: with_split(params[domain], split) for domain in DOMAINS}
    trunk = params.get("trunk", {})
    layers = {name: int(name.removeprefix("features_")) for name in trunk}
    end = first_layer(split + 1, batch_norm="features_1" in trunk)
    own = {name: trunk[name] for name, layer in layers.items() if layer < end}
    shared = {name: trunk[name] for name, layer in layers.items() if layer >= end}
    others = {name: leaves for name, leaves in params.items() if name != "trunk"}
    both = {domain: jax.tree.map(lambda leaf: leaf, own) for domain in DOMAINS} if own else {}
    return {**others, **both, **({"trunk": shared} if shared else {})}


def unsplit(params: Mapping[str, Any], domain: str = "target") -> dict[str, Any]:
    """Parameters of `fcn8s()` from those of a split one: the network of one domain alone, as MetaPix deploys it.

    Works on batch statistics too, those that are kept for each domain (`batch_norm="per_domain"`) within each.

    Args:
      params: `variables["params"]` of a split network.
      domain: whose first blocks stay.

    Returns:
      The same leaves without the other domain's.

    Raises:
      InputError: the domain is not known.

    >>> unsplit({"source": {"features_0": 1}, "target": {"features_0": 2}, "trunk": {"features_5": 3}})
    {'trunk': {'features_0': 2, 'features_5': 3}}
    """
    check_domain(domain)
    if _per_domain(params):
        return {each: unsplit(params[each], domain) for each in DOMAINS}
    others = {name: leaves for name, leaves in params.items() if name not in (*DOMAINS, "trunk")}
    trunk = {**params.get(domain, {}), **params.get("trunk", {})}
    return {**others, **({"trunk": trunk} if trunk else {})}


def _per_domain(variables: Mapping[str, Any]) -> bool:
    """Whether they are statistics kept for each domain, not first blocks of each: those hold layers, not a trunk."""
    parts = (*DOMAINS, "trunk")
    return set(variables) == set(DOMAINS) and all(
        not set(parts).isdisjoint(variables[each]) for each in DOMAINS
    )
