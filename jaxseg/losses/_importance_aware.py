"""Importance-aware loss (IAL; Chen, Gong, Yang, IJCAI 2017): classes in groups, the important ones weighing more.

Stated here after a third party's code, that of Xiang, Wang, Yang (arXiv 1907.11066): the authors released none, and
neither the original values of alpha and of the offset nor its groups for Cityscapes are verified.
"""

import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxseg.losses._pixels import (
    Labels,
    Logits,
    Loss,
    Scalar,
    Targets,
    Where,
    as_ids,
    as_scalar,
    class_count,
    mean,
    true_class_nll,
    valid_pixels,
)
from jaxseg.losses._pytree import pytree
from jaxseg.losses.ground import Groups, rank_groups


def importance_aware(
    logits: Logits,
    labels: Labels,
    groups: Groups,
    *,
    alpha: Scalar = 0.5,
    offset: Scalar = 2.0,
    where: Where = None,
) -> Float[Array, "*B"]:
    """Importance-aware loss of each image.

        L   = 1/N (L_1 + (f_1 + offset) (L_2 + (f_2 + offset) (L_3 + ...)))
        L_g = sum of -log p_y over the pixels whose class is in group g
        f_l = 1/(2 N_l) sum of (M_l + alpha) (p_y - M_l)^2 over the N_l pixels of group l or above

    where M_l is 1 for the pixels above group l, p = softmax(x), and N the labelled pixels of the image. So a pixel of
    group g weighs the product of g - 1 factors of at least `offset`, the larger the more the pixels above are missed
    and the surer those below are. The gradient flows through these factors too.

    The code this follows has three groups for CamVid and cross entropy with class weights, and leaves N undefined
    (its sibling for cross entropy divides by the labelled pixels).

    Args:
      logits: [*B, H, W, C] scores x of whole images, any float type; computed in float32 (float64 stays).
      labels: [*B, H, W] class ids y; ids outside 0..C-1 are void.
      groups: [C] group of each class, the higher the more important; static. Only their order counts, so that a group
        number that no class has does not add a factor.
      alpha: weight of the pixels of the group itself in f; 1 + alpha that of the pixels above.
      offset: the paper's lambda.
      where: [*B, H, W] bool, pixels that count; with None, those whose label is known.

    Returns:
      [*B] one value an image, in nats; void pixels add exactly 0 and have exactly 0 gradient.

    Raises:
      ValueError: fewer than three axes, groups that are not one integer a class, shapes that do not fit, labels that
        are not integers, `where` that is not bool.

    >>> p = jnp.array([[0.9, 0.6], [0.3, 0.8]])
    >>> rest = jnp.log((1 - p) / 3)
    >>> labels = jnp.array([[0, 1], [2, 3]])
    >>> logits = jnp.where(labels[..., None] == jnp.arange(4), jnp.log(p)[..., None], rest[..., None])
    >>> f"{importance_aware(logits, labels, groups=(1, 2, 3, 3)):.4f}"
    '1.9867'
    """
    classes = class_count(logits)
    if jnp.ndim(logits) < 3:
        raise ValueError(f"logits: shape {jnp.shape(logits)} given; images [..., H, W, C] are accepted")
    _, rank = rank_groups(groups)
    if rank.size != classes:
        raise ValueError(f"groups: {rank.size} given; {classes} are accepted, one for each class")
    valid = valid_pixels(labels, classes, where)
    nll = true_class_nll(logits, labels, valid)
    alpha, offset = as_scalar("alpha", alpha, nll), as_scalar("offset", offset, nll)
    p = jnp.exp(-nll)
    # Void pixels are in no group.
    group = jnp.where(valid, jnp.take(jnp.asarray(rank, jnp.int32), as_ids(labels), mode="clip"), -1)

    def total(terms: Float[Array, "*B H W"], here: Array) -> Float[Array, "*B"]:
        return jnp.sum(jnp.where(here, terms, 0.0), axis=(-2, -1))

    def count(here: Array) -> Float[Array, "*B"]:
        return jnp.maximum(jnp.sum(here, axis=(-2, -1), dtype=jnp.int32), 1).astype(nll.dtype)

    highest = int(rank.max())
    loss = total(nll, group == highest)
    for level in reversed(range(highest)):
        above = group > level
        misfit = jnp.where(above, (1.0 + alpha) * (p - 1.0) ** 2, alpha * p**2)
        f = 0.5 * total(misfit, group >= level) / count(group >= level)
        loss = total(nll, group == level) + (f + offset) * loss
    return loss / count(valid)


@pytree
@dataclasses.dataclass(frozen=True)
class ImportanceAware(Loss):
    """`importance_aware` with alpha and offset as leaves; `groups` (a tuple) is static."""

    takes: ClassVar[Literal["labels"]] = "labels"
    groups: tuple[int, ...] = dataclasses.field(metadata={"static": True})
    alpha: Scalar = 0.5
    offset: Scalar = 2.0

    def __post_init__(self) -> None:
        if isinstance(self.groups, np.ndarray | list):
            object.__setattr__(self, "groups", tuple(int(group) for group in self.groups))

    def __call__(self, logits: Logits, labels: Labels, *, where: Where = None) -> Float[Array, "*B"]:
        """[*B] values of `importance_aware`, one an image."""
        return importance_aware(
            logits, labels, self.groups, alpha=self.alpha, offset=self.offset, where=where
        )

    def average(
        self, logits: Logits, truth: Labels | Targets | None = None, *, where: Where = None
    ) -> Float[Array, ""]:
        """The mean over the images that have a pixel that counts."""
        if truth is None:
            raise ValueError("truth: None given; ImportanceAware takes (logits, labels)")
        valid = valid_pixels(truth, class_count(logits), where)
        return mean(self(logits, truth, where=where), jnp.any(valid, axis=(-2, -1)))
