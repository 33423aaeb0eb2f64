"""The compiled programs of the labelling pass, and of labels made anew; every device takes whole images, one by one."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from jaxseg.labels import VOID
from jaxseg.methods import Labelling
from jaxseg.methods._thresholds import best_class, confidence_histogram
from jaxseg.train._scores import Average, Member, View, scores
from jaxseg.train.mesh import BATCH_AXES, batch_spec

EACH = PartitionSpec(BATCH_AXES)
"""One image a device."""


@dataclasses.dataclass(frozen=True)
class Pass:
    """What the programs are made for."""

    labelling: Labelling
    mesh: Mesh

    def each(self, function: Callable[..., Any], *arguments: Any, split: tuple[bool, ...]) -> Any:
        """Calls a function on every device, with its own part of the arguments that are split."""
        specs = tuple(EACH if part else PartitionSpec() for part in split)
        mapped = jax.shard_map(function, mesh=self.mesh, in_specs=specs, out_specs=EACH, check_vma=False)
        return mapped(*arguments)


@functools.partial(jax.jit, static_argnames=("plan",))
def predicted(
    plan: Pass, members: tuple[Member, ...], prior: Array | None, image: Array
) -> Float[Array, "D H W C"]:
    """Logarithms of the probabilities of images, one a device: means over networks and scales, times the prior."""
    one = functools.partial(_predicted, plan.labelling)
    return plan.each(one, members, prior, image, split=(False, False, True))


def _predicted(
    labelling: Labelling, members: tuple[Member, ...], prior: Array | None, image: Array
) -> Float[Array, "1 H W C"]:
    """The same of one image."""
    size = image.shape[1:3]
    view = View(None, labelling.flip, cast(Average, labelling.teacher_average), scales=labelling.scales)
    mean = jax.nn.log_softmax(scores(members, image, (1, *size), view))
    if prior is None:
        return mean
    grid = jax.image.resize(prior, (*size, prior.shape[-1]), "linear")
    return mean + jnp.log(jnp.maximum(grid, 1e-30))


@functools.partial(jax.jit, static_argnames=("plan",))
def counted(plan: Pass, found: Array, real: Array) -> Int[Array, "C bins"]:
    """The histogram of confidences of the images that are real, over all devices."""

    def one(found: Array, real: Array) -> Array:
        return confidence_histogram(found)[None] * real.astype(jnp.int32)[:, None, None]

    each = plan.each(one, found, real, split=(True, True))
    whole = NamedSharding(plan.mesh, PartitionSpec())
    return jax.lax.with_sharding_constraint(jnp.sum(each, axis=0), whole)


@functools.partial(jax.jit, static_argnames=("plan",))
def labelled(plan: Pass, found: Array, thresholds: Array) -> tuple[Array, Int[Array, "D 2 C"]]:
    """The labels of images, and how many of their pixels are predicted and labelled as each class."""

    def one(found: Array, thresholds: Array) -> tuple[Array, Array]:
        labels = plan.labelling.labels(found, thresholds)
        hard = best_class(labels, VOID) if plan.labelling.soft else labels
        classes = jnp.arange(found.shape[-1])
        counts = [
            jnp.sum(ids.reshape(-1, 1).astype(jnp.int32) == classes, axis=0, dtype=jnp.int32)
            for ids in (jnp.argmax(found, axis=-1), hard)
        ]
        return labels, jnp.stack(counts)[None]

    return plan.each(one, found, thresholds, split=(True, False))


@functools.partial(jax.jit, static_argnames=("plan",))
def relabelled(
    plan: Pass, members: tuple[Member, ...], prior: Array | None, thresholds: Array, image: Array
) -> Array:
    """The labels of a batch, made anew; images are split over `data`, and over `space` too if there are enough."""

    def one(members: tuple[Member, ...], prior: Array | None, thresholds: Array, image: Array) -> Array:
        return plan.labelling.labels(_predicted(plan.labelling, members, prior, image[None]), thresholds)[0]

    def own(members: tuple[Member, ...], prior: Array | None, thresholds: Array, images: Array) -> Array:
        label = functools.partial(one, members, prior, thresholds)
        if jax.default_backend() == "cpu":  # where a loop in a program is far slower than what it repeats
            return jnp.stack([label(image) for image in images])
        return jax.lax.map(label, images)

    parts = EACH if len(image) % plan.mesh.size == 0 else PartitionSpec(BATCH_AXES[0])
    specs = (PartitionSpec(), PartitionSpec(), PartitionSpec(), parts)
    made = jax.shard_map(own, mesh=plan.mesh, in_specs=specs, out_specs=parts, check_vma=False)(
        members, prior, thresholds, image
    )
    split = batch_spec(made.ndim if made.shape[1] % plan.mesh.shape["space"] == 0 else 1)
    return jax.lax.with_sharding_constraint(made, NamedSharding(plan.mesh, split))
