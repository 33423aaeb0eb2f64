"""The stakes of the game of encoder, generator and discriminator: who wants which answer, and how much it weighs.

An image is of one of four kinds: real or generated, of the source or of the target. What a player wants to hear:

    of                      the discriminator    the generator    the encoder (cross-domain)
    a source image          source, real
    one generated from it   source, generated    source, real     target, real
    a target image          target, real
    one generated from it   target, generated    target, real     source, real
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import AdversarialLoss, Scalar, pytree
from jaxseg.models import MapNetwork, Output
from jaxseg.models.layers import devices_along_height

READINGS = {"binary": 2, "four": 4}
"""How the scores of a patch are read, and how many there are."""
REDUCTIONS = ("mean", "sum")


class Kind(NamedTuple):
    """What an image is, or is to be taken for."""

    domain: str
    real: bool


KINDS = (Kind("source", True), Kind("source", False), Kind("target", True), Kind("target", False))
"""All kinds, in LSD-seg's order of their four maps; in this order the discriminator sees its images."""

PRETENDED = {
    "generator": {"source": Kind("source", True), "target": Kind("target", True)},
    "encoder": {"source": Kind("target", True), "target": Kind("source", True)},
}
"""What a player wants the image that is generated from a domain's to be taken for."""


@pytree
@dataclasses.dataclass(frozen=True)
class GameWeights:
    """Factors of all terms of the game; those of the segmentation are in the objective. All are leaves.

    The paper writes none, which is 1. `LSD_WEIGHTS` are those of LSD-seg's released code. Terms of classes are there
    where the discriminator gives class maps.

    Attributes:
      discriminator: of its four answers together.
      discriminator_classes: of the classes that it reads off source images.
      generator: of its two answers together.
      generator_classes: of the classes read off the image generated from the source.
      reconstruction: of the L1 distance, source and target together.
      encoder: of its two answers together.
      encoder_classes: as `generator_classes`, for the encoder.
    """

    discriminator: Scalar = 1.0
    discriminator_classes: Scalar = 1.0
    generator: Scalar = 1.0
    generator_classes: Scalar = 1.0
    reconstruction: Scalar = 1.0
    encoder: Scalar = 1.0
    encoder_classes: Scalar = 1.0

    def total(self, terms: Mapping[str, Array]) -> Float[Array, ""]:
        """The weighted sum of some of the terms."""
        return sum((getattr(self, name) * value for name, value in terms.items()), jnp.zeros(()))


LSD_WEIGHTS = GameWeights(generator=0.1, encoder=0.1, encoder_classes=0.1)
"""LSD-seg's released code: 0.1 before the answers of generator and encoder and the encoder's classes, else 1."""


@dataclasses.dataclass(frozen=True)
class Referee:
    """Turns scores into the terms of the players.

    Attributes:
      reading: `"binary"`, scores are "a real image of the source" and "of the target"; `"four"`, one of each kind.
      reduction: `"mean"` over patches, or `"sum"` over them and the mean over images.
      loss: of binary scores.
      scored: number of classes that the network scores.
    """

    reading: str
    reduction: str
    loss: AdversarialLoss
    scored: int

    def average(self, values: Float[Array, "B h w"], where: Array | None = None) -> Float[Array, ""]:
        """Values of patches as one number."""
        if self.reduction == "mean":
            return losses.mean(values, where)
        return jnp.sum(values) / values.shape[0]

    def answer(self, scores: Float[Array, "B h w K"], kind: Kind, player: str) -> Float[Array, ""]:
        """What the player pays where a patch is not taken for `kind`."""
        check_rows(scores)
        if self.reading == "four":
            wanted = jnp.full(scores.shape[:-1], KINDS.index(kind), jnp.int32)
            return self.average(losses.softmax_cross_entropy(scores, wanted))
        of_domain = _of_domain(scores, kind)
        judge = self.loss.discriminator if player == "discriminator" else self.loss.generator
        return self.average(judge(of_domain, kind.real))

    def right(self, scores: Float[Array, "B h w K"], kind: Kind) -> Float[Array, ""]:
        """Share of the patches that are taken for what they are."""
        found: Bool[Array, "B h w"]
        if self.reading == "four":
            found = jnp.argmax(scores, axis=-1) == KINDS.index(kind)
        else:
            s = _of_domain(scores, kind)
            found = self.loss.discriminator(s, kind.real) < self.loss.discriminator(s, not kind.real)
        return losses.mean(found.astype(jnp.float32))

    def classes(self, output: Output, labels: Shaped[Array, "B H W"]) -> dict[str, Array]:
        """`{"classes": cross entropy of the class maps}`, labels brought to their size; empty without such maps."""
        if output.aux is None:
            return {}
        if output.aux.shape[-1] != self.scored:
            raise InputError(
                f"discriminator: it reads {output.aux.shape[-1]} classes and the network scores {self.scored}; make "
                "them equal"
            )
        small = _shrunk(labels, (output.aux.shape[1], output.aux.shape[2]))
        known = losses.valid_pixels(small, self.scored)
        return {"classes": self.average(losses.softmax_cross_entropy(output.aux, small), known)}

    def scaled(self, value: Float[Array, ""], part: Mapping[str, Array], domain: str) -> Array:
        """A term of the objective, which is a mean over pixels, in the reduction of the game."""
        if self.reduction == "mean":
            return value
        counted = losses.valid_pixels(part["label"], self.scored) if domain == "source" else part["valid"]
        return value * jnp.sum(counted).astype(jnp.float32) / counted.shape[0]


