"""A network's variables as arrays by name, in torch's names and order of axes, and back."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxseg.models._layouts import dotted
from jaxseg.models.network import Variables

_LEAVES = {
    "params": {"kernel": "weight", "scale": "weight", "slope": "weight", "bias": "bias"},
    "batch_stats": {"mean": "running_mean", "var": "running_var"},
}

Place = tuple[str, ...]
"""Where a leaf lies in the variables: collection, modules, leaf."""


def flat(variables: Variables) -> dict[Place, Any]:
    """Leaves by (collection, module, ..., leaf)."""
    leaves = jax.tree_util.tree_flatten_with_path(dict(variables))[0]
    return {tuple(str(entry.key) for entry in path): leaf for path, leaf in leaves}


def nested(leaves: Mapping[Place, Any]) -> dict[str, Any]:
    """Variables of their leaves, the inverse of `flat`."""
    tree: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for path, leaf in leaves.items():
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = leaf
    return tree


def name_of(place: Place) -> str:
    """Torch's name of a leaf.

    >>> name_of(("batch_stats", "layer1_0", "bn1", "mean")), name_of(("params", "layer1_0", "bn1", "scale"))
    ('layer1.0.bn1.running_mean', 'layer1.0.bn1.weight')
    """
    collection, *modules, leaf = place
    return f"{dotted(tuple(modules))}.{_LEAVES[collection].get(leaf, leaf)}"


def published(leaf: np.ndarray) -> np.ndarray:
    """A leaf in torch's order of axes."""
    if leaf.ndim == 4:
        return leaf.transpose(3, 2, 0, 1)
    return leaf.T if leaf.ndim == 2 else leaf


def published_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a leaf in torch's order of axes."""
    if len(shape) == 4:
        return (shape[3], shape[2], shape[0], shape[1])
    return shape[::-1] if len(shape) == 2 else shape


def fitted(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """An array of the file in the network's order of axes, or None where it does not fit.

    A linear layer [out, in] fits a convolution that takes its whole input, rows being channels, height, width.
    """
    wanted = published_shape(shape)
    if array.ndim == 2 and len(wanted) == 4 and array.shape == (wanted[0], math.prod(wanted[1:])):
        array = array.reshape(wanted)
    if array.shape != wanted:
        return None
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if array.ndim == 2 else array
