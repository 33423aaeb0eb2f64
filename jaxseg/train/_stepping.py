"""Taking the steps of one run: the compiled program, what is said of it, and what is measured beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxseg.data.augment import Augmentation, FourierSwap
from jaxseg.methods import Method, Metrics, State
from jaxseg.train import _program
from jaxseg.train._compiled import footprint
from jaxseg.train._diagnosis import diagnosis

PROFILED = range(3, 8)
"""The steps of a process, counted from 0, that a profile shows: not those that compile."""

Step = Callable[..., tuple[State, Metrics]]
Settings = tuple[Method, Mapping[str, Augmentation], FourierSwap | None]


class Stepping:
    """Takes steps.

    Args:
      mesh: the devices.
      sharded: whether the state is split over them.
      note: prints a line.
      log: appends to the metrics.
      diagnose_every: steps between measurements of the terms' gradients, 0 for none.
      profile: folder that a trace of a few steps is written into, or None.
    """

    def __init__(
        self,
        mesh: Mesh,
        sharded: bool,
        note: Callable[[str], None],
        log: Callable[[Mapping[str, Any]], None],
        diagnose_every: int = 0,
        profile: Path | None = None,
    ) -> None:
        self._mesh, self._sharded = mesh, sharded
        self._note, self._log, self._profile = note, log, profile
        self._every = diagnose_every
        self._taken = 0
        self._tracing = False
        self._seen: dict[int, dict[str, str]] = {}

    def __call__(
        self, step: Step, settings: Settings, state: State, batch: Any, phase: int, number: int
    ) -> tuple[State, Metrics]:
        """Takes step `number`, the first being 1, of a phase, by the program `step`."""
        program = settings[0].program(phase)
        arguments = *settings, state, batch, program, self._sharded
        if program not in self._seen:
            self._seen[program] = _signature(*arguments[:5])
            compiled = _program.step.lower(*arguments).compile()
            taken = footprint(compiled, self._mesh.size)
            if taken is not None:
                self._note(str(taken))
            programs = None
        else:
            programs = _programs()
        if self._every and number % self._every == 0:
            self._diagnose(arguments, phase, number)
        if self._profile is not None and self._taken == PROFILED.start:
            jax.profiler.start_trace(self._profile)
            self._tracing = True
        after, metrics = step(*arguments)
        if programs is not None and _programs() > programs:
            self._warn(program, _signature(*arguments[:5]))
        if self._tracing and self._taken == PROFILED.stop - 1:
            jax.block_until_ready(after)
            self._note(f"profile of steps {number - len(PROFILED) + 1} to {number}: {self._profile}")
            self.close()
        self._taken += 1
        return after, metrics

    def close(self) -> None:
        """Ends a profile that is being taken."""
        if self._tracing:
            self._tracing = False
            jax.profiler.stop_trace()

    def end(self) -> None:
        """Says, once all steps are taken, where they were too few for a profile."""
        if self._profile is not None and self._taken <= PROFILED.start:
            self._note(
                f"no profile: it begins with the {PROFILED.start + 1}th step that is taken, and {self._taken} were; "
                "profile a run with more steps before it"
            )

    def _warn(self, program: int, now: dict[str, str]) -> None:
        """Says what made the step compile anew."""
        before = self._seen[program]
        self._seen[program] = now
        changed = [
            f"{name}: {before.get(name, 'absent')} -> {now.get(name, 'absent')}"
            for name in {**before, **now}
            if before.get(name) != now.get(name)
        ]
        more = f", and {len(changed) - 3} more" if len(changed) > 3 else ""
        told = ", ".join(changed[:3]) or "and nothing tells why"
        self._note(f"warning: the step is compiled again; {told}{more}")

    def _diagnose(self, arguments: tuple[Any, ...], phase: int, number: int) -> None:
        method, augment, translate, state, *rest = arguments

        def norm(weighted: Method) -> float:
            copy = jax.tree.map(lambda leaf: leaf.copy(), state)  # the step uses up what it is given
            _, metrics = _program.step(weighted, augment, translate, copy, *rest)
            return float(np.asarray(metrics["gradient_norm"]))

        measured = diagnosis(method, phase, norm)
        self._log({"kind": "diagnosis", "step": number, "phase": method.phases[phase].name} | measured)


def _programs() -> int:
    """How many programs the step was compiled to."""
    return _program.step._cache_size()  # type: ignore[attr-defined]


NAMES = ("method", "augment", "translate", "state", "batch")


def _signature(*trees: Any) -> dict[str, str]:
    """What of the arguments a program is compiled for: type, shape and place of every number and array, by its path."""
    return {
        name + jax.tree_util.keystr(path): f"{jax.typeof(leaf).str_short()}{_place(leaf)}"
        for name, tree in zip(NAMES, trees, strict=True)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _place(leaf: Any) -> str:
    spec = getattr(getattr(leaf, "sharding", None), "spec", None)
    return "" if spec is None else f" split {spec}" if any(spec) else " everywhere"
