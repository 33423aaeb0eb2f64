"""What a network is to the rest of jaxseg: two pure functions over plain pytrees, and a few static facts.

A `Network` is a frozen dataclass, so it appears whole in a config, on the command line and in `config.json`, and it
hashes, so `jit` takes it as static. `LinenNetwork` makes one from any Flax Linen module that returns an `Output`, or
bare logits.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jaxseg.errors import InputError
from jaxseg.models.layers import resize_bilinear

DOMAINS = ("source", "target")

Variables = Mapping[str, Any]


def check_domain(domain: str) -> None:
    """Raises `InputError` unless there is such a domain.

    >>> check_domain("real")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: domain: 'real' is not known; use 'source' or 'target'
    """
    if domain not in DOMAINS:
        raise InputError(f"domain: {domain!r} is not known; use 'source' or 'target'")


class Output(NamedTuple):
    """What a segmentation network returns.

    Attributes:
      logits: [B, h, w, C] scores of the main head, at the network's own stride.
      aux: [B, h', w', C] scores of the auxiliary head, or None.
      features: [B, h'', w'', D] the last features before the main head, or a tuple of maps, deepest first, or None.
    """

    logits: Array
    aux: Array | None = None
    features: Any = None


@dataclasses.dataclass(frozen=True)
class Normalization:
    """How raw pixels in 0..255 become the network's input: `(pixel - mean) / std`, channels in `order`.

    Mean and standard deviation are given in the order of the *output* channels. The default maps 0..255 to -1..1 and
    belongs to networks trained from scratch (ours).

    >>> Normalization()(jnp.full((1, 1, 1, 3), 255.0)).tolist()
    [[[[1.0, 1.0, 1.0]]]]
    """

    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    order: str = "rgb"

    def __post_init__(self) -> None:
        if self.order not in ("rgb", "bgr"):
            raise InputError(f"normalization.order: {self.order!r} is not known; use 'rgb' or 'bgr'")

    def __call__(self, image: Num[Array, "*B H W 3"]) -> Float[Array, "*B H W 3"]:
        """Normalised float32 image of a raw RGB one (0..255, any number type)."""
        pixels = image.astype(jnp.float32)
        if self.order == "bgr":
            pixels = pixels[..., ::-1]
        return (pixels - jnp.asarray(self.mean, jnp.float32)) / jnp.asarray(self.std, jnp.float32)


UNIT_NORMALIZATION = Normalization()
"""Pixels 0..255 as `(2 / 255) x - 1`; TensorFlow's Xception weights expect it too."""

IMAGENET_NORMALIZATION = Normalization(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
"""RGB less ImageNet's mean, over its deviation: what torchvision's and timm's weights expect."""

CAFFE_NORMALIZATION = Normalization(
    mean=(104.00698793, 116.66876762, 122.67891434), std=(1.0, 1.0, 1.0), order="bgr"
)
"""BGR less ImageNet's mean: what Caffe's weights expect."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A segmentation network as `init` and `apply`, with the facts that others need of it.

    Attributes:
      classes: number of classes C that it scores.
      normalization: what turns a raw image into its input; callers apply it.
      minimum_size: the smallest image side that it can take, in pixels.
      align_corners: how its logits are brought to the labels' size, see `upsample`.
      head: names of the top modules of `variables["params"]` that are its classifier, for learning rates of their own.
    """

    classes: int
    normalization: Normalization = Normalization()
    minimum_size: int = 1
    align_corners: bool = False
    head: tuple[str, ...] = ("head",)

    def init(self, key: Array, image: Float[Array, "B H W 3"]) -> dict[str, Any]:
        """Fresh variables `{"params": ..., "batch_stats": ...}` for images of this shape."""
        raise NotImplementedError(f"{type(self).__name__} does not define init")

    def apply(
        self,
        variables: Variables,
        image: Float[Array, "B H W 3"],
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        domain: str = "source",
    ) -> tuple[Output, Any]:
        """Forward pass of normalised images of one domain: the output, and the batch statistics as they are after it.

        `domain`, `"source"` or `"target"`, matters to networks that keep statistics or layers for each.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define apply")

    def upsample(self, logits: Float[Array, "B h w C"], size: tuple[int, int]) -> Float[Array, "B H W C"]:
        """Logits brought to `size` (height, width) by the interpolation that this network was published with."""
        if logits.shape[1:3] == size:
            return logits
        return resize_bilinear(logits, size, align_corners=self.align_corners)

    def validate(self, height: int, width: int) -> None:
        """Raises `InputError` where an image of this size cannot go through the network."""
        if min(height, width) < self.minimum_size:
            raise InputError(
                f"image size {height}x{width} (height x width) is too small for this network; "
                f"both sides must be at least {self.minimum_size}"
            )


@dataclasses.dataclass(frozen=True)
class LinenNetwork(Network):
    """A Flax Linen module as a `Network`.

    The module is called as `module(image, train=...)` and returns an `Output` or bare logits. Its random streams are
    named in `rngs` by the caller; `"dropout"` is the one that training provides.

    Attributes:
      module: the Linen module.
      per_domain: batch statistics are kept for each domain apart, `variables["batch_stats"]` being
        `{"source": ..., "target": ...}`; parameters are in common.
      takes_domain: the module is called with `domain=` too.
    """

    module: nn.Module = dataclasses.field(kw_only=True)
    per_domain: bool = False
    takes_domain: bool = False

    def init(self, key: Array, image: Float[Array, "B H W 3"]) -> dict[str, Any]:
        variables = self.module.init({"params": key, "dropout": key}, image, train=False)
        batch_stats = variables.get("batch_stats", {})
        if self.per_domain:
            batch_stats = {domain: jax.tree.map(jnp.copy, batch_stats) for domain in DOMAINS}
        return {"params": variables["params"], "batch_stats": batch_stats}

    def apply(
        self,
        variables: Variables,
        image: Float[Array, "B H W 3"],
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        domain: str = "source",
    ) -> tuple[Output, Any]:
        check_domain(domain)
        batch_stats = variables.get("batch_stats", {})
        own = {**variables, "batch_stats": batch_stats[domain]} if self.per_domain else variables
        options = {"domain": domain} if self.takes_domain else {}
        output, after = run_linen(self.module, own, image, train, rngs, **options)
        return output, {**batch_stats, domain: after} if self.per_domain else after


def run_linen(
    module: nn.Module,
    variables: Variables,
    given: Any,
    train: bool,
    rngs: Mapping[str, Array] | None,
    **options: Any,
) -> tuple[Output, Any]:
    """Calls `module(given, train=train, **options)`; its output, and the batch statistics as they are after it."""
    mutable = ["batch_stats"] if train else False
    result = module.apply(
        dict(variables), given, train=train, rngs=dict(rngs or {}), mutable=mutable, **options
    )
    output: Any
    output, updated = result if train else (result, variables)
    if not isinstance(output, Output):
        output = Output(logits=output)
    return output, updated.get("batch_stats", {})
