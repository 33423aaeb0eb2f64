"""Devices as a mesh, and how state and batches lie on it.

Axes are `("sweep", "data", "space")`: `data` splits the batch, `space` the image height (the compiler exchanges the
halo rows). Parameters and optimiser state are replicated, or split over all devices. Loss denominators, batch
statistics and metrics are global sums over the mesh, so one device and many compute the same numbers.

The devices of one process lie side by side along `data`. So a process reads a part of the batch of its own, or, where
`space` goes over several processes, these read the same part and each keeps its rows.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.errors import InputError

AXES = ("sweep", "data", "space")
BATCH_AXES = ("data", "space")

SMALL = 1024
"""Arrays with fewer elements than this stay whole on every device: to gather them costs more than to keep them."""


@dataclasses.dataclass(frozen=True)
class MeshShape:
    """How many devices split the batch and how many split the image height.

    Attributes:
      data: devices along the batch; 0 takes all that `space` leaves.
      space: devices along the image height.
      parameters: `"replicated"`: every device holds parameters and optimiser state whole; or `"sharded"`: each holds a
        part of every large array, and the parameters are gathered for each step.
    """

    data: int = 0
    space: int = 1
    parameters: Literal["replicated", "sharded"] = "replicated"

    def build(self, batch: int, devices: list[Any] | None = None) -> Mesh:
        """The mesh over `devices` (all of them by default), checked against the global batch size.

        Raises:
          InputError: the shape asks for more devices than there are, does not divide the batch, or leaves processes
            without an equal share.
        """
        devices = jax.devices() if devices is None else devices
        devices = sorted(devices, key=lambda device: (device.process_index, device.id))
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
        mesh = Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))
        _check_shares(mesh, {device.process_index for device in devices})
        return mesh


def _rows_of(mesh: Mesh, process: int) -> tuple[int, ...]:
    """The places along `data` that a process has devices at."""
    along = mesh.devices.reshape(mesh.shape["data"], -1)
    return tuple(
        place for place, row in enumerate(along) if any(device.process_index == process for device in row)
    )


def _check_shares(mesh: Mesh, processes: set[int]) -> None:
    shares = {process: _rows_of(mesh, process) for process in processes}
    count = len(shares[min(shares)])
    for process, places in shares.items():
        if not places or len(places) != count or places[0] % count or places[-1] - places[0] != count - 1:
            raise InputError(
                f"mesh: data {mesh.shape['data']} x space {mesh.shape['space']} does not give process {process} the "
                "share of the batch that others have; let all devices take part, with --mesh.space a divisor or a "
                "multiple of the devices of a process"
            )


def batch_share(mesh: Mesh, process: int | None = None) -> tuple[int, int]:
    """Which part of every batch a process reads (this one by default), and of how many.

    >>> batch_share(MeshShape(data=1).build(8))
    (0, 1)
    """
    places = _rows_of(mesh, jax.process_index() if process is None else process)
    return places[0] // len(places), mesh.shape["data"] // len(places)


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds all of it."""
    return NamedSharding(mesh, PartitionSpec())


def state_specs(mesh: Mesh | AbstractMesh, tree: Any) -> Any:
    """How arrays of a state are split over all devices: each along its longest side that they divide.

    Where they divide none, the devices along one axis of the mesh do; small arrays stay whole. Axes of one device are
    not named, as what a compiled program returns does not name them: the next step would be compiled again.

    Args:
      mesh: whose devices they are.
      tree: arrays or their shapes.

    >>> mesh = AbstractMesh((1, 4, 2), AXES)
    >>> tuple(state_specs(mesh, jax.ShapeDtypeStruct((3, 3, 64, 256), np.float32)))
    (None, None, None, ('data', 'space'))
    >>> tuple(state_specs(AbstractMesh((1, 8, 1), AXES), jax.ShapeDtypeStruct((64, 256), np.float32)))
    (None, 'data')
    >>> tuple(state_specs(mesh, jax.ShapeDtypeStruct((64,), np.float32)))
    ()
    """
    split = tuple(axis for axis in BATCH_AXES if mesh.shape[axis] > 1)
    ways = (split, *((axis,) for axis in split if len(split) > 1))

    def spec(leaf: Any) -> PartitionSpec:
        if math.prod(leaf.shape) < SMALL:
            return PartitionSpec()
        for axes in ways:
            devices = math.prod(mesh.shape[axis] for axis in axes)
            sides = [place for place, side in enumerate(leaf.shape) if side % devices == 0]
            if axes and sides:
                longest = max(sides, key=lambda place: leaf.shape[place])
                whole: tuple[Any, ...] = (None,) * longest
                return PartitionSpec(*whole, axes if len(axes) > 1 else axes[0])
        return PartitionSpec()

    return jax.tree.map(spec, tree)


def state_shardings(mesh: Mesh, parameters: str, tree: Any) -> Any:
    """Where the arrays of a state lie, as `MeshShape.parameters` says."""
    if parameters == "replicated":
        return jax.tree.map(lambda _: replicated(mesh), tree)
    return jax.tree.map(lambda spec: NamedSharding(mesh, spec), state_specs(mesh, tree))


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
    part, parts = batch_share(mesh)

    def put(array: np.ndarray) -> jax.Array:
        whole = array.ndim > 1 and array.shape[1] % space
        spec = batch_spec(1 if whole else array.ndim)
        before = part * len(array)

        def piece(index: Any) -> np.ndarray:
            first, last, _ = index[0].indices(parts * len(array))
            return array[(slice(first - before, last - before), *index[1:])]

        shape = (parts * len(array), *array.shape[1:])
        return jax.make_array_from_callback(shape, NamedSharding(mesh, spec), piece)

    return {domain: {name: put(array) for name, array in arrays.items()} for domain, arrays in batch.items()}
