"""Learning rates and weight decay by the kind of parameter: the classifier head, biases, normalisation.

DeepLab's descendants train their head ten times faster than the pretrained trunk, Caffe's networks their biases twice
as fast and without decay, many recipes decay no normalisation parameter, AdvEnt and CRST hold these fixed, and
MaxSquare those of the stem.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree


@pytree
@dataclasses.dataclass(frozen=True)
class Groups:
    """Factors of learning rate and weight decay, multiplied where a parameter is of several kinds; all are leaves.

    Attributes:
      head: of the learning rate of the network's head (`Network.head`); 10 in DeepLabv2 and its descendants.
      bias: of the learning rate of biases that are not a normalisation's; 2 in Caffe's networks.
      norm: of the learning rate of normalisation scales and biases; 0 holds them fixed, as AdvEnt and CRST do.
      bias_decay: of the weight decay of biases; 0 in Caffe's networks.
      norm_decay: of the weight decay of normalisation parameters; 0 in many recipes.
      fixed: names of the network's top modules that are held fixed; `("bn1",)` is a ResNet's stem, as in MaxSquare.

    >>> params = {"trunk": {"bn": {"scale": 1.0, "bias": 0.0}}, "head": {"kernel": 1.0, "bias": 0.0}}
    >>> Groups(head=10.0, bias=2.0, norm=0.0).rates(params, head=("head",))
    {'trunk': {'bn': {'scale': 0.0, 'bias': 0.0}}, 'head': {'kernel': 10.0, 'bias': 20.0}}
    """

    head: Scalar = 1.0
    bias: Scalar = 1.0
    norm: Scalar = 1.0
    bias_decay: Scalar = 1.0
    norm_decay: Scalar = 1.0
    fixed: tuple[str, ...] = dataclasses.field(default=(), metadata={"static": True})

    def rates(self, params: Any, head: tuple[str, ...]) -> Any:
        """The factor of the learning rate of every parameter, in their tree.

        Raises:
          InputError: a module that is to be held fixed is not there.
        """
        for name in self.fixed:
            if not isinstance(params, dict) or name not in params:
                raise InputError(f"groups.fixed: the network has no top module {name!r}")

        def factor(in_head: bool, kind: str) -> Scalar:
            own = {"norm": self.norm, "bias": self.bias}.get(kind, 1.0)
            return own * self.head if in_head else own

        rates = _by_kind(params, head, factor)
        held = {name: jax.tree.map(lambda _: 0.0, rates[name]) for name in self.fixed}
        return {**rates, **held} if held else rates

    def decays(self, params: Any) -> Any:
        """The factor of the weight decay of every parameter, in their tree."""

        def factor(in_head: bool, kind: str) -> Scalar:
            return {"norm": self.norm_decay, "bias": self.bias_decay}.get(kind, 1.0)

        return _by_kind(params, (), factor)

    def decay(self, weight_decay: Scalar) -> optax.GradientTransformation:
        """Adds to every gradient its parameter times the decay times its factor."""

        def decayed(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
            def add(gradient: Any, parameter: Any, factor: Scalar) -> Any:
                return (
                    gradient
                    + jnp.asarray(weight_decay * factor, jnp.float32).astype(gradient.dtype) * parameter
                )

            return jax.tree.map(add, updates, params, self.decays(params))

        return optax.stateless(decayed)

    def scaled(self, head: tuple[str, ...]) -> optax.GradientTransformation:
        """Multiplies every update by the factor of its parameter's learning rate."""

        def scaled(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
            def times(update: Any, factor: Scalar) -> Any:
                return update * jnp.asarray(factor, update.dtype)

            return jax.tree.map(times, updates, self.rates(updates, head))

        return optax.stateless(scaled)


def _by_kind(params: Any, head: tuple[str, ...], factor: Callable[[bool, str], Scalar]) -> Any:
    """`factor(in head, "norm" | "bias" | "kernel")` at every parameter; a normalisation is what has a scale."""

    def walk(node: Any, in_head: bool) -> Any:
        kinds = {name: "norm" if "scale" in node else "bias" if name == "bias" else "kernel" for name in node}
        return {
            name: walk(child, in_head) if isinstance(child, dict) else factor(in_head, kinds[name])
            for name, child in node.items()
        }

    if not isinstance(params, dict):  # parameters of another network's making: all of one kind
        return jax.tree.map(lambda _: factor(False, "kernel"), params)
    return {
        name: walk(child, name in head) if isinstance(child, dict) else factor(name in head, "kernel")
        for name, child in params.items()
    }
