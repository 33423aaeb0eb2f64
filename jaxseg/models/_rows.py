"""Convolutions of maps that have few rows for the devices that split the image height.

XLA's partitioner (jaxlib 0.10) errs there: values or gradients of a convolution come out wrong without a word, or the
compilation fails. It was seen where a device needs rows from beyond its neighbour, and where there are more devices
than rows. So small, a map is kept whole instead: every device along the height computes all its rows. Between the two,
left to itself, it also splits the rows over some of the devices and has the others repeat them, and then counts the
kernel's gradient as often as it is repeated. So all other maps are split over all of them.
"""

from collections.abc import Callable

import jax
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

AXIS = "space"
"""The axis of the mesh that splits the image height."""


def devices_along_height() -> int:
    """How many devices split the image height where this is traced."""
    mesh = jax.sharding.get_abstract_mesh()
    return mesh.shape[AXIS] if AXIS in mesh.auto_axes else 1


def convolved(
    x: Float[Array, "B H W D"], convolve: Callable[[Array], Array], least: int
) -> Float[Array, "B h w E"]:
    """`convolve(x)`; map and result are split along the height, or whole where that leaves too few rows to a device.

    Args:
      x: a map.
      convolve: the convolution, a function of the map alone.
      least: rows of `x` that a device must have; see `least_rows`.
    """
    devices = devices_along_height()
    if devices == 1:
        return convolve(x)
    rows = x.shape[1]
    fewest = min(rows, jax.eval_shape(convolve, x).shape[1])
    enough = fewest >= devices and -(-rows // devices) >= least
    spec = PartitionSpec(PartitionSpec.UNCONSTRAINED, AXIS if enough else None)
    return jax.lax.with_sharding_constraint(convolve(jax.lax.with_sharding_constraint(x, spec)), spec)


def least_rows(reach: int, same: bool) -> int:
    """Rows that a device must have for a kernel that reaches over `reach` more.

    Without stride and at "same" size, neighbours give half of the reach each, and one that has it is enough. Otherwise
    shards of the map and of the result drift apart, and twice the reach was enough in all that was tried.

    >>> least_rows(8, same=True), least_rows(2, same=False)
    (4, 4)
    """
    return reach // 2 if same else 2 * reach
