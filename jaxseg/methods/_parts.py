"""Whether the losses and optimisers of a method can be what their fields say, looked at before anything is trained."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxseg.errors import InputError
from jaxseg.losses import Loss
from jaxseg.methods.optimizer import Optimizer

SIDE = 128
"""Height and width of the image that losses are tried on."""


def check_parts(method: Any, classes: int | None) -> None:
    """Calls every loss that a method holds, on shapes alone, and looks at the numbers of every optimiser.

    Args:
      method: or any other tree with losses and optimisers in it.
      classes: C, of the logits of a segmentation; None leaves the losses out.

    Raises:
      InputError: a loss refuses its own fields or a network of so many classes, or an optimiser's number is none that
        it may be; the option is named.
    """
    parts = (Loss, Optimizer)
    found, _ = jax.tree_util.tree_flatten_with_path(method, is_leaf=lambda node: isinstance(node, parts))
    for path, part in found:
        place = jax.tree_util.keystr(path, simple=True, separator=".")
        if isinstance(part, Optimizer):
            part.validate(place)
        elif isinstance(part, Loss) and classes is not None:
            told = _refusal(_Known(part), classes)
            if told:
                raise InputError(f"{place}: {type(part).__name__} refuses it: {told}")


class _Known:
    """A loss, equal to another one that is written the same; of the members of a sweep each is tried once."""

    def __init__(self, loss: Loss) -> None:
        self.loss, self.words = loss, repr(loss)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)


@functools.lru_cache(maxsize=256)
def _refusal(known: _Known, classes: int) -> str:
    """What a loss says against its fields; nothing where it takes them."""
    loss, pixels = known.loss, (1, SIDE, SIDE)
    logits = jax.ShapeDtypeStruct((*pixels, classes), jnp.float32)
    labels = jax.ShapeDtypeStruct(pixels, jnp.int32)
    truth = {"logits": (), "labels": (labels,), "targets": (logits,)}[loss.takes]
    try:
        jax.eval_shape(loss.average, logits, *truth)
    except ValueError as error:
        return str(error).splitlines()[0]
    return ""
