"""The meshes that all is to compute the same on, float64 for what is float32, and how far two results are apart.

In float32 a unit in the last place of the images moves the gradient of a deep network by 1e-4, which what a mesh
computes wrongly could not be told from.
"""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.train import MeshShape, mesh

ONE = MeshShape(data=1)
DATA, ROWS, BOTH = MeshShape(data=8), MeshShape(data=1, space=8), MeshShape(data=2, space=4)
SPLIT_DATA = MeshShape(data=8, parameters="sharded")
SPLIT_BOTH = MeshShape(data=2, space=4, parameters="sharded")
ALL = {"8x1": DATA, "1x8": ROWS, "2x4": BOTH, "2x4 split": SPLIT_BOTH}
FEW = {"8x1 split": SPLIT_DATA, "1x8": ROWS, "2x4": BOTH}
"""For what takes long to compile: every mesh, and split parameters, in one program less."""

RELATIVE = 1e-9
"""How far a mesh may be off: asked are 1e-5."""


@contextlib.contextmanager
def doubled() -> Iterator[None]:
    """In here `jnp.float32` is float64, also where it is a default, and no parameter is too small to be split."""
    try:
        with (
            jax.enable_x64(True),
            jax.numpy_dtype_promotion("standard"),  # constants of float32 meet float64
            mock.patch.object(jnp.float32, "dtype", np.dtype(np.float64)),
            mock.patch.object(mesh, "SMALL", 1),
        ):
            yield
    finally:
        jax.clear_caches()  # of what was traced as float32 and is not


def norm(leaf: Any) -> float:
    return float(np.linalg.norm(np.asarray(leaf, np.float64)))


def distance(one: Any, other: Any) -> float:
    """The largest distance of two arrays of the trees, relative to the array, or to 1% of its tree if that is more.

    So what is 0 but for rounding, as the gradient of a bias before a normalisation, is held against what it belongs to.
    """
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(one)]
    others = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(other)]
    assert len(leaves) == len(others)
    floor = 0.01 * sum(norm(leaf) ** 2 for leaf in leaves) ** 0.5
    found = [norm(y - x) / (max(norm(x), floor) or 1.0) for x, y in zip(leaves, others, strict=True)]
    assert np.isfinite(found).all()
    return max(found, default=0.0)
