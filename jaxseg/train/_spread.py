"""How processes share an evaluation: each reads its part of every batch, and all hold what is found."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
from jax.sharding import NamedSharding

from jaxseg import data
from jaxseg.data import DataSource
from jaxseg.train.distributed import check_one_size
from jaxseg.train.mesh import MeshShape, batch_spec, replicated


class Spread:
    """The devices that score, and how batches come to them.

    One process scores on its first device, or where the variables are. Several use all devices of all.

    Attributes:
      several: whether there are several processes.
      batch: images at a time, over all of them; at least what was asked for.
    """

    def __init__(self, batch: int) -> None:
        processes = jax.process_count()
        self.several = processes > 1
        each = jax.local_device_count()
        self._own = -(-batch // (processes * each)) * each if self.several else batch
        self.batch = self._own * processes
        self._mesh = MeshShape().build(self.batch) if self.several else None

    def context(self) -> contextlib.AbstractContextManager[Any]:
        """In which the scoring program is called."""
        return contextlib.nullcontext() if self._mesh is None else jax.set_mesh(self._mesh)

    def everywhere(self, tree: Any) -> Any:
        """Arrays on every device that scores."""
        return jax.device_put(tree) if self._mesh is None else jax.device_put(tree, replicated(self._mesh))

    def batches(self, source: DataSource, threads: int) -> Iterator[dict[str, Any]]:
        """The split once, in order, `index` telling the place of each row; of several processes, each decodes its."""
        parts = data.evaluation_batches(
            source,
            self._own,
            threads=threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        for step, part in enumerate(parts):
            if self._mesh is None:
                yield part
                continue
            check_one_size("evaluation", *part["image"].shape[1:3])
            place = NamedSharding(self._mesh, batch_spec(1))
            spread = {
                name: jax.make_array_from_process_local_data(place, part[name]) for name in ("image", "label")
            }
            first = step * self.batch
            yield {**spread, "index": list(range(first, first + self.batch))}
