"""The grid of a sweep: which options take which values, as words on a command line and as Python values."""

import dataclasses
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxseg.errors import InputError
from jaxseg.train.experiment import OPERATIONAL

Value = str | int | float | bool | None | tuple[Any, ...]
SEED = "seed"
DIGITS = 4
"""Significant digits of a number drawn from a range: folders and commands name it in full."""

_LONGEST = 120


@dataclasses.dataclass(frozen=True)
class Range:
    """An interval that random members draw from.

    Attributes:
      low: lower end.
      high: upper end.
      logarithmic: draw the logarithm uniformly instead of the number; both ends are positive then.
    """

    low: float
    high: float
    logarithmic: bool = False

    def draw(self, generator: np.random.Generator) -> float:
        """A number of the range, of four significant digits.

        >>> 1e-4 <= Range(1e-4, 1e-2, logarithmic=True).draw(np.random.default_rng(0)) <= 1e-2
        True
        """
        low, high = (math.log(end) if self.logarithmic else end for end in (self.low, self.high))
        drawn = generator.uniform(low, high)
        return float(f"{math.exp(drawn) if self.logarithmic else drawn:.{DIGITS}g}")

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{':log' if self.logarithmic else ''}"


Axis = tuple[Value, ...] | Range


def parse_grid(words: Sequence[str]) -> dict[str, Axis]:
    """Axes from words of the form `option=values`.

    Values are a list, `0.05,0.1,0.2`; whole numbers from one to another, both included, `0..4`; or a range of numbers
    to draw from, `1e-4..1e-2`, with the logarithm uniform if `:log` follows. A value of several words is written with
    spaces, as the option itself takes it: `64 128,96 192`.

    Raises:
      InputError: a word has no values, a range is empty, or an option is there twice.

    >>> parse_grid(["objective.target.weight=0.05,0.1", "seed=0..2"])
    {'objective.target.weight': (0.05, 0.1), 'seed': (0, 1, 2)}
    """
    axes: dict[str, Axis] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not equals or not name or not text.strip():
            raise InputError(
                f"grid: {word!r} is no axis; write OPTION=VALUES, such as seed=0..4 or batch=4,8"
            )
        if name in axes:
            raise InputError(f"grid: {name} is there twice; give all its values in one list")
        axes[name] = _values(name, text.strip())
    return axes


def _values(name: str, text: str) -> Axis:
    low, dots, high = text.partition("..")
    if not dots or "/" in text or "," in text:
        return tuple(_value(name, part) for part in text.split(","))
    high, _, scale = high.partition(":")
    ends = [_value(name, low), _value(name, high)]
    if scale not in ("", "log") or any(isinstance(end, bool | str | None) for end in ends):
        raise InputError(
            f"grid: {name}={text} is no range of numbers; write LOW..HIGH, or LOW..HIGH:log to draw logarithms"
        )
    if all(isinstance(end, int) for end in ends) and not scale:
        first, last = int(low), int(high)
        if last < first:
            raise InputError(f"grid: {name}={text} is empty; the second number is the larger one")
        return tuple(range(first, last + 1))
    return Range(float(low), float(high), logarithmic=bool(scale))


