"""Grids of a sweep: read as they are written, drawn by a seed, told in one line where they are at fault."""

import pytest

from jaxseg.errors import InputError
from jaxseg.train._grid import short_names
from jaxseg.train.sweep import Range, Sweep, parse_grid
from tests.train.test_sweep import base


@pytest.mark.fast
def test_grids_are_read_as_they_are_written() -> None:
    words = [
        "seed=0..4",
        "a.b=0.05,0.1",
        "--c-d=True,False,poly,None",
        "e=1e-4..1e-2:log",
        "f=../x,../y",
        "g=64 128",
    ]
    assert parse_grid(words) == {
        "seed": (0, 1, 2, 3, 4),
        "a.b": (0.05, 0.1),
        "c_d": (True, False, "poly", None),
        "e": Range(1e-4, 1e-2, logarithmic=True),
        "f": ("../x", "../y"),
        "g": ("64 128",),
    }


def test_random_settings_are_drawn_by_their_seed_and_run_with_every_seed() -> None:
    grid = {"optimizer.learning_rate": Range(1e-4, 1e-1, logarithmic=True), "batch": (2, 4), "seed": range(2)}
    one, two, three = (Sweep(base(), grid, random=2, draw_seed=seed) for seed in (0, 0, 1))
    settings = [[dict(member.settings) for member in sweep.members] for sweep in (one, two, three)]
    assert settings[0] == settings[1] != settings[2]
    assert [setting["seed"] for setting in settings[0]] == [0, 1] * 2
    rates = {setting["optimizer.learning_rate"] for setting in settings[0]}
    assert len(rates) == 2
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    finite = Sweep(base(), {"batch": (1, 2, 4), "steps": (3, 4)}, random=6)
    assert len({member.place for member in finite.members}) == 6


@pytest.mark.parametrize(
    ("words", "random", "message"),
    [
        (["objective.targt.weight=0.1"], 0, r"--objective.targt.weight is not known; did you mean --objective.target"),
        (["objective.target.weight=0.1,much"], 0, "objective.target.weight: could not convert string to float: 'much'"),
        (["seed=4..0"], 0, "seed=4..0 is empty"),
        (["seed=0..x"], 0, "seed=0..x is no range of numbers"),
        (["seed="], 0, "'seed=' is no axis"),
        (["seed"], 0, "'seed' is no axis"),
        (["seed=1,,2"], 0, "empty value"),
        (["seed=1,1"], 0, "seed has 1 twice"),
        (["seed=1", "seed=2"], 0, "seed is there twice"),
        (["batch=0,4"], 0, "batch: 0; it is at least 1"),
        (["threads=1,2"], 0, "threads does not change what a run computes"),
        (["optimizer.momentum=0.1..0.9"], 0, "has no steps; list its values, or draw some with --random N"),
        (["optimizer.momentum=0..0.9:log"], 3, "has no logarithm at 0"),
        (["batch=2,4"], 3, "random: 3 of a grid of 2 settings"),
        ([], 0, "no axis"),
    ],
)  # fmt: skip
def test_a_grid_at_fault_is_told_in_one_line(words: list[str], random: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _ = Sweep(base(), parse_grid(words), random=random).members
    assert "\n" not in str(caught.value)


@pytest.mark.fast
def test_a_name_that_another_ends_in_stays_whole() -> None:
    names = ["optimizer.learning_rate", "warm_start.optimizer.learning_rate", "steps", "warm_start.steps"]
    assert short_names(names) == {
        "optimizer.learning_rate": "optimizer.learning_rate",
        "warm_start.optimizer.learning_rate": "warm_start.optimizer.learning_rate",
        "steps": "steps",
        "warm_start.steps": "warm_start.steps",
    }
