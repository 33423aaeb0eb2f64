"""Forward and backward of every loss: time, share of the memory rate, temporary memory, and ratios to PyTorch.

The floor of a loss is to read the logits once and to write their gradient once, 8 bytes a number in float32; its rate
is those bytes over its time, beside what a plain scaling of as many numbers reaches in the same rounds.
"""

import dataclasses
import gc
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments._command import keep_freed_memory
from experiments.benchmark import machine
from experiments.benchmark.timing import interleaved, median_ratio
from jaxseg import losses
from jaxseg.errors import InputError

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclasses.dataclass(frozen=True)
class Losses:
    """Time every loss, forward and backward, and print the table."""

    shape: tuple[int, int, int, int] = (2, 512, 512, 19)
    """Images, height, width, classes."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the logits."""
    against: Literal["nothing", "torch"] = "nothing"
    """Also time plain PyTorch, eager and compiled."""
    only: tuple[str, ...] = ()
    """Names of the losses to time; all by default."""
    keep_memory: bool = False
    """On a CPU with glibc, have the process keep freed memory, as the training command does. It spares both sides
    faulting in the pages of every large array anew; a plain process, the default, does not."""
    rounds: int = 21
    """Rounds at most; the median is reported."""
    seconds: float = 20.0
    """Time after which no new round of a loss begins."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One random problem: smooth blobs of labels with some void, and logits that mostly agree with them."""

    logits: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    ground: np.ndarray

    @classmethod
    def draw(cls, shape: tuple[int, int, int, int]) -> "Problem":
        """The problem of a shape; always the same."""
        batch, height, width, classes = shape
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, classes, (batch, -(-height // 16), -(-width // 16)))
        labels = np.repeat(np.repeat(coarse, 16, 1), 16, 2)[:, :height, :width].astype(np.int32)
        labels[:, :: max(height // 16, 1)] = 255
        logits = rng.standard_normal(shape, np.float32)
        # In runs of rows, so that no second array of the logits' size is made at once.
        for image in range(batch):
            logits[image] += 2.0 * (labels[image, :, :, None] == np.arange(classes))
        targets = rng.random(shape, np.float32)
        targets /= targets.sum(-1, keepdims=True)
        distance = np.abs(np.arange(classes)[:, None] - np.arange(classes)).astype(np.float32)
        return cls(logits, labels, targets, distance)


def cases(problem: Problem) -> dict[str, losses.Loss]:
    """The losses by name, with the papers' hyper-parameters."""
    return {
        "softmax_cross_entropy": losses.SoftmaxCrossEntropy(),
        "sigmoid_cross_entropy": losses.SigmoidCrossEntropy(),
        "soft_cross_entropy": losses.SoftCrossEntropy(),
        "focal": losses.Focal(),
        "conservative": losses.Conservative(),
        "wasserstein": losses.Wasserstein(ground=jnp.asarray(problem.ground)),
        "total_variation": losses.TotalVariation(),
        "importance_aware": losses.ImportanceAware(groups=_groups(problem.logits.shape[-1])),
        "entropy": losses.Entropy(),
        "robust_entropy": losses.RobustEntropy(),
        "maximum_squares": losses.MaximumSquares(),
        "maximum_squares_image_wise": losses.MaximumSquaresImageWise(),
        "structural_similarity": losses.StructuralSimilarity(),
        "ssim": losses.SSIM(),
        "affinity_field": losses.AffinityField(),
        "sinkhorn": losses.Sinkhorn(ground=jnp.asarray(problem.ground), solver="kernel"),
    }


def _groups(classes: int) -> tuple[int, ...]:
    return tuple(1 + 4 * index // classes for index in range(classes))


def run(options: Losses) -> None:
    """Times what the options ask for and prints the table; writes the figures where asked."""
    if min(options.shape) < 1 or options.shape[-1] < 2:
        raise InputError(f"shape: {options.shape}; images, height, width at least 1, classes at least 2")
    if options.rounds < 1:
        raise InputError(f"rounds: {options.rounds}; at least 1")
    if options.keep_memory:
        keep_freed_memory()
    problem = Problem.draw(options.shape)
    chosen = cases(problem)
    unknown = [name for name in options.only if name not in chosen]
    if unknown:
        raise InputError(f"only: {unknown[0]!r} is no loss; use {', '.join(chosen)}")
    where = machine.facts()
    print(machine.heading(where))
    shape = "x".join(map(str, options.shape))
    memory = "freed memory kept" if options.keep_memory else "a plain process"
    print(
        f"forward and backward at [{shape}] {options.dtype}, medians of up to {options.rounds} rounds, {memory}\n"
    )
    rows = {}
    for name, loss in chosen.items():
        if options.only and name not in options.only:
            continue
        rows[name] = _measure(name, loss, problem, options)
        if len(rows) == 1:
            print(_header(rows[name]))
        print(_line(name, rows[name]), flush=True)
        settings = {"shape": options.shape, "dtype": options.dtype, "rounds": options.rounds}
        settings["keep_memory"] = options.keep_memory
        machine.write(options.out, {"machine": where, **settings, "losses": rows})
        gc.collect()


def _measure(name: str, loss: losses.Loss, problem: Problem, options: Losses) -> dict[str, Any]:
    logits = jnp.asarray(problem.logits, DTYPES[options.dtype])
    given = {"labels": problem.labels, "targets": problem.targets, "logits": None}[loss.takes]
    truth = None if given is None else jnp.asarray(given)
    compiled = _compiled(loss, logits, truth)
    streaming, stream_bytes = machine.stream(logits.size)
    contenders: dict[str, Callable[[], Any]] = {
        "jaxseg": lambda: jax.block_until_ready(compiled(logits, truth)),
        "stream": streaming,
    }
    if isinstance(loss, losses.Sinkhorn):
        other = _compiled(dataclasses.replace(loss, solver="ott"), logits, truth)
        contenders["ott"] = lambda: jax.block_until_ready(other(logits, truth))
    if options.against == "torch":
        value = float(compiled(logits, truth)[0])
        contenders |= _torch_contenders(name, problem, options, value)
    times = interleaved(contenders, rounds=options.rounds, seconds=options.seconds)
    medians = {contender: statistics.median(found) for contender, found in times.items()}
    memory = compiled.memory_analysis()
    floor_bytes = 2 * logits.size * logits.dtype.itemsize
    return {
        "milliseconds": {contender: round(value, 3) for contender, value in medians.items()},
        "rounds": len(times["jaxseg"]),
        "gigabytes_per_second": round(floor_bytes / medians["jaxseg"] / 1e6, 2),
        "stream_gigabytes_per_second": round(stream_bytes / medians["stream"] / 1e6, 2),
        "temporary_megabytes": round(memory.temp_size_in_bytes / 1e6, 1),
        "ratio": {
            contender: round(median_ratio(times, contender, "jaxseg"), 2)
            for contender in times
            if contender not in ("jaxseg", "stream")
        },
    }


def _compiled(loss: losses.Loss, logits: jax.Array, truth: jax.Array | None) -> Any:
    """The compiled value and logit gradient of a loss's mean."""

    def value(logits: jax.Array, truth: jax.Array | None) -> jax.Array:
        return loss.average(logits, truth, where=None)

    return jax.jit(jax.value_and_grad(value)).lower(logits, truth).compile()


def _torch_contenders(
    name: str, problem: Problem, options: Losses, value: float
) -> dict[str, Callable[[], Any]]:
    try:
        import torch
    except ImportError:
        raise InputError("against: torch is not installed; pip install -e '.[torch]'") from None
    from experiments.benchmark import torch_losses as plain

    device = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"

    def channels_first(array: np.ndarray) -> Any:
        return torch.tensor(array, device=device).movedim(-1, 1).contiguous()

    forms: Mapping[str, Callable[[], plain.Loss]] = {
        "softmax_cross_entropy": lambda: plain.cross_entropy,
        "sigmoid_cross_entropy": lambda: plain.sigmoid,
        "soft_cross_entropy": lambda: plain.soft_cross_entropy(channels_first(problem.targets)),
        "focal": lambda: plain.focal,
        "conservative": lambda: plain.conservative,
        "wasserstein": lambda: plain.wasserstein(torch.tensor(problem.ground, device=device)),
        "total_variation": lambda: plain.total_variation(channels_first(problem.targets)),
        "entropy": lambda: plain.entropy,
        "maximum_squares": lambda: plain.maximum_squares,
        "maximum_squares_image_wise": lambda: plain.image_wise,
        "structural_similarity": lambda: plain.structural_similarity(),
        "affinity_field": lambda: plain.affinity(),
    }
    if name not in forms:
        return {}
    form = forms[name]()
    logits = channels_first(problem.logits).to(getattr(torch, options.dtype)).requires_grad_()
    labels = torch.tensor(problem.labels, dtype=torch.int64, device=device)

    def contender(loss: plain.Loss) -> Callable[[], float]:
        def once() -> float:
            logits.grad = None
            result = loss(logits, labels)
            result.backward()
            return float(result.detach())  # waits for the device

        return once

    eager, fused = contender(form), contender(torch.compile(form))
    found = eager()
    tolerance = 1e-3 if options.dtype == "float32" else 3e-2
    if abs(found - value) > tolerance * max(abs(value), 1e-3):
        raise RuntimeError(f"{name}: jaxseg has {value} and torch {found}; they must agree to be compared")
    return {"torch eager": eager, "torch compile": fused}


def _header(row: Mapping[str, Any]) -> str:
    columns = ["loss", "ms", "GB/s", "of stream", "temp MB", "torch eager", "torch compile"]
    return "| " + " | ".join(columns) + " |\n|---|" + "---:|" * (len(columns) - 1)


def _line(name: str, row: Mapping[str, Any]) -> str:
    rate, stream = row["gigabytes_per_second"], row["stream_gigabytes_per_second"]
    cells = [name, f"{row['milliseconds']['jaxseg']:.1f}", f"{rate:.1f}", f"{rate / stream:.0%}"]
    cells.append(f"{row['temporary_megabytes']:.1f}")
    for contender in ("torch eager", "torch compile"):
        found = row["ratio"].get(contender)
        cells.append("" if found is None else f"{row['milliseconds'][contender]:.0f} ms, {found:.2f}x")
    if "ott" in row["ratio"]:
        cells[-1] = f"ott: {row['milliseconds']['ott']:.0f} ms, {row['ratio']['ott']:.2f}x"
    return "| " + " | ".join(cells) + " |"
