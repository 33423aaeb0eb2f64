"""The gradient of every term of a method's loss, measured with the training step that is compiled already.

Weights of terms are leaves of a method. With the weight of one term 1 and the others 0, a step reports the norm of that
term's gradient. With weights 1/|g_i| and 1/|g_j|, it reports |u_i + u_j| of the unit vectors, and

    cos(g_i, g_j) = |u_i + u_j|^2 / 2 - 1,

which loses no digits however different the norms are. The states that these steps return are thrown away.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.errors import InputError
from jaxseg.methods import Method

Weights = Mapping[str, Any]


def _is_weighted(value: Any) -> bool:
    fields = getattr(value, "__dataclass_fields__", {})
    return "weight" in fields and "head" in fields and not isinstance(value, type)


def terms_of(method: Method, phase: int) -> dict[str, tuple[Any, ...]]:
    """The weighted terms of a phase by name, and the path to each in the method.

    Terms of the warm start are those of the phase of that name, and all others those of the other phases.
    """
    warm = method.phases[phase].name == "warm_start"
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(method, is_leaf=_is_weighted):
        words = [getattr(key, "name", getattr(key, "key", None)) for key in path]
        if _is_weighted(leaf) and ("warm_start" in words) == warm:
            group = "" if "objective" in words else f"{words[-2]}."
            found[f"{group}{words[-1]}"] = path
    return found


def weighted(method: Method, terms: Mapping[str, tuple[Any, ...]], weights: Weights) -> Method:
    """The method with these weights of its terms, and 0 for the others."""
    names = {path: name for name, path in terms.items()}

    def changed(path: tuple[Any, ...], leaf: Any) -> Any:
        if path not in names:
            return leaf
        # As the leaf was: a number that XLA sees as another type would be another program.
        weight = weights.get(names[path], 0.0)
        old = leaf.weight
        new = jnp.asarray(weight, old.dtype) if isinstance(old, jax.Array | np.ndarray) else float(weight)
        return dataclasses.replace(leaf, weight=new)

    return jax.tree_util.tree_map_with_path(changed, method, is_leaf=_is_weighted)


def diagnosis(method: Method, phase: int, norm: Callable[[Method], float]) -> dict[str, dict[str, Any]]:
    """Norms and cosines of the terms' gradients.

    Args:
      method: the method.
      phase: the phase that runs.
      norm: the norm of the gradient of a method's loss, at the present parameters on one batch.

    Returns:
      `"gradient_norms"`, by term, unweighted; `"gradient_cosines"`, by pair, `"source,target"`; None where a gradient
      is zero or not finite.

    Raises:
      InputError: the method has no terms that could be told apart.
    """
    terms = terms_of(method, phase)
    if not terms:
        raise InputError(
            f"diagnose_every: {type(method).__name__} has no weighted terms; leave it out, or set it to 0"
        )
    norms = {name: norm(weighted(method, terms, {name: 1.0})) for name in terms}
    cosines: dict[str, float | None] = {}
    for first, second in itertools.combinations(terms, 2):
        pair = norms[first], norms[second]
        if not all(math.isfinite(value) and value > 0.0 for value in pair):
            cosines[f"{first},{second}"] = None
            continue
        together = norm(weighted(method, terms, {first: 1.0 / pair[0], second: 1.0 / pair[1]}))
        cosines[f"{first},{second}"] = min(max(together**2 / 2.0 - 1.0, -1.0), 1.0)
    return {"gradient_norms": norms, "gradient_cosines": cosines}
