"""Losses by formula, and the share of the gradient by p that runs with them measured; `experiments.monotone` tells."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg import losses, report
from jaxseg.errors import InputError
from jaxseg.methods import ConservativeGAN, Method, Term
from jaxseg.methods._gradient_share import bin_names, counted
from jaxseg.metrics import Interval, mean_and_interval
from jaxseg.report._evaluations import number
from jaxseg.report._shares import SURE, mean_shares
from jaxseg.report.figures import averaged
from jaxseg.train import RunFolder
from jaxseg.train._recipe import in_words
from jaxseg.train.experiment import resolved

BASES = (*np.geomspace(1.01, 1000.0, 61).tolist(), 2.0, math.e, 3.0, 4.0)
"""Bases a for which the loss is held to fall; the last four are the paper's."""
LOG_ODDS = np.linspace(-30.0, 30.0, 6001)
"""Of the true class, for that; p is 1e-13 to 1 - 1e-13."""
SHOWN = np.linspace(0.005, 0.995, 199)
"""p of the curves that are drawn."""


class Monotone(NamedTuple):
    """The greatest slope and rise of the Conservative loss that were found: 0 but for rounding.

    Attributes:
      slope: of dCL/dz, z being the log-odds of the true class, as a share of the greatest |dCL/dz| at that base.
      rise: of CL from a point of the grid to the next, as a share of the greatest |CL| at that base.
    """

    slope: float
    rise: float


class Course(NamedTuple):
    """What runs measured, means over them.

    Attributes:
      steps: [N] training steps.
      gradient: [N, bins] share of the gradient.
      pixels: [N, bins] share of the pixels.
    """

    steps: np.ndarray
    gradient: np.ndarray
    pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Measured:
    """A loss, and the runs with it.

    Attributes:
      title: what it is called here.
      words: the loss with its hyper-parameters.
      experiment: its runs.
      value: [199] the loss at `SHOWN`.
      slope: [199] its derivative in the logit of the true class, of two.
      course: over training.
      means: of the runs, over training: shares of the gradient from unsure, other and sure pixels, of sure pixels among
        the pixels, and of the gradient that lowers the true class.
    """

    title: str
    words: str
    experiment: report.Experiment
    value: np.ndarray
    slope: np.ndarray
    course: Course
    means: Mapping[str, Interval]


def monotone() -> Monotone:
    """How much the Conservative loss rises with p: float64, `LOG_ODDS` by `BASES`."""
    with jax.enable_x64(True):

        def value(z: jax.Array, base: jax.Array) -> jax.Array:
            return losses.Conservative(base=base, scale=1.0)(jnp.stack([jnp.zeros_like(z), z]), jnp.array(1))

        both = jax.jit(jax.vmap(jax.vmap(jax.value_and_grad(value), (0, None)), (None, 0)))
        values, slopes = (np.asarray(part) for part in both(jnp.asarray(LOG_ODDS), jnp.asarray(BASES)))
    slope = slopes.max(axis=1) / np.abs(slopes).max(axis=1)
    rise = np.diff(values, axis=1).max(axis=1) / np.abs(values).max(axis=1)
    return Monotone(*(max(0.0, float(part.max())) for part in (slope, rise)))


def segmentation(method: Method) -> dict[str, Term]:
    """The terms whose gradient a run measured.

    Raises:
      InputError: it measured none, or they are no losses of labels.
    """
    if not isinstance(method, ConservativeGAN) or not method.gradient_share:
        raise InputError(
            "it measured no share of the gradient; give runs of ConservativeGAN with gradient_share"
        )
    terms = {}
    for name, term in counted(method.objective).items():
        if not isinstance(term, Term) or term.loss.takes != "labels":
            raise InputError(f"objective.{name}: no loss of labels, so no function of p; leave this run out")
        terms[name] = term
    return terms


def by_p(terms: Mapping[str, Term]) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sum of the losses of two classes at `SHOWN`, and its derivative in the logit of the true one."""

    def value(z: jax.Array) -> jax.Array:
        logits = jnp.stack([jnp.zeros_like(z), z])
        total = jnp.zeros(())
        for term in terms.values():
            total += term.weight * term.loss(logits, jnp.array(1))
        return total

    z = jnp.asarray(np.log(SHOWN) - np.log1p(-SHOWN), jnp.float32)
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(value)))(z)
    return np.asarray(values), np.asarray(slopes)


def measured(experiment: report.Experiment) -> Measured:
    """A loss by formula and as its runs measured it.

    Raises:
      InputError: a run measured nothing.
    """
    first = experiment.runs[0].path
    try:
        terms = segmentation(RunFolder(first).experiment().method)
    except InputError as error:
        raise InputError(f"{first}: {error}") from None
    words = " + ".join(
        f"{'' if float(term.weight) == 1.0 else f'{float(term.weight):g} x '}{in_words(resolved(term.loss))}"
        for term in terms.values()
    )
    records = [
        [
            record
            for record in run.train
            if record.get("gradient_share") and record.get("phase") != "warm_start"
        ]
        for run in experiment.runs
    ]
    for one, found in zip(experiment.runs, records, strict=True):
        if not found:
            raise InputError(
                f"{one.path}: its metrics hold no share of the gradient; train it with gradient_share"
            )
    title = " + ".join(type(term.loss).__name__ for term in terms.values())
    return Measured(title, words, experiment, *by_p(terms), course(records), means(records))


def course(runs: Sequence[Sequence[Mapping[str, Any]]]) -> Course:
    """Shares at the steps that all runs have, means over the runs; more than 60 steps become 60 means."""
    tables = [{record["step"]: record for record in records} for records in runs]
    steps = sorted(set.intersection(*(set(table) for table in tables)))
    if not steps:
        raise InputError("runs: no step was logged by all seeds of an experiment; give runs of one length")
    parts = []
    for which in ("gradient_share", "pixel_share"):
        shares = np.array([[[t[s][which][b] for b in bin_names()] for s in steps] for t in tables]).mean(
            axis=0
        )
        parts.append(
            np.stack([averaged(np.array(steps, np.float64), column)[1] for column in shares.T], axis=1)
        )
    at = averaged(np.array(steps, np.float64), np.zeros(len(steps)))[0]
    return Course(at, *parts)


def means(runs: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Interval]:
    """Shares over training of each run, as a mean over the runs with its interval."""
    rows: dict[str, list[float]] = {}
    for records in runs:
        gradient, pixels = mean_shares(records, "gradient_share"), mean_shares(records, "pixel_share")
        ascent = [v for record in records if (v := number(record.get("ascent_share"))) is not None]
        for name, value in (
            ("gradient, p < 0.5", _between(gradient, 0.0, 0.5)),
            (f"gradient, 0.5 <= p < {SURE}", _between(gradient, 0.5, SURE)),
            (f"gradient, p >= {SURE}", _between(gradient, SURE, 1.0)),
            (f"pixels, p >= {SURE}", _between(pixels, SURE, 1.0)),
            ("gradient that lowers p", float(np.mean(ascent))),
        ):
            rows.setdefault(name, []).append(value)
    return {name: mean_and_interval(values) for name, values in rows.items()}


def _between(shares: Mapping[str, float], low: float, high: float) -> float:
    return sum(value for name, value in shares.items() if low <= float(name) < high)