def check(referee: Referee, discriminator: MapNetwork) -> None:
    """Raises `InputError` where the referee's switches are unknown or the discriminator does not fit them."""
    if referee.reading not in READINGS:
        raise InputError(f"reading: {referee.reading!r} is not known; use 'binary' or 'four'")
    if referee.reduction not in REDUCTIONS:
        raise InputError(f"reduction: {referee.reduction!r} is not known; use 'mean' or 'sum'")
    if discriminator.channels != 3:
        raise InputError(
            f"discriminator.channels: {discriminator.channels}; it watches images, make it one of 3 channels"
        )
    wanted = READINGS[referee.reading]
    if discriminator.classes != wanted:
        raise InputError(
            f"discriminator.classes: {discriminator.classes} scores a patch, and reading {referee.reading!r} takes "
            f"{wanted}; make them equal"
        )


def check_generated(made: Sequence[int], image: Sequence[int]) -> None:
    """Raises `InputError` where the generator's images [B, h, w, 3] are smaller than those that they are made of."""
    if made[1] < image[1] or made[2] < image[2]:
        raise InputError(
            f"generator: it makes {made[1]}x{made[2]} pixels of an image of {image[1]}x{image[2]}; its strides must be "
            "those of the embedding"
        )


def check_rows(scores: Float[Array, "B h w K"]) -> None:
    """Raises `InputError` where the devices along the height are more than the rows of patches.

    So split, XLA gets the gradient of a convolution wrong (jaxlib 0.10). The layers of `jaxseg.models` keep such maps
    whole; a discriminator of other layers is not known to.
    """
    devices, rows = devices_along_height(), scores.shape[1]
    if rows < devices:
        raise InputError(
            f"mesh.space: {devices} devices share the height and the discriminator has {rows} rows of patches; use at "
            f"most {rows}, or larger images"
        )


def embedding_of(output: Output, which: str) -> Any:
    """What the generator takes of the encoder's output, `"features"` or `"logits"`: a map, or a tuple of them.

    Raises:
      InputError: the output has no features.
    """
    given = output.features if which == "features" else output.logits
    if given is None:
        raise InputError(
            "network: its output has no features; use one that gives them, or embedding 'logits'"
        )
    return given


def with_noise(embedding: Any, deviation: Scalar, key: Array) -> Any:
    """An embedding with Gaussian noise of this standard deviation added; the n-th map draws from stream 2 + n."""
    leaves, tree = jax.tree.flatten(embedding)
    noisy = []
    for place, leaf in enumerate(leaves):
        draw = jax.random.normal(jax.random.fold_in(key, 2 + place), leaf.shape, leaf.dtype)
        noisy.append(leaf + jnp.asarray(deviation, leaf.dtype) * draw)
    return jax.tree.unflatten(tree, noisy)


def masked(image: Float[Array, "B H W 3"], part: Mapping[str, Array]) -> Float[Array, "B H W 3"]:
    """The image, 0 where augmentation padded the domain's."""
    return jnp.where(part["valid"][..., None], image, 0.0)


def shown_of(part: Mapping[str, Array]) -> Float[Array, "B H W 3"]:
    """A domain's images as the discriminator sees them: 0..1, 0 where augmentation padded."""
    return masked(part["image"] / 255.0, part)


def _of_domain(scores: Array, kind: Kind) -> Array:
    return scores[..., ("source", "target").index(kind.domain)]


def _shrunk(labels: Shaped[Array, "B H W"], size: tuple[int, int]) -> Shaped[Array, "B h w"]:
    """The label at the middle of every patch of an even grid."""
    for axis, side in enumerate(size, start=1):
        middles = [(2 * place + 1) * labels.shape[axis] // (2 * side) for place in range(side)]
        labels = jnp.take(labels, jnp.array(middles, jnp.int32), axis=axis)
    return labels
