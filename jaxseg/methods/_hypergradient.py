"""The numbers of an objective by their dotted names, and the gradient of another loss by them."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.losses import Scalar
from jaxseg.methods._meta import stepped
from jaxseg.methods._steps import forwarded
from jaxseg.methods.method import Batch
from jaxseg.methods.objective import Summand
from jaxseg.models import Network

Objective = Mapping[str, Summand]
DOMAINS = ("source", "target")


def numbers(objective: Objective) -> dict[str, Any]:
    """Every number of an objective by its dotted name.

    Args:
      objective: summands by name.

    Returns:
      Numbers and arrays as they stand in the objective. A field that is None has no number.

    >>> from jaxseg import losses
    >>> from jaxseg.methods import Term
    >>> numbers({"source": Term(losses.Focal(gamma=2.0), weight=0.5)})
    {'source.loss.gamma': 2.0, 'source.loss.alpha': 1.0, 'source.weight': 0.5}
    """
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(dict(objective))}


def with_numbers(objective: Objective, new: Mapping[str, Any]) -> dict[str, Summand]:
    """The objective with some of its numbers replaced.

    Args:
      objective: summands by name.
      new: numbers by dotted name; arrays, also traced ones.

    Raises:
      InputError: the objective has no such number; says which it has.

    >>> from jaxseg import losses
    >>> from jaxseg.methods import Term
    >>> with_numbers({"source": Term(losses.Focal())}, {"source.loss.gamma": 3.0})["source"].loss
    Focal(gamma=3.0, alpha=1.0)
    """
    check_names(objective, tuple(new))
    return jax.tree_util.tree_map_with_path(lambda path, leaf: new.get(_name(path), leaf), dict(objective))


def hypergradient(
    network: Network,
    variables: Mapping[str, Any],
    objective: Objective,
    batch: Batch | Sequence[Batch],
    outer: Objective,
    *,
    rate: Scalar,
    names: Sequence[str] | None = None,
    steps: int = 1,
    held_out: Batch | None = None,
    key: Array | None = None,
    remat: bool = False,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The outer loss after inner steps of gradient descent, and its gradient by the numbers of the inner objective.

    Networks normalise by their batches' statistics where they do in training; stored statistics stay as they are.

    Args:
      network: the network.
      variables: its `"params"` and `"batch_stats"` before the steps.
      objective: L, whose numbers are differentiated.
      batch: `{"source": {"image", "label", "valid"}, ...}` of all inner steps, or a sequence with one for each.
      outer: L_outer.
      rate: alpha.
      names: which numbers, see `numbers`; None for all that are no integers.
      steps: n, unrolled.
      held_out: what the outer loss reads; None for the last inner batch.
      key: of dropout; None is `jax.random.key(0)`. Inner step k draws from `fold_in(key, k)`, the outer pass from
        `fold_in(key, n)`.
      remat: compute every inner step again in the backward pass: memory of one step and not of n.

    Returns:
      The outer loss, and its gradient by name, each of its number's shape.

    Raises:
      InputError: a name is not known, or there are other than `steps` batches.

    Source: ours; unrolled as in Maclaurin, Duvenaud and Adams, "Gradient-based Hyperparameter Optimization through
    Reversible Learning", 2015. With one step it is the gradient of MetaPix and of Ren et al. 2018.
    """
    inner = [batch] * steps if isinstance(batch, Mapping) else list(batch)
    if steps < 1 or len(inner) != steps:
        raise InputError(
            f"batch: {len(inner)} given for {steps} steps; give one, or one for each of 1 or more"
        )
    known = numbers(objective)
    if names is None:
        names = [name for name, leaf in known.items() if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]
    check_names(objective, names)
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    key = jax.random.key(0) if key is None else key

    def loss(terms: Objective, theta: Any, given: Batch, step: int) -> Float[Array, ""]:
        return summed(network, terms, theta, batch_stats, given, jax.random.fold_in(key, step))[0]

    def after(new: dict[str, Array]) -> Float[Array, ""]:
        def one(theta: Any, new: dict[str, Array], step: int) -> Any:
            terms = with_numbers(objective, new)
            gradient = jax.grad(lambda theta: loss(terms, theta, inner[step], step))(theta)
            return stepped(theta, gradient, rate)

        run = jax.checkpoint(one, static_argnums=2) if remat else one
        theta = params
        for step in range(steps):
            theta = run(theta, new, step)
        return loss(outer, theta, inner[-1] if held_out is None else held_out, steps)

    given = {name: jnp.asarray(known[name], jnp.result_type(float)) for name in names}
    return jax.value_and_grad(after)(given)


def summed(
    network: Network, objective: Objective, params: Any, batch_stats: Any, batch: Batch, key: Array
) -> tuple[Float[Array, ""], tuple[Any, dict[str, Array]]]:
    """An objective's value on a batch; the batch statistics afterwards, and the unweighted value of each summand."""
    read = {term.domain for term in objective.values()}
    images = {domain: batch[domain]["image"] for domain in DOMAINS if domain in read}
    outputs, after = forwarded(network, params, batch_stats, images, key)
    terms = {
        name: term(network, outputs[term.domain], batch[term.domain]) for name, term in objective.items()
    }
    total = jnp.zeros(())
    for name, term in objective.items():
        total += term.weight * terms[name]
    return total, (after, terms)


def _name(path: Sequence[Any]) -> str:
    """A path in a tree with dots between its steps."""
    return jax.tree_util.keystr(tuple(path), simple=True, separator=".")


def check_names(objective: Objective, names: Sequence[str]) -> None:
    """Raises `InputError` unless the objective has all these numbers."""
    known = list(numbers(objective))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1) or known[:1]
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputError(
                f"objective: it has no number {name!r}; {hint}It has {', '.join(known)} (a field that is None is none)"
            )
