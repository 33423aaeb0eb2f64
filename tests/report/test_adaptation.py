"""The figures of an adaptation report: both domains against the step, and probability against IoU by class."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jaxseg import report
from jaxseg.labels import CAMVID
from jaxseg.report import figures

MakeRun = Callable[..., Path]

RISES_AND_FALLS = {"real/val": [0.2, 0.5, 0.4], "synthetic/val": [0.3, 0.6, 0.7]}


def sections(page: Path) -> dict[str, str]:
    """The sections of a page by id."""
    return dict(re.findall(r'<section id="(\w+)">(.*?)</section>', page.read_text(), re.DOTALL))


def drawings(html: str) -> list[ElementTree.Element]:
    return [
        ElementTree.fromstring(svg) for svg in re.findall(r'<svg viewBox="0 0 352.*?</svg>', html, re.DOTALL)
    ]


@pytest.mark.fast
def test_target_and_source_are_in_one_plot_for_each_experiment(make_run: MakeRun, tmp_path: Path) -> None:
    lower = {on: [value - 0.1 for value in values] for on, values in RISES_AND_FALLS.items()}
    runs = [
        make_run("adapted", 0, course=RISES_AND_FALLS),
        make_run("adapted", 1, course=lower),
        make_run("oracle", 0, course={"real/val": [0.6, 0.7, 0.8]}),
    ]
    section = sections(report.write(runs, tmp_path / "report.html"))["adaptation"]
    (drawing,) = drawings(section)  # the oracle was scored on one domain alone
    assert "target: real/val" in section
    assert "source: synthetic/val" in section
    # Means over the seeds: target 0.15, 0.45, 0.35; source 0.25, 0.55, 0.65.
    assert "Target: 35.0 at the end, 45.0 at most (step 20). Source: 65.0 at the end, its highest." in section
    dashed = [p for p in drawing.iter("path") if "stroke-dasharray" in p.get("style", "")]
    assert len(dashed) == 2  # the sources of two seeds
    assert all("--series-0" in p.get("style", "") for p in dashed)
    assert "on target and source against training step" in drawing.get("aria-label", "")


def test_plots_of_experiments_are_on_one_scale(make_run: MakeRun, tmp_path: Path) -> None:
    high = {"real/val": [0.8, 0.85, 0.9], "synthetic/val": [0.8, 0.85, 0.95]}
    runs = [make_run("a", 0, course=RISES_AND_FALLS), make_run("b", 0, course=high)]
    first, second = drawings(sections(report.write(runs, tmp_path / "report.html"))["adaptation"])

    def ticks(drawing: ElementTree.Element) -> list[str]:
        return [text.text or "" for text in drawing.iter("text")]

    assert ticks(first) == ticks(second)
    assert "20" in ticks(first)
    assert "80" in ticks(first)


def test_runs_that_do_not_adapt_have_no_such_section_and_unscored_ones_say_so(
    make_run: MakeRun, tmp_path: Path
) -> None:
    assert "adaptation" not in sections(report.write([make_run("plain", 0)], tmp_path / "a.html"))
    only = make_run("adapted", 0, course={"real/val": [0.3]})
    assert "--evaluate-every" in sections(report.write([only], tmp_path / "b.html"))["adaptation"]


SURE = {"sky": 0.99, "building": 0.9, "pole": None, "road": 0.95}
IOU = {"sky": 0.8, "building": 0.6, "pole": 0.0, "road": 0.9}


def points(drawing: ElementTree.Element) -> list[str]:
    return [title.text or "" for title in drawing.iter("title")]


@pytest.mark.fast
def test_probability_is_drawn_against_iou_with_a_marker_for_each_experiment(
    make_run: MakeRun, tmp_path: Path
) -> None:
    surer = {name: None if p is None else p + 0.02 for name, p in SURE.items()}
    runs = [
        make_run("source", 0, iou=IOU, sure=SURE, course=RISES_AND_FALLS),
        make_run("adapted", 0, iou=IOU, sure=SURE),
        make_run("adapted", 1, iou=IOU, sure=surer),
    ]
    section = sections(report.write(runs, tmp_path / "report.html"))["confidence"]
    scatter, gradients = drawings(section)
    assert points(scatter) == [
        *("sky: 80.0, 99.0", "building: 60.0, 90.0", "road: 90.0, 95.0"),
        *("sky: 80.0, 100.0", "building: 60.0, 91.0", "road: 90.0, 96.0"),
    ]
    markers = {
        use.get("{http://www.w3.org/1999/xlink}href") or use.get("href") for use in scatter.iter("use")
    }
    assert len({marker for marker in markers if marker}) >= 2
    assert "entropy" in [text.text for text in gradients.iter("text")]
    text = re.sub(r"<[^>]+>", " ", section)
    assert "12.5" in text  # the calibration error
    assert "92.5" in text
    assert section.count('class="key"') == 1


def test_one_run_has_its_classes_named_and_a_run_without_counts_has_no_section(
    make_run: MakeRun, tmp_path: Path
) -> None:
    section = sections(report.write([make_run(iou=IOU, sure=SURE)], tmp_path / "a.html"))["confidence"]
    (scatter,) = drawings(section)  # nothing adapts here, so there is no talk of its losses
    assert {"sky", "building", "road"} <= {text.text for text in scatter.iter("text")}
    assert "maximum squares" not in section
    assert "confidence" not in sections(report.write([make_run()], tmp_path / "b.html"))


def test_names_beside_points_hide_neither_points_nor_each_other() -> None:
    names = [f"class {k}" for k in range(12)]
    crowd = figures.Points([0.5] * 12, [0.5 + 0.001 * k for k in range(12)], names, 0)
    drawn = figures.scatter(
        [crowd], prefix="p", x_label="IoU (%)", y_label="mean probability (%)", label="x", named=True
    )
    root = ElementTree.fromstring(drawn)
    written = [text.text for text in root.iter("text") if text.text in names]
    assert 1 <= len(written) <= 4
    assert len(points(root)) == 12


def test_more_than_seven_experiments_are_told(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(f"e{k}", 0, iou=IOU, sure=SURE) for k in range(9)]
    section = sections(report.write(runs, tmp_path / "report.html"))["confidence"]
    assert "Points show the first 7 experiments; the tables have all." in section
    assert len(points(drawings(section)[0])) == 7 * 3
    assert section.count("<td") >= 9 * 3


def test_figures_of_subsets_have_a_column_of_their_own(make_run: MakeRun, tmp_path: Path) -> None:
    kept = [name for name in CAMVID.names if name not in ("pole", "fence")]
    runs = [
        make_run("a", seed, extra={"mean_iou_9": 0.5 + 0.02 * seed, "subsets": {"9": kept}})
        for seed in (0, 1)
    ]
    runs.append(make_run("b", 0))
    (table,) = report.tables(report.group(report.read_runs(runs))[0])
    assert list(table.columns)[:3] == ["mean_iou", "mean_iou_9", "pixel_accuracy"]
    interval = table.rows[0].figures["mean_iou_9"]
    assert interval is not None
    assert interval.mean == pytest.approx(0.51)
    assert table.rows[1].figures["mean_iou_9"] is None
    text = report.summary_table(runs)
    assert "mIoU (9)" in text
    assert "mIoU (9): the mean over 9 of the 11 classes, without pole, fence." in text
    assert "mean_iou_9_half_width" in report.summary_table(runs, "csv").splitlines()[0]
    assert "mIoU (9)" in report.write(runs, tmp_path / "report.html").read_text()


def test_damaged_counts_are_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(
        extra={"mean_probability": [1, 2], "calibration": "none", "mean_iou_13": "x", "subsets": 3}
    )
    evaluation = report.read_run(run).evaluations["target-test"]
    assert (evaluation.mean_probability, evaluation.calibration_error, evaluation.subsets) == ({}, None, {})
    assert evaluation.subset_mean_iou == {"13": None}
    assert json.loads((run / "config.json").read_text())["name"] == "source-only"
    report.write([run], tmp_path / "report.html")
