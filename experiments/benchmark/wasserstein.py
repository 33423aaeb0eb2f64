"""What a Wasserstein loss adds to a whole training step: time and temporary memory beside those of cross entropy.

A step is that of `ObjectiveMethod`: forward, one loss at the size of the image, backward and Adam, of the small
network, on a batch that lies on the device. All losses learn from the same soft labels, or from their best classes.
"""

import dataclasses
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark import machine
from experiments.benchmark.timing import interleaved, median_ratio
from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES
from jaxseg.losses import ground
from jaxseg.methods import Adam, ObjectiveMethod, State, Term

BASE = "cross entropy"
TIME, MEMORY = 1.5, 1.3
"""What Sinkhorn's step may take of the time and of the temporary memory of the step of cross entropy (ours)."""


@dataclasses.dataclass(frozen=True)
class Wasserstein:
    """Time a training step with each Wasserstein loss, and with cross entropy, and print the table."""

    shape: tuple[int, int, int] = (4, 256, 512)
    """Images, height, width; there are 19 classes."""
    labelled: tuple[float, ...] = (0.2, 0.3, 0.5, 0.83)
    """Shares of the pixels that have a label. The first rounds of CRST label 20, 25 and 30%, the last 50%."""
    width: int = 16
    """Width of the small network."""
    iterations: int = 50
    """Iterations of Sinkhorn."""
    epsilon: float = 0.05
    """Strength of its entropic term, of the mean cost."""
    only: tuple[str, ...] = ()
    """Losses to time beside cross entropy; all by default."""
    rounds: int = 11
    """Rounds at most, for each share; the median is reported."""
    seconds: float = 60.0
    """Time after which no new round begins."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


def cases(options: Wasserstein) -> dict[str, losses.Loss]:
    """The losses by name; the metric is the linear one of the small recipes, over groups, of mean 1."""
    assert CITYSCAPES.groups is not None
    distances = ground.groups(CITYSCAPES.groups)
    metric = distances / distances.mean()

    def sinkhorn(solver: str) -> losses.Loss:
        return losses.Sinkhorn(
            ground=metric, epsilon=options.epsilon, iterations=options.iterations, solver=solver
        )

    return {
        BASE: losses.SoftmaxCrossEntropy(),
        "soft cross entropy": losses.SoftCrossEntropy(),
        "wasserstein, one-hot": losses.Wasserstein(ground=metric),
        "total variation": losses.TotalVariation(),
        "sinkhorn, kernel": sinkhorn("kernel"),
        "sinkhorn, ott": sinkhorn("ott"),
    }


def run(options: Wasserstein) -> None:
    """Times what the options ask for and prints the table; writes the figures where asked."""
    if min(options.shape) < 1:
        raise InputError(f"shape: {options.shape}; images, height and width are at least 1")
    if not options.labelled or not all(0.0 < share <= 1.0 for share in options.labelled):
        raise InputError(f"labelled: {options.labelled}; shares above 0 and at most 1")
    if options.rounds < 1:
        raise InputError(f"rounds: {options.rounds}; at least 1")
    known = cases(options)
    unknown = [name for name in options.only if name not in known]
    if unknown:
        raise InputError(f"only: {unknown[0]!r} is no loss; use {', '.join(map(repr, known))}")
    chosen = {name: loss for name, loss in known.items() if not options.only or name in (BASE, *options.only)}
    where = machine.facts()
    print(machine.heading(where))
    shape = "x".join(map(str, (*options.shape, CITYSCAPES.classes)))
    print(f"a training step at [{shape}], compact of width {options.width}, {options.iterations} iterations")
    print(f"ratios to {BASE}, aimed at: {TIME} in time, {MEMORY} in memory")
    steps: dict[str, Any] = {}
    for share in options.labelled:
        rows, rounds = _rows(chosen, options, share)
        print(f"\n{share:.0%} of the pixels labelled, medians of {rounds} rounds\n")
        print("| loss | ms | time | temp MB | memory |\n|---|---:|---:|---:|---:|")
        print("\n".join(_line(name, row) for name, row in rows.items()), flush=True)
        steps[f"{share:g}"] = {"rounds": rounds, "losses": rows}
    settings = dataclasses.asdict(options) | {"out": None}
    machine.write(options.out, {"machine": where, **settings, "steps": steps})


def _rows(
    chosen: Mapping[str, losses.Loss], options: Wasserstein, share: float
) -> tuple[dict[str, dict[str, float]], int]:
    """Figures of every loss with so many labels, and the rounds that they are medians of."""
    batch = _batch(options.shape, share)
    contenders: dict[str, Callable[[], Any]] = {}
    memory: dict[str, float] = {}
    for name, loss in chosen.items():
        contenders[name], memory[name] = _step(loss, options, batch)
    times = interleaved(contenders, rounds=options.rounds, seconds=options.seconds)
    rows = {
        name: {
            "milliseconds": round(statistics.median(found), 2),
            "temporary_megabytes": round(memory[name], 1),
            "time_ratio": round(median_ratio(times, name, BASE), 3),
            "memory_ratio": round(memory[name] / memory[BASE], 3),
        }
        for name, found in times.items()
    }
    return rows, len(times[BASE])


def _line(name: str, row: Mapping[str, float]) -> str:
    cells = (
        name,
        f"{row['milliseconds']:.0f}",
        f"{row['time_ratio']:.2f}x",
        f"{row['temporary_megabytes']:.0f}",
        f"{row['memory_ratio']:.2f}x",
    )
    return f"| {' | '.join(cells)} |"


def _batch(shape: tuple[int, int, int], share: float) -> dict[str, dict[str, jax.Array]]:
    """Noise, and soft labels of a share of the pixels, drawn at random: of each, two classes have nearly all."""
    rng = np.random.default_rng(0)
    classes = CITYSCAPES.classes
    best = rng.integers(0, classes, shape)
    soft = 0.02 * rng.random((*shape, classes), np.float32)
    for mass in (0.7, 0.3):
        np.put_along_axis(soft, best[..., None], np.float32(mass), axis=-1)
        best = (best + 1 + rng.integers(0, classes - 1, shape)) % classes
    soft /= soft.sum(-1, keepdims=True)
    soft[rng.random(shape) >= share] = 0.0
    label = np.where(soft.any(-1), soft.argmax(-1), 255).astype(np.uint8)
    return {
        "source": {
            "image": jnp.asarray(rng.uniform(0.0, 255.0, (*shape, 3)).astype(np.float32)),
            "label": jnp.asarray(label),
            "targets": jnp.asarray(soft),
            "valid": jnp.ones(shape, bool),
        }
    }


def _step(
    loss: losses.Loss, options: Wasserstein, batch: dict[str, dict[str, jax.Array]]
) -> tuple[Callable[[], Any], float]:
    """A call that takes a step and waits for it, and the megabytes of temporary memory of a step."""
    method = ObjectiveMethod(
        network=models.compact(CITYSCAPES.classes, width=options.width),
        objective={"source": Term(loss)},
        steps=1_000_000,
        optimizer=Adam(learning_rate=1e-4),
    )
    used = {"targets"} if loss.takes == "targets" else set()
    given = {"source": {name: part for name, part in batch["source"].items() if name != "targets" or used}}
    image = given["source"]["image"]
    state: State = jax.jit(lambda seed: method.begin(method.init(seed, image), 0))(jnp.int32(0))
    step = jax.jit(lambda state, batch: method.step(state, batch, 0), donate_argnums=0)
    compiled = step.lower(state, given).compile()
    held = {"state": state}

    def once() -> None:
        held["state"], metrics = compiled(held["state"], given)
        jax.block_until_ready(metrics)

    found: Any = compiled.memory_analysis()
    return once, found.temp_size_in_bytes / 1e6
