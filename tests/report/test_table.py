"""Tables against means and Student intervals worked out by hand."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxseg import report
from jaxseg.errors import InputError

MakeRun = Callable[..., Path]

T2 = 4.302652729911275  # 97.5% quantile of Student's t with 2 degrees of freedom


def demo(make_run: MakeRun) -> list[Path]:
    figures = {"source-only": (0.40, 0.42, 0.41), "max-squares": (0.45, 0.48, 0.46)}
    return [
        make_run(name, seed, mean_iou=m) for name, means in figures.items() for seed, m in enumerate(means)
    ]


@pytest.mark.fast
def test_means_intervals_and_gains(make_run: MakeRun) -> None:
    (table,) = report.tables(report.group(report.read_runs(demo(make_run)))[0])
    assert (table.name, table.on) == ("target-test", "streets-real/test")
    first, second = table.rows
    interval = first.figures["mean_iou"]
    assert interval is not None
    assert interval.n == 3
    assert interval.mean == pytest.approx(0.41)
    assert interval.half_width == pytest.approx(T2 * 0.01 / math.sqrt(3))  # deviations -1, 1, 0: s = 0.01
    # The differences by seed are 0.05, 0.06, 0.05: mean 0.16 / 3, s = 0.01 / sqrt(3).
    assert first.gain is None
    assert second.gain is not None
    assert second.gain.mean == pytest.approx(0.16 / 3)
    assert second.gain.half_width == pytest.approx(T2 * (0.01 / math.sqrt(3)) / math.sqrt(3))
    assert (first.best, second.best) == (False, True)
    assert second.figures["group_4_mean_iou"] is not None


def test_a_figure_that_a_seed_has_not_is_counted(make_run: MakeRun) -> None:
    runs = demo(make_run)[:5]
    without = make_run("max-squares", 2)
    (file,) = (without / "evaluations").glob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"mean_iou": None}))
    text = report.summary_table([*runs, without])
    ours = next(line for line in text.splitlines() if line.startswith("max-squares"))
    # Of 0.45 and 0.48 alone: mean 0.465, half width 12.706 * 0.03 / 2.
    assert "46.5 ± 19.1 (n=2)" in ours
    assert "+5.5 ± 6.4 (n=2)" in ours
    assert ours.endswith(" 3")
    assert "(n=...): over so many seeds only" in text
    assert "(n=" not in report.summary_table(runs[:4])


@pytest.mark.fast
def test_the_terminal_table(make_run: MakeRun) -> None:
    text = report.summary_table(demo(make_run))
    lines = text.splitlines()
    assert lines[0] == "streets-real/test: 11 classes (camvid); 20 images; native label size, last checkpoint"
    assert lines[2].split("  ")[0] == "experiment"
    source = next(line for line in lines if line.startswith("source-only"))
    ours = next(line for line in lines if line.startswith("max-squares"))
    assert "41.0 ± 2.5" in source
    assert "–" in source
    assert "46.3 ± 3.8" in ours
    assert "+5.3 ± 1.4" in ours
    assert ours.startswith("max-squares *")
    assert len({line.index("80.0") for line in (source, ours)}) == 1
    assert "95% Student interval over seeds" in text
    assert "* Best:" in text
    assert text.endswith("\n")
    assert max(map(len, text.splitlines())) < 120


def test_edges_and_calibration_have_columns_where_a_run_has_them(make_run: MakeRun) -> None:
    extra = {"mean_boundary_iou": 0.25, "calibration": {"error": 0.0625}}
    runs = [make_run("told", 0, mean_iou=0.4, extra=extra), make_run("older", 0, mean_iou=0.4)]
    lines = report.summary_table(runs, style="markdown").splitlines()
    rows = {name: next(line for line in lines if name in line) for name in ("boundary IoU", "told", "older")}
    titles = [cell.strip() for cell in rows["boundary IoU"].split("|")]
    place = titles.index("boundary IoU")
    assert titles[place + 1] == "calibration error"
    assert [cell.strip() for cell in rows["told"].split("|")[place : place + 2]] == ["25.0", "6.2"]
    assert [cell.strip() for cell in rows["older"].split("|")[place : place + 2]] == ["–", "–"]
    assert "boundary" not in report.summary_table(demo(make_run))
    assert "less is better" in report.summary_table(runs)


def test_the_heads_of_a_wide_table_take_two_lines(make_run: MakeRun) -> None:
    extra = {"mean_boundary_iou": 0.25, "calibration": {"error": 0.0625}}
    name = "a name as long as those of some methods are"
    first, second, rule, row = report.summary_table([make_run(name, 0, extra=extra)]).splitlines()[2:6]
    assert second.startswith("experiment")
    assert first.split()[:3] == ["pixel", "boundary", "calibration"]
    assert first.index("boundary") < second.rindex("IoU ") < first.index("calibration")
    assert row.startswith(name)
    assert len(rule) == len(second)


def test_markdown_escapes_bars_and_marks_the_best(make_run: MakeRun) -> None:
    runs = [make_run("a|b", seed, mean_iou=0.3) for seed in range(2)]
    runs += [make_run("c", seed, mean_iou=0.5 + 0.001 * seed) for seed in range(2)]
    lines = report.summary_table(runs, "markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert rows[2].startswith(r"| a\|b | 30.0 ± 0.0 |")
    assert rows[3].startswith("| **c** |")
    assert {row.replace(r"\|", "").count("|") for row in rows} == {rows[0].count("|")}


def test_csv_has_every_digit(make_run: MakeRun) -> None:
    rows = list(csv.DictReader(io.StringIO(report.summary_table(demo(make_run), "csv"))))
    assert [row["experiment"] for row in rows] == ["source-only", "max-squares"]
    assert float(rows[0]["mean_iou"]) == pytest.approx(0.41, abs=1e-15)
    assert float(rows[1]["gain"]) == pytest.approx(0.16 / 3)
    assert rows[0]["gain"] == ""
    assert rows[0]["seeds"] == "0 1 2"
    assert rows[0]["mean_iou_n"] == "3"


def test_no_row_is_best_within_the_interval_or_with_one_seed(make_run: MakeRun) -> None:
    close = [make_run("a", 0, mean_iou=0.40), make_run("a", 1, mean_iou=0.44)]
    close += [make_run("b", 0, mean_iou=0.45), make_run("b", 1, mean_iou=0.45)]  # differences 0.05, 0.01
    text = report.summary_table(close)
    assert "*" not in text
    assert "none is marked best" in text
    single = report.summary_table([close[0], close[2]])
    assert "*" not in single
    assert "±" not in single
    assert "one seed each, so no interval" in single
    assert "+5.0" in single


def test_experiments_without_an_evaluation_and_without_common_seeds(make_run: MakeRun) -> None:
    runs = [make_run("a", 0), make_run("b", 7, mean_iou=0.6), make_run("c", 0, mean_iou=None)]
    (table,) = report.tables(report.group(report.read_runs(runs))[0])
    assert [row.gain for row in table.rows] == [None, None, None]
    assert table.rows[2].figures["mean_iou"] is None
    assert table.rows[2].seeds == ()
    assert not any(row.best for row in table.rows)
    assert "–" in report.summary_table(runs)
    assert report.summary_table([runs[2]]) == "No run has an evaluation yet.\n"
    assert report.summary_table([runs[2]], "csv").count("\n") == 1


def test_rows_measured_in_different_ways_are_told(make_run: MakeRun) -> None:
    runs = [make_run("a", 0), make_run("b", 0, on="streets-synthetic/test")]
    file = runs[1] / "evaluations" / "target-test.json"
    file.write_text(file.read_text().replace("native label size", "half size, flipped"))
    text = report.summary_table(runs)
    assert "half size, flipped" in text
    assert "The rows were not measured alike" in text


def test_an_unknown_style_is_an_input_error(make_run: MakeRun) -> None:
    with pytest.raises(InputError, match="style: 'latex' is not known"):
        report.summary_table([make_run()], "latex")
