"""What a table keeps of rounds, and who gains and who pays, against numbers written out."""

import json
from pathlib import Path

import pytest

from experiments._rows import Row, record
from experiments.reproduce._classes import who_pays
from jaxseg.labels import VOID, LabelSpace

SPACE = LabelSpace(
    name="three",
    names=("sky", "car", "bus"),
    palette=((0, 0, 0),) * 3,
    ids={0: 0, 1: 1, 2: 2, 3: VOID},
    groups=(1, 4, 4),
)


def row(name: str, *seeds: tuple[float | None, float, float]) -> dict[str, object]:
    scores = [{"t/test": {"iou": dict(zip(SPACE.names, values, strict=True))}} for values in seeds]
    return {"row": name, "seeds": {f"seed{index}": {"scores": score} for index, score in enumerate(scores)}}


@pytest.mark.fast
def test_gains_are_paired_by_seed_class_by_class_and_over_groups() -> None:
    rows = [row("base", (0.5, 0.2, 0.1), (0.6, 0.3, 0.3)), row("ours", (0.4, 0.4, 0.2), (0.5, 0.4, 0.6))]
    lines = who_pays(rows, "base", SPACE).splitlines()
    assert lines[0] == "**t/test**: IoU less that of base, seed by seed, in points"
    cells = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in lines[4:]}
    assert list(cells) == ["sky", "car", "bus", "all classes", "group 4 (2)", "the others (1)"]
    # Differences by seed: sky -10, -10; car 20, 10; bus 10, 30. Of n = 2, half a width is 12.706 |x1 - x2| / 2.
    assert cells["sky"] == "-10.0 \u00b1 0.0"
    assert cells["car"] == "+15.0 \u00b1 63.5"
    assert cells["bus"] == "+20.0 \u00b1 127.1"
    assert cells["all classes"] == "+8.3 \u00b1 21.2"  # 20/3 and 10
    assert cells["group 4 (2)"] == "+17.5 \u00b1 31.8"  # 15 and 20
    assert cells["the others (1)"] == cells["sky"]


def test_classes_that_do_not_occur_and_rows_that_are_not_there_are_left_out() -> None:
    rows = [row("base", (None, 0.2, 0.1)), row("ours", (0.4, 0.4, 0.2))]
    lines = who_pays(rows, "base", SPACE).splitlines()
    assert lines[4] == "| sky | \u2013 |"
    assert lines[7] == "| all classes | +15.0 |"
    assert who_pays(rows, "oracle", SPACE) == ""
    assert who_pays(rows[:1], "base", SPACE) == ""


def test_a_record_keeps_the_scores_and_the_labels_of_every_round(tmp_path: Path) -> None:
    folder = tmp_path / "cbst" / "seed0"
    (folder / "evaluations").mkdir(parents=True)
    score = {"on": "t/test", "mean_iou": 0.123456, "iou": {"car": 0.1}, "step": 4, "images": 9}
    (folder / "evaluations" / "t-test.json").write_text(json.dumps(score))
    lines = [
        {"kind": "labelling", "step": 1, "phase": "round0", "share": 0.2, "thresholds": [0.51, 1.0]}
        | {"predicted": [3, 1], "labelled": [1, 0], "seconds": 99.0},
        {"kind": "train", "step": 2, "phase": "round0", "seconds": 7.5},
        {"kind": "evaluation", "step": 2, "on": "t/val", "mean_iou": 0.5, "group_mean_iou": {"4": 0.25}},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (found,) = record([Row("cbst", Path("configs/streets/cbst.py"), after="source")], [folder])
    assert found["seeds"]["seed0"] == {
        "scores": {"t/test": {"mean_iou": 0.12346, "iou": {"car": 0.1}, "step": 4}},
        "while_training": [{"on": "t/val", "mean_iou": 0.5, "group_mean_iou": {"4": 0.25}, "step": 2}],
        "labellings": {
            "round0": {"share": 0.2, "thresholds": [0.51, 1.0], "predicted": [3, 1], "labelled": [1, 0]}
        },
        "training_seconds": 7.5,
    }