def _value(name: str, text: str) -> Value:
    """
    >>> [_value("x", text) for text in ("3", "1e-3", "True", "poly", "None")]
    [3, 0.001, True, 'poly', None]
    """
    text = text.strip()
    if not text:
        raise InputError(f"grid: {name} has an empty value; separate values by one comma")
    if text in ("True", "true", "False", "false", "None"):
        return {"t": True, "f": False, "n": None}[text[0].lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def checked(grid: Mapping[str, Any], *, random: int) -> dict[str, Axis]:
    """The axes as tuples and ranges, names with underscores, each of them a choice between different values.

    Raises:
      InputError: an axis is empty, has a value twice, or changes nothing; or a range stands where none is drawn.
    """
    axes: dict[str, Axis] = {}
    for key, given in grid.items():
        name = key.lstrip("-").replace("-", "_")
        if name == "name" or name.split(".")[0] in OPERATIONAL:
            raise InputError(
                f"grid: {name} does not change what a run computes; give it as an option, --{name}"
            )
        if isinstance(given, Range):
            axes[name] = _checked_range(name, given, random)
            continue
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InputError(f"grid: {name} is {given!r}; give a list of values")
        values = tuple(_plain(value) for value in given)
        if not values:
            raise InputError(f"grid: {name} has no values; give at least one")
        again = [value for place, value in enumerate(values) if value in values[:place]]
        if again:
            raise InputError(f"grid: {name} has {again[0]} twice; give each value once")
        axes[name] = values
    if not axes:
        raise InputError("grid: no axis; give at least one OPTION=VALUES, such as seed=0..4")
    return axes


def _checked_range(name: str, given: Range, random: int) -> Range:
    if not (math.isfinite(given.low) and math.isfinite(given.high) and given.low < given.high):
        raise InputError(f"grid: {name}={given} is empty; the second number is the larger one")
    if given.logarithmic and given.low <= 0.0:
        raise InputError(f"grid: {name}={given} has no logarithm at {given.low:g}; begin above 0")
    if not random:
        raise InputError(f"grid: {name}={given} has no steps; list its values, or draw some with --random N")
    if name == SEED:
        raise InputError(f"grid: {name}={given} is no list of seeds; write whole numbers, such as seed=0..4")
    return given


def _plain(value: Any) -> Value:
    """NumPy's and JAX's numbers as Python's: a setting is written into JSON and into a command."""
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value.item() if hasattr(value, "item") else value


def settings(axes: Mapping[str, Axis], *, random: int, draw_seed: int) -> list[dict[str, Value]]:
    """The members' settings: all of the grid, or random ones of it, each of these with every seed of the seed's axis.

    Raises:
      InputError: more are to be drawn than there are.
    """
    seeds = axes.get(SEED, ())
    assert not isinstance(seeds, Range)
    others = {name: axis for name, axis in axes.items() if name != SEED}
    if random < 0:
        raise InputError(f"random: {random}; draw at least 1, or leave it out for the whole grid")
    chosen = _drawn(others, random, draw_seed) if random else _product(others)
    return [one | {SEED: seed} for one in chosen for seed in seeds] if seeds else chosen


def _product(axes: Mapping[str, Axis]) -> list[dict[str, Value]]:
    lists = [axis for axis in axes.values() if not isinstance(axis, Range)]
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]


def _drawn(axes: Mapping[str, Axis], count: int, seed: int) -> list[dict[str, Value]]:
    """Random settings: different ones of a finite grid; where there is a range, every axis by itself."""
    if not axes:
        raise InputError("random: the seed is the only axis; leave --random out, or give another axis")
    generator = np.random.default_rng(seed)
    if any(isinstance(axis, Range) for axis in axes.values()):
        return [
            {
                name: axis.draw(generator) if isinstance(axis, Range) else axis[generator.integers(len(axis))]
                for name, axis in axes.items()
            }
            for _ in range(count)
        ]
    every = _product(axes)
    if count > len(every):
        raise InputError(f"random: {count} of a grid of {len(every)} settings; draw fewer, or add values")
    return [every[place] for place in sorted(generator.choice(len(every), count, replace=False))]


def option(name: str, value: Value) -> list[str]:
    """The words that set an option to a value.

    >>> option("optimizer.learning_rate", 0.001), option("loss.mine", False), option("augment.crop.size", (64, 128))
    (['--optimizer.learning-rate', '0.001'], ['--loss.no-mine'], ['--augment.crop.size', '64', '128'])
    """
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        group, dot, last = flag.removeprefix("--").rpartition(".")
        return [flag] if value else [f"--{group}{dot}no-{last}"]
    if isinstance(value, tuple):
        return [flag, *map(str, value)]
    return [flag, *(value.split() if isinstance(value, str) else [str(value)])]


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The end of each name that no other name ends in; the whole of one that others end in.

    >>> short_names(["optimizer.learning_rate", "objective.a.weight", "objective.b.weight"])
    {'optimizer.learning_rate': 'learning_rate', 'objective.a.weight': 'a.weight', 'objective.b.weight': 'b.weight'}
    """
    short = {}
    for name in names:
        parts = name.split(".")
        ends = (".".join(parts[start:]) for start in reversed(range(len(parts))))
        alone = (end for end in ends if sum(f".{other}".endswith(f".{end}") for other in names) == 1)
        short[name] = next(alone, name)
    return short


def label(setting: Mapping[str, Value], names: Mapping[str, str]) -> str:
    """A setting in words that a folder can be named by; the seed is left out.

    >>> label({"a.weight": 0.1, "size": (64, 128), "seed": 3}, {"a.weight": "weight", "size": "size"})
    'weight=0.1,size=64x128'
    """
    parts = [f"{names[name]}={shown(value)}" for name, value in setting.items() if name != SEED]
    words = re.sub(r"[^\w.,=+-]+", "_", ",".join(parts))
    if len(words) <= _LONGEST:
        return words
    return f"{words[:_LONGEST]}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def shown(value: Value) -> str:
    """A value in words.

    >>> shown(0.1), shown((64, 128)), shown(False)
    ('0.1', '64x128', 'False')
    """
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value)
