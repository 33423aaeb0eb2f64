"""The gradient of every term of a method's loss, measured with the training step that is compiled already.

Weights of terms are leaves of a method. With the weight of one term 1 and the others 0, a step reports the norm of that
term's gradient. With weights 1/|g_i| and 1/|g_j|, it reports |u_i + u_j| of the unit vectors, and

    cos(g_i, g_j) = |u_i + u_j|^2 / 2 - 1,

which loses no digits however different the norms are. The states that these steps return are thrown away.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.methods import Method

Weights = Mapping[str, Any]


def weighted(method: Method, terms: Mapping[str, str], weights: Weights) -> Method:
    """The method with these weights of its terms, and 0 for the others of them.

    Args:
      method: the method.
      terms: its terms in a phase, see `Method.terms`.
      weights: by the names of terms.
    """
    new = {leaf: weights.get(name, 0.0) for name, leaf in terms.items()}

    def changed(path: tuple[Any, ...], old: Any) -> Any:
        weight = new.get(jax.tree_util.keystr(path, simple=True, separator="."))
        if weight is None:
            return old
        # As the leaf was: a number that XLA sees as another type would be another program.
        return jnp.asarray(weight, old.dtype) if isinstance(old, jax.Array | np.ndarray) else float(weight)

    return jax.tree_util.tree_map_with_path(changed, method)


def diagnosis(method: Method, phase: int, norm: Callable[[Method], float]) -> dict[str, dict[str, Any]]:
    """Norms and cosines of the terms' gradients.

    Args:
      method: the method.
      phase: the phase that runs.
      norm: the norm of the gradient of a method's loss, at the present parameters on one batch.

    Returns:
      `"gradient_norms"`, by term, unweighted; `"gradient_cosines"`, by pair, `"source,target"`; None where a gradient
      is zero or not finite.
    """
    terms = method.terms(phase)
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
