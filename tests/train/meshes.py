"""The meshes that all is to compute the same on, and how far two results are apart."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxseg.train import MeshShape

ONE = MeshShape(data=1)
DATA, ROWS, BOTH = MeshShape(data=8), MeshShape(data=1, space=8), MeshShape(data=2, space=4)
SPLIT_DATA = MeshShape(data=8, parameters="sharded")
SPLIT_BOTH = MeshShape(data=2, space=4, parameters="sharded")
ALL = {"8x1": DATA, "1x8": ROWS, "2x4": BOTH, "2x4 split": SPLIT_BOTH}
FEW = {"8x1 split": SPLIT_DATA, "1x8": ROWS, "2x4": BOTH}
"""For what takes long to compile: every mesh, and split parameters, in one program less."""

RELATIVE, CALM = 1e-5, 1e-3
"""How far a mesh may be off; and how far rounding may, for a comparison to say anything."""


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


class Difference(NamedTuple):
    """How far a part of a mesh's result is from one device's, and how far a nudge moves one device's.

    A nudge changes what is given, images or parameters, by one unit in the last place.
    """

    mesh: str
    part: str
    apart: float
    rounding: float

    @property
    def excess(self) -> float:
        """Above 1, the mesh is further off than 1e-5 and than ten times what the nudge changes."""
        return self.apart / max(RELATIVE, 10 * self.rounding)
