"""How training ends early: a loss that is not finite, a signal that was received."""

import math
import signal
from collections.abc import Mapping
from typing import Any

from jaxseg.errors import InputError


class Diverged(InputError):
    """A loss or its gradient is no longer finite."""


def diverged(what: str, saved: int | None) -> Diverged:
    """The error for what is not finite, with the last step that is saved."""
    kept = f"the last good checkpoint is step {saved}" if saved else "there is no checkpoint yet"
    return Diverged(f"{what}; {kept}; lower the learning rate, or the weight of that term")


class Stopped(Exception):
    """Training was told to stop by a signal, and has saved its state.

    Attributes:
      step: steps done and saved.
      signal: number of the signal.
    """

    def __init__(self, step: int, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name} at step {step}, saved")
        self.step, self.signal = step, signal_number


def not_finite(values: Mapping[str, Any]) -> str:
    """What of a step's metrics is infinite or NaN, in words; empty where nothing is.

    >>> not_finite({"loss": 1.0, "terms": {"source": math.nan, "target": 1.0}})
    "term 'source' is nan"
    """
    bad = [f"term {name!r} is {value}" for name, value in values["terms"].items() if not math.isfinite(value)]
    if not bad and not math.isfinite(values["loss"]):
        bad = [f"the loss is {values['loss']} though every term is finite (a weight is not)"]
    if not bad and not math.isfinite(values.get("gradient_norm", 0.0)):
        bad = [f"the gradient norm is {values['gradient_norm']} though every term is finite"]
    return ", ".join(bad)
