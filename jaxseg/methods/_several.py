"""Methods that train other networks beside the one that predicts: discriminators, generators, weighting networks."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import optax

from jaxseg.errors import InputError
from jaxseg.methods._steps import moved
from jaxseg.methods.method import Method, Metrics, State
from jaxseg.methods.optimizer import Optimizer
from jaxseg.models import MapNetwork


class SeveralNetworks(Method):
    """A method whose parameters, statistics and optimiser states are dicts: `"network"` predicts, the others help."""

    def variables(self, state: State) -> dict[str, Any]:
        return {"params": state.params["network"], "batch_stats": state.batch_stats["network"]}

    def with_variables(self, state: State, variables: Mapping[str, Any]) -> State:
        return dataclasses.replace(
            state,
            params={**state.params, "network": variables["params"]},
            batch_stats={**state.batch_stats, "network": variables["batch_stats"]},
        )


def beside(state: State, others: Mapping[str, Any]) -> State:
    """The state of one network as one of several.

    Args:
      state: with the variables of the network alone.
      others: variables, `{"params", "batch_stats"}`, of the other networks by name; such dicts may be nested by
        another name, as where there is a discriminator a level.
    """

    def part(variables: Any, which: str) -> Any:
        if "params" in variables and "batch_stats" in variables:
            return variables[which]
        return {name: part(inner, which) for name, inner in variables.items()}

    return dataclasses.replace(
        state,
        params={"network": state.params, **part(others, "params")},
        batch_stats={"network": state.batch_stats, **part(others, "batch_stats")},
    )


def fresh_moments(state: State, optimizers: Mapping[str, Optimizer]) -> dict[str, Any]:
    """The optimiser states of several networks, by name, before their first step."""
    return {name: each.transformation(0, 1).init(state.params[name]) for name, each in optimizers.items()}


def check_maps(discriminator: MapNetwork, height: int, width: int) -> None:
    """Raises `InputError` where maps are smaller than a discriminator takes."""
    if min(height, width) < discriminator.minimum_size:
        raise InputError(
            f"discriminator: maps of {height}x{width} are too small for it; both sides must be at least "
            f"{discriminator.minimum_size}"
        )


def stepped(
    state: State,
    name: str,
    gradient: Any,
    batch_stats: Any,
    optimizer: Optimizer,
    position: Any,
    steps: int,
    head: Sequence[str] = (),
) -> tuple[State, Metrics]:
    """The state after a step of one of several networks, and what is told of the step.

    Args:
      state: before it.
      name: of the network that moves.
      gradient: of its parameters.
      batch_stats: its statistics after the step.
      optimizer: of this network.
      position: steps that it has taken.
      steps: how many it takes in all.
      head: its modules that learn at the head's rate.
    """
    params, moments = moved(
        optimizer, state.params[name], gradient, state.opt_state[name], position, steps, head
    )
    new = dataclasses.replace(
        state,
        step=state.step + 1,
        params={**state.params, name: params},
        batch_stats={**state.batch_stats, name: batch_stats},
        opt_state={**state.opt_state, name: moments},
    )
    return new, {
        "gradient_norm": optax.global_norm(gradient),
        "learning_rate": optimizer.rate(position, steps),
    }
