"""Run folders to report on, written by hand from the format that the run folder promises."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxseg import report
from jaxseg.labels import CAMVID

LABELS = {
    "name": CAMVID.name,
    "names": list(CAMVID.names),
    "palette": [list(colour) for colour in CAMVID.palette],
    "groups": list(CAMVID.groups or ()),
}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    def make(
        name: str = "source-only",
        seed: int = 0,
        *,
        mean_iou: float | None = 0.4,
        iou: dict[str, float | None] | None = None,
        steps: int = 8,
        config: dict[str, Any] | None = None,
        pictures: tuple[str, ...] = (),
        folder: str | None = None,
        labels: dict[str, Any] = LABELS,
        on: str = "streets-real/test",
        rich: bool = False,
        course: dict[str, list[float]] | None = None,
        sure: dict[str, float | None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Path:
        run = tmp_path / "runs" / (folder or f"run-{len(list(tmp_path.glob('runs/*')))}")
        run.mkdir(parents=True)
        facts = {
            "name": name,
            "seed": seed,
            "config": "configs/demo.py",
            "arguments": ["--seed", str(seed)],
            "resolved": {
                "seed": seed,
                "steps": steps,
                "objective": {"source": {"weight": 1.0}},
                "target": None if course is None else {"type": "Streets", "look": "real"},
                **(config or {}),
            },
            "versions": {"jaxseg": "0.1.0", "jax": "0.10.2"},
            "labels": labels,
        }
        (run / "config.json").write_text(json.dumps(facts))
        more = {"terms": {"source": 1.5, "target": 0.5}, "gradient_norm": 1.0, "learning_rate": 1e-3}
        lines = [
            {
                "kind": "train",
                "step": step,
                "phase": "main",
                "seconds": 0.5 * step,
                "images_per_second": 16.0,
                "loss": 2.0 / step,
                **(more if rich else {"terms": {"source": 2.0 / step}}),
            }
            for step in range(1, steps + 1)
        ]
        shown = {"target/val": [0.3]} if course is None else course
        for index in range(max(map(len, shown.values()))):  # every 10 steps, the target first
            step = steps if course is None else 10 * (index + 1)
            for name, values in shown.items():
                line = {"kind": "evaluation", "step": step, "on": name, "pixel_accuracy": 0.7}
                lines.append({**line, "mean_iou": values[index]})
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        if mean_iou is not None:
            (run / "evaluations").mkdir()
            evaluation = {
                "on": on,
                "step": steps,
                "images": 20,
                "protocol": "native label size, last checkpoint",
                "labels": labels,
                "mean_iou": mean_iou,
                "pixel_accuracy": 0.8,
                "iou": iou or {**dict.fromkeys(labels["names"], mean_iou), labels["names"][-1]: None},
                "group_mean_iou": {"1": 0.9, "4": 0.2},
                "confusion": [],
                "seconds": 1.0,
                **(extra or {}),
            }
            if sure is not None:
                evaluation["mean_probability"] = sure
                evaluation["calibration"] = {"error": 0.125, "mean_probability": 0.925, "bins": []}
            (run / "evaluations" / "target-test.json").write_text(json.dumps(evaluation))
        for identity in pictures:
            write_pictures(run / "pictures" / "target-test", identity)
        return run

    return make


def write_pictures(folder: Path, identity: str, height: int = 24, width: int = 32) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    truth = np.zeros((height, width), np.uint8)
    truth[height // 2 :] = 3
    truth[-2:] = 255
    prediction = np.where(truth == 255, 3, truth).astype(np.uint8)
    prediction[:, : width // 4] = 1
    Image.new("RGB", (width, height), (90, 120, 150)).save(folder / f"{identity}.image.png")
    report.save_label_map(folder / f"{identity}.truth.png", truth, CAMVID)
    report.save_label_map(folder / f"{identity}.prediction.png", prediction, CAMVID)
