"""Results of a sweep: intervals are over seeds, a diverged member is told and counts nowhere."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxseg.errors import InputError
from jaxseg.report.sweep import Results, SweepRun, write_sweep

MEAN_IOU = {
    (0.1, "a", 0): 0.40, (0.1, "a", 1): 0.44, (0.1, "b", 0): 0.50, (0.1, "b", 1): 0.58,
    (0.9, "a", 0): 0.20, (0.9, "a", 1): 0.22, (0.9, "b", 0): 0.30,
}  # fmt: skip
"""By weight, kind and seed; the last member diverged."""


@pytest.fixture
def members(make_run: Callable[..., Path], tmp_path: Path) -> list[SweepRun]:
    made = [
        SweepRun(make_run("same", seed, mean_iou=value), {"weight": weight, "kind": kind}, seed)
        for (weight, kind, seed), value in MEAN_IOU.items()
    ]
    return [*made, SweepRun(tmp_path / "gone", {"weight": 0.9, "kind": "b"}, 1, diverged="the loss is nan")]


def half_width_of_two(first: float, second: float) -> float:
    """Of the 95% Student interval: t = tan(pi (0.975 - 0.5)) at one degree of freedom, s = |a - b| / sqrt 2."""
    return math.tan(math.pi * 0.475) * abs(first - second) / math.sqrt(2.0) / math.sqrt(2.0)


def test_intervals_are_over_seeds_and_a_seed_is_the_mean_of_its_members(members: list[SweepRun]) -> None:
    results = Results(members)
    (name,) = results.names
    by_weight = results.at(name, {"weight": 0.1})
    assert by_weight is not None
    assert by_weight.n == 2
    assert by_weight.mean == pytest.approx((0.45 + 0.51) / 2)
    assert by_weight.half_width == pytest.approx(half_width_of_two(0.45, 0.51))
    both = results.at(name, {"weight": 0.9, "kind": "b"})
    assert both is not None
    assert (both.n, both.mean) == (1, 0.30)
    assert results.at(name, {"weight": 0.5}) is None
    assert Results(members, "val").names == ()
    assert Results(members, "test").names == (name,)


def test_files_hold_every_member_every_setting_and_a_plot_an_axis_and_a_pair(
    members: list[SweepRun], tmp_path: Path
) -> None:
    text = write_sweep(members, tmp_path / "out", title="Sweep of same")
    with (tmp_path / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["ended"] for row in rows] == ["done"] * 7 + ["diverged"]
    assert [float(row["mean_iou"]) for row in rows[:7]] == list(MEAN_IOU.values())
    half = 100.0 * half_width_of_two(0.50, 0.58)
    assert f"54.0 \u00b1 {half:.1f}" in text
    assert "weight 0.9, kind b, seed 1: diverged. the loss is nan" in text
    page = (tmp_path / "out" / "report.html").read_text()
    captions = [
        page.count(f"<figcaption>{words}</figcaption>") for words in ("weight", "kind", "weight by kind")
    ]
    assert captions == [1, 1, 1]
    assert page.count('class="plot"') == 3


def test_an_axis_of_many_numbers_is_drawn_to_scale(make_run: Callable[..., Path], tmp_path: Path) -> None:
    members = [SweepRun(make_run("same", 0, mean_iou=0.1), {"rate": 10.0**-k}, 0) for k in range(9)]
    write_sweep(members, tmp_path / "out", title="rates")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count('class="plot"') == 1
    assert "1e-08" in page


def test_settings_that_differ_in_the_eighth_digit_are_two(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    rates = {1.0000001: 0.3, 1.0000002: 0.9, 2.0: 0.5}
    members = [
        SweepRun(make_run("same", seed, mean_iou=value), {"rate": rate}, seed)
        for rate, value in rates.items()
        for seed in (0, 1)
    ]
    gone = SweepRun(tmp_path / "gone", {"rate": 1.0000002}, 2, diverged="the loss is nan")
    results = Results([*members, gone])
    names = ["rate 1.0000001", "rate 1.0000002", "rate 2"]
    assert [(each.name, each.seeds) for each in results.experiments] == [(name, (0, 1)) for name in names]
    assert results.given_up() == ["rate 1.0000002, seed 2: diverged. the loss is nan"]
    rows = list(csv.DictReader(results.csv().splitlines()))
    assert [float(row["rate"]) for row in rows] == [rate for rate in rates for _ in (0, 1)] + [1.0000002]
    write_sweep([*members, gone], tmp_path / "out", title="rates")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "7 members, 3 settings." in page
    assert ">1.0000001<" in page


def test_the_file_of_results_has_the_figures_of_subsets_and_groups(make_run: Callable[..., Path]) -> None:
    more = {"mean_iou_13": 0.625, "subsets": {"13": ["car", "pedestrian"]}}
    members = [SweepRun(make_run("same", seed, extra=more if seed else None), {}, seed) for seed in (0, 1)]
    first, second = csv.DictReader(Results(members).csv().splitlines())
    keys = ("mean_iou", "mean_iou_13", "group_1_mean_iou", "group_4_mean_iou", "pixel_accuracy")
    assert [second[key] for key in keys] == ["0.4", "0.625", "0.9", "0.2", "0.8"]
    assert first["mean_iou_13"] == ""


def test_nothing_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no members"):
        write_sweep([], tmp_path, title="none")
