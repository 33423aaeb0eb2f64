"""The states of several runs, stacked on the device, and the one compiled program that steps them all.

A stack has a fixed number of slots. A member that has ended or diverged leaves a slot whose values nobody reads: the
program, and with it the bits of the others, stay what they were.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxseg.methods import Metrics, State
from jaxseg.train._microbatches import Settings, settings_of
from jaxseg.train._program import step as _step
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import batch_spec
from jaxseg.train.trainer import Asked

SWEEP = PartitionSpec("sweep")


def varying_leaves(experiments: Sequence[Experiment]) -> tuple[int, ...]:
    """Places of the leaves of `settings_of` that are not the same for all of the experiments."""
    return _differing([jax.tree.leaves(settings_of(experiment)) for experiment in experiments])


def _differing(rows: Sequence[Sequence[Any]]) -> tuple[int, ...]:
    return tuple(
        place
        for place, column in enumerate(zip(*rows, strict=True))
        if not all(one is column[0] or np.array_equal(one, column[0]) for one in column)
    )


@functools.partial(jax.jit, static_argnames=("program", "mesh"), donate_argnames=("states",))
def step_together(
    settings: Settings,
    varying: Mapping[int, Any],
    states: State,
    batches: Any,
    which: Any,
    program: int,
    mesh: Mesh | None,
) -> tuple[State, Metrics]:
    """One step of every slot.

    Args:
      settings: of any one member.
      varying: [K, ...] values of the leaves that differ, by their places in `settings`.
      states: the stacked states, [K, ...] every leaf.
      batches: the different raw batches, [U, B, ...].
      which: [K] the batch of each slot.
      program: which of the method's programs, see `Method.program`.
      mesh: split the slots over its axis `sweep`; None keeps them together under `vmap`.
    """
    leaves, structure = jax.tree.flatten(settings)

    def one(own: Mapping[int, Any], state: State, index: Any, batches: Any) -> tuple[State, Metrics]:
        values = [own.get(place, leaf) for place, leaf in enumerate(leaves)]
        batch = jax.tree.map(lambda part: part[index], batches)
        return _step(*jax.tree.unflatten(structure, values), state, batch, program)

    every = jax.vmap(one, in_axes=(0, 0, 0, None))
    if mesh is None:
        return every(varying, states, which, batches)
    # Only `sweep` is split by hand: within a slot the compiler still splits images over `data` and `space`.
    split = jax.shard_map(
        every,
        mesh=mesh,
        in_specs=(SWEEP, SWEEP, SWEEP, PartitionSpec()),
        out_specs=SWEEP,
        axis_names={"sweep"},
        check_vma=False,
    )
    return split(varying, states, which, batches)


@functools.partial(jax.jit, static_argnames=("sharding",))
def _stacked(states: Sequence[State], sharding: NamedSharding) -> State:
    stack = jax.tree.map(lambda *parts: jnp.stack(parts), *states)
    return jax.lax.with_sharding_constraint(stack, sharding)


@functools.partial(jax.jit, static_argnames=("sharding",))
def _one_of(states: State, index: Any, sharding: NamedSharding) -> State:
    return jax.lax.with_sharding_constraint(jax.tree.map(lambda part: part[index], states), sharding)


class Slot:
    """Where a member's state lies; called, it fetches the state, until the next step is taken."""

    def __init__(self, stack: "Stack", index: int) -> None:
        self.stack, self.index = stack, index

    def __call__(self) -> State:
        return _one_of(self.stack.states, self.index, NamedSharding(self.stack.mesh, PartitionSpec()))


class _Value:
    """One slot's value of a metric; reading it waits for the step, and fetches the values of all slots once."""

    def __init__(self, array: jax.Array, index: int) -> None:
        self.array, self.index = array, index

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(np.asarray(self.array)[self.index], dtype)


class Stack:
    """The states of several members on the device, and the values in which the members differ.

    Args:
      asked: each member's first step, by member.
      varying: places of the leaves of the settings that are stacked, even if these members have them alike; others are
        where they differ.
      slots: how many states the stack holds; those beyond the members are copies.
      mesh: the devices.
      split: whether the slots lie on the mesh's axis `sweep`.
    """

    def __init__(
        self,
        asked: Mapping[int, Asked],
        varying: Sequence[int],
        slots: int,
        mesh: Mesh,
        *,
        split: bool,
    ) -> None:
        self.mesh, self.split = mesh, split
        members = list(asked)
        filled = members + [members[0]] * (slots - len(members))
        lies = NamedSharding(mesh, SWEEP if split else PartitionSpec())
        fetched = {k: one.state() if callable(one.state) else one.state for k, one in asked.items()}
        self.states: State = _stacked([fetched[k] for k in filled], lies)
        rows = [jax.tree.leaves(asked[k].settings) for k in filled]
        self.settings = asked[members[0]].settings
        places = sorted({*varying, *_differing(rows)})
        columns = {place: jnp.stack([jnp.asarray(row[place]) for row in rows]) for place in places}
        self.varying = jax.device_put(columns, lies)
        self.slots, self.members, self._lies = slots, {k: slot for slot, k in enumerate(members)}, lies
        self.width = len({id(one.batch) for one in asked.values()})
        """How many different batches there are in a step."""

    def holds(self, asked: Mapping[int, Asked]) -> bool:
        """Whether the states of these members are all in this stack."""
        return all(isinstance(one.state, Slot) and one.state.stack is self for one in asked.values())

    def arguments(self, asked: Mapping[int, Asked]) -> tuple[Any, ...]:
        """What `step_together` is called with."""
        different = list({id(one.batch): one.batch for one in asked.values()}.values())
        places = {id(batch): place for place, batch in enumerate(different)}
        which = np.zeros(self.slots, np.int32)
        for member, one in asked.items():
            which[self.members[member]] = places[id(one.batch)]
        different += [different[0]] * (self.width - len(different))
        batches = jax.tree.map(lambda *parts: self._put(np.stack(parts)), *different)
        program = self.settings[0].program(next(iter(asked.values())).phase)
        which = jax.device_put(which, self._lies)
        mesh = self.mesh if self.split else None
        return self.settings, self.varying, self.states, batches, which, program, mesh

    def step(self, asked: Mapping[int, Asked]) -> tuple[dict[int, tuple[Slot, Any]], Metrics]:
        """What the step made of each member's state, with its metrics; and the metrics of all slots."""
        self.states, metrics = step_together(*self.arguments(asked))
        answers = {}
        for member in asked:
            slot = self.members[member]
            own = jax.tree.map(functools.partial(_Value, index=slot), metrics)
            answers[member] = (Slot(self, slot), own)
        return answers, metrics

    def _put(self, array: np.ndarray) -> jax.Array:
        whole = array.ndim > 2 and array.shape[2] % self.mesh.shape["space"]
        spec = batch_spec(1 if whole else array.ndim - 1)
        return jax.device_put(array, NamedSharding(self.mesh, PartitionSpec(None, *spec)))
