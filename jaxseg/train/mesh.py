"""Devices as a mesh, and how state and batches lie on it.

Axes are `("sweep", "data", "space")`: `data` splits the batch, `space` the image height (the compiler exchanges the
halo rows). Parameters are replicated. Loss denominators, batch statistics and metrics are global sums over the mesh,
so one device and many compute the same numbers.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.errors import InputError

AXES = ("sweep", "data", "space")
BATCH_AXES = ("data", "space")


@dataclasses.dataclass(frozen=True)
class MeshShape:
    """How many devices split the batch and how many split the image height.

    Attributes:
      data: devices along the batch; 0 takes all that `space` leaves.
      space: devices along the image height.
    """

    data: int = 0
    space: int = 1

    def build(self, batch: int, devices: list[Any] | None = None) -> Mesh:
        """The mesh over `devices` (all of them by default), checked against the global batch size.

        Raises:
          InputError: the shape asks for more devices than there are, or does not divide the batch.
        """
        devices = jax.devices() if devices is None else devices
        if self.space < 1 or self.data < 0:
            raise InputError(
                f"mesh: data {self.data}, space {self.space}; space is at least 1, data at least 0"
            )
        data = self.data or max(len(devices) // self.space, 1)
        if data * self.space > len(devices):
            raise InputError(
                f"mesh: data {data} x space {self.space} needs {data * self.space} devices and there are "
                f"{len(devices)}; use a smaller --mesh.data or --mesh.space"
            )
        if batch % data:
            raise InputError(
                f"batch: {batch} images do not divide over {data} devices; use a multiple of {data} for --batch, "
                f"or set --mesh.data to a divisor of {batch}"
            )
        grid = np.asarray(devices[: data * self.space]).reshape(1, data, self.space)
        return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds all of it."""
    return NamedSharding(mesh, PartitionSpec())


def batch_spec(rank: int) -> PartitionSpec:
    """How an array [B, H, ...] of a batch is split: images over `data`, rows over `space`; [B] has no rows.

    >>> tuple(batch_spec(4)), tuple(batch_spec(1))
    (('data', 'space'), ('data',))
    """
    return PartitionSpec(*BATCH_AXES[:rank])


def put_batch(mesh: Mesh, batch: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, jax.Array]]:
    """This process's part of a batch, as global arrays on the mesh.

    Rows that `space` does not divide stay whole on every device of that axis; the augmentation that follows in the
    compiled step brings them to the crop size, which is split.
    """
    space = mesh.shape["space"]

    def put(array: np.ndarray) -> jax.Array:
        whole = array.ndim > 1 and array.shape[1] % space
        spec = batch_spec(1 if whole else array.ndim)
        return jax.make_array_from_process_local_data(NamedSharding(mesh, spec), array)

    return {domain: {name: put(array) for name, array in part.items()} for domain, part in batch.items()}
