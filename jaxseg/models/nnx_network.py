"""A Flax NNX module as a `Network`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from jaxseg.models.network import Network, Output, Variables


@dataclasses.dataclass(frozen=True)
class NNXNetwork(Network):
    """A Flax NNX module as a `Network`.

    The module is made by `make(rngs)` whenever it is needed, and what it was given is replaced by the variables at
    hand; under `jit` the draws that are thrown away are never computed. It is called as `module(image)` after its own
    `train()` or `eval()`, and returns an `Output` or bare logits.

    Attributes:
      make: function of `nnx.Rngs` that returns the module, such as its class.

    >>> class Mine(nnx.Module):
    ...     def __init__(self, rngs):
    ...         self.conv = nnx.Conv(3, 5, (3, 3), rngs=rngs)
    ...     def __call__(self, image):
    ...         return self.conv(image)
    >>> image = jax.numpy.zeros((1, 8, 8, 3))
    >>> network = NNXNetwork(5, make=Mine)
    >>> variables = network.init(jax.random.key(0), image)
    >>> network.apply(variables, image, train=False)[0].logits.shape
    (1, 8, 8, 5)
    """

    make: Callable[[nnx.Rngs], nnx.Module] = dataclasses.field(kw_only=True)

    def init(self, key: Array, image: Float[Array, "B H W 3"]) -> dict[str, Any]:
        return _variables(self.make(nnx.Rngs(key)))

    def apply(
        self,
        variables: Variables,
        image: Float[Array, "B H W 3"],
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        domain: str = "source",
    ) -> tuple[Output, Any]:
        streams = dict(rngs or {})
        module = self.make(nnx.Rngs(streams.pop("default", jax.random.key(0)), **streams))
        for kind, name in ((nnx.Param, "params"), (nnx.BatchStat, "batch_stats")):
            state = nnx.state(module, kind)
            nnx.replace_by_pure_dict(state, _with_numbers(variables.get(name, {})))
            nnx.update(module, state)
        module.train() if train else module.eval()
        output: Any = module(image)
        if not isinstance(output, Output):
            output = Output(logits=output)
        return output, _variables(module)["batch_stats"] if train else variables.get("batch_stats", {})


def _variables(module: nnx.Module) -> dict[str, Any]:
    """Parameters and batch statistics as plain dicts with names for keys, the places in lists among them."""
    kinds = {"params": nnx.Param, "batch_stats": nnx.BatchStat}
    return {name: _with_names(nnx.to_pure_dict(nnx.state(module, kind))) for name, kind in kinds.items()}


def _with_names(tree: Any) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    return {f"#{key}" if isinstance(key, int) else key: _with_names(child) for key, child in tree.items()}


def _with_numbers(tree: Any) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    return {int(key[1:]) if key.startswith("#") else key: _with_numbers(child) for key, child in tree.items()}
