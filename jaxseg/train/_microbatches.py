"""A network that takes its training batches in parts, one after the other: only one part is held for the gradient.

What follows the network, losses and their denominators included, sees the outputs of the whole batch. So a gradient is
that of the whole batch, summed over the parts as it goes back through them; each part is computed a second time then.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.methods import Method
from jaxseg.models import Network, Output
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import batch_spec

Settings = tuple[Any, Any, Any]


@dataclasses.dataclass(frozen=True)
class Microbatched(Network):
    """A network in whose place `inner` is called `count` times in training.

    Batch normalisation sees each part alone (of all devices together), and its running statistics take them in turn. So
    with it a step is not that of the whole batch; without, or where it is frozen, it is, to rounding. Dropout draws for
    each part.

    Attributes:
      inner: the network.
      count: parts of a batch; the i-th takes the images i, i + count, i + 2 count, ..., some of every device.
      unrolled: repeat the computation in the program instead of looping over it, which is far faster on CPUs.
    """

    inner: Network = dataclasses.field(kw_only=True)
    count: int = 1
    unrolled: bool = False

    def init(self, key: Array, image: Float[Array, "B H W 3"]) -> dict[str, Any]:
        return self.inner.init(key, image)

    def apply(
        self,
        variables: Mapping[str, Any],
        image: Float[Array, "B H W 3"],
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        domain: str = "source",
    ) -> tuple[Output, Any]:
        if not train:
            return self.inner.apply(variables, image, train=False, rngs=rngs, domain=domain)
        if len(image) % self.count:
            raise InputError(f"accumulate: {len(image)} images do not divide into {self.count} microbatches")

        def forward(batch_stats: Any, given: tuple[Array, Array]) -> tuple[Any, Output]:
            index, part = given
            keys = {name: jax.random.fold_in(key, index) for name, key in (rngs or {}).items()}
            own = {**variables, "batch_stats": batch_stats}
            output, after = self.inner.apply(own, part, train=True, rngs=keys, domain=domain)
            return after, output

        parts = jnp.swapaxes(image.reshape(-1, self.count, *image.shape[1:]), 0, 1)
        if not jax.sharding.get_abstract_mesh().empty:
            spec = PartitionSpec(None, *batch_spec(image.ndim))
            parts = jax.lax.with_sharding_constraint(parts, spec)
        given = jnp.arange(self.count), parts
        again = jax.checkpoint(forward)
        if not self.unrolled:
            after, outputs = jax.lax.scan(again, variables.get("batch_stats", {}), given)
        else:
            after, several = variables.get("batch_stats", {}), []
            for index in range(self.count):
                after, output = again(after, jax.tree.map(lambda array, i=index: array[i], given))
                several.append(output)
            outputs = jax.tree.map(lambda *rows: jnp.stack(rows), *several)
        whole = jax.tree.map(lambda array: jnp.swapaxes(array, 0, 1).reshape(-1, *array.shape[2:]), outputs)
        return whole, after

    def upsample(self, logits: Float[Array, "B h w C"], size: tuple[int, int]) -> Float[Array, "B H W C"]:
        return self.inner.upsample(logits, size)

    def validate(self, height: int, width: int) -> None:
        self.inner.validate(height, width)


def microbatched(network: Network, count: int) -> Network:
    """The network with its facts, in `count` parts; as it is where that is one."""
    if count == 1:
        return network
    facts = {field.name: getattr(network, field.name) for field in dataclasses.fields(Network)}
    return Microbatched(**facts, inner=network, count=count, unrolled=jax.default_backend() == "cpu")


def prepared(experiment: Experiment) -> Method:
    """The method that trains an experiment: its own, with the network taking microbatches where it says so."""
    method: Any = experiment.method
    if experiment.accumulate is None:
        return method
    return dataclasses.replace(method, network=microbatched(method.network, experiment.accumulate))


def settings_of(experiment: Experiment) -> Settings:
    """What of an experiment the compiled step is given besides state and batch: method, augmentation, translation."""
    return (
        prepared(experiment),
        OrderedDict(experiment.augment),
        experiment.translate,
    )  # jit would sort a dict by name
