"""Methods that train other networks beside the one that predicts: discriminators, generators, weighting networks."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxseg.methods.method import Method, State


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
