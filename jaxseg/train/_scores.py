"""Class scores of raw images, from one network or from several whose outputs are averaged."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jaxseg.crf import DenseCRF
from jaxseg.data.augment import resize_image
from jaxseg.errors import InputError
from jaxseg.losses import pytree
from jaxseg.methods.objective import brought_to
from jaxseg.methods.optimizer import STATIC
from jaxseg.models import Network

Average = Literal["logits", "probabilities"]
"""What of several networks is averaged."""


@pytree
@dataclasses.dataclass(frozen=True)
class Member:
    """A network that predicts, alone or with others.

    Attributes:
      network: the network.
      variables: its parameters and batch statistics.
      domain: whose statistics it uses, where it keeps them apart.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    variables: Mapping[str, Any]
    domain: str = dataclasses.field(default="source", metadata=STATIC)


class View(NamedTuple):
    """How networks look at images; static under `jit`.

    Attributes:
      size: (height, width) to which images are resized; None takes them as they are.
      flip: also look at the mirror image, and average the softmax of both.
      scales: of that size, in each of which they look; the softmax of all is averaged. None is that size alone.
      average: what of several networks is averaged.
      crf: what smooths the outcome at the labels' size, or None.
    """

    size: tuple[int, int] | None = None
    flip: bool = False
    average: Average = "logits"
    crf: DenseCRF | None = None
    scales: tuple[float, ...] = ()

    def sizes(self, native: tuple[int, int]) -> list[tuple[int, int]]:
        """The sizes, one a scale, in which images of a size are looked at.

        >>> View(scales=(0.5, 1.0)).sizes((100, 51)), View((64, 128)).sizes((100, 51))
        ([(50, 26), (100, 51)], [(64, 128)])
        """
        height, width = native if self.size is None else self.size
        return [
            (max(1, round(scale * height)), max(1, round(scale * width))) for scale in self.scales or (1.0,)
        ]


def check_members(members: Sequence[Member], average: str) -> None:
    """Raises `InputError` where networks cannot be averaged."""
    if average not in get_args(Average):
        raise InputError(f"average: {average!r} is not known; use 'logits' or 'probabilities'")
    classes = sorted({member.network.classes for member in members})
    if len(classes) != 1:
        raise InputError(
            f"ensemble: networks of {' and '.join(map(str, classes)) or 'no'} classes; give some of the same classes"
        )


def scores(
    members: Sequence[Member],
    image: Num[Array, "B H W 3"],
    labels: tuple[int, ...],
    view: View,
) -> Float[Array, "B *_ C"]:
    """Class scores of raw images (0..255) for labels of a shape, (B, h, w) or (B,); their softmax is the prediction.

    Those of one network are its logits, brought to the labels' size by its own interpolation. Those of K networks are

        (1/K) sum_k up(logits_k)    or    log((1/K) sum_k up(softmax(logits_k))),

    where the softmax is taken at each network's own resolution. Interpolation is linear, so networks of one resolution
    give what averaging before `up` gives, as AdvEnt+MinEnt (logits) and FDA's mean of three bands (softmax) do. With
    `view.flip` or several `view.scales`, the logarithm of the mean of the softmax of all views of the image: in every
    size, and with `flip` of its mirror image too. With `view.crf`, what that makes of either, under the colours of the
    image at the labels' size.
    """
    raw = image.astype(jnp.float32)

    def at_labels(member: Member, x: Array) -> Array:
        network = member.network
        output, _ = network.apply(
            member.variables, network.normalization(x), train=False, domain=member.domain
        )
        logits = output.logits.astype(jnp.float32)
        if len(members) > 1 and view.average == "probabilities":
            logits = jax.nn.softmax(logits)
        return brought_to(network, logits, labels)

    def averaged(x: Array) -> Array:
        total = at_labels(members[0], x)
        for member in members[1:]:
            total += at_labels(member, x)
        if len(members) == 1:
            return total
        mean = total / len(members)
        tiny = jnp.finfo(jnp.float32).tiny  # a probability that underflowed is not minus infinity
        return mean if view.average == "logits" else jnp.log(jnp.maximum(mean, tiny))

    def mirrored(x: Array) -> Array:
        found = averaged(x[:, :, ::-1])
        return found[:, :, ::-1] if found.ndim > 2 else found

    native = (image.shape[1], image.shape[2])
    inputs = [raw if size == native else resize_image(raw, size) for size in view.sizes(native)]
    views = [look(x) for x in inputs for look in ((averaged, mirrored) if view.flip else (averaged,))]
    found = views[0]
    if len(views) > 1:
        found = functools.reduce(jnp.logaddexp, map(jax.nn.log_softmax, views)) - math.log(len(views))
    if view.crf is None:
        return found
    colours = image.astype(jnp.float32)
    size = (labels[1], labels[2])
    return view.crf(found, colours if image.shape[1:3] == size else resize_image(colours, size))
