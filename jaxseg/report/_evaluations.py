"""Files of `evaluations/` as plain dataclasses, and values of JSON as they should be."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxseg.labels import LabelSpace
from jaxseg.report._tasks import TASKS, Words

_SUBSET = "mean_iou_"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One file of `evaluations/`: the figures of one data split.

    Attributes:
      name: stem of the file, also the name of the folder under `pictures/`.
      on: what was evaluated, such as `streets-real/test`.
      step: training step of the checkpoint, or None.
      images: number of images, or None.
      protocol: how the figures were measured, in words.
      labels: the label space.
      mean_iou: mean over the classes that occur, 0..1, or None.
      pixel_accuracy: 0..1, or None.
      iou: class name to IoU, None for an absent class.
      group_mean_iou: importance group to the mean IoU of its classes.
      subset_mean_iou: name of a subset of the classes to the mean IoU over it.
      subsets: the names of its classes.
      task: `segmentation`; or `classification`, which has the following figures and none of those above.
      accuracy: share of images that are right, 0..1, or None.
      mean_class_accuracy: 0..1, or None.
      class_accuracy: class name to the share of its images that are right, None for an absent class.
      mean_probability: class name to the mean probability of the pixels or images predicted as it, None without any.
      probability: the mean probability of all predictions, or None.
      calibration_error: 0..1, or None.
      mean_boundary_iou: 0..1, or None.
    """

    name: str
    on: str
    step: int | None
    images: int | None
    protocol: str
    labels: LabelSpace
    mean_iou: float | None
    pixel_accuracy: float | None
    iou: Mapping[str, float | None]
    group_mean_iou: Mapping[str, float | None]
    task: str = "segmentation"
    accuracy: float | None = None
    mean_class_accuracy: float | None = None
    class_accuracy: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    subset_mean_iou: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    subsets: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    mean_probability: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    probability: float | None = None
    calibration_error: float | None = None
    mean_boundary_iou: float | None = None

    @property
    def words(self) -> Words:
        """What its figures are called."""
        return TASKS[self.task]

    @property
    def main(self) -> float | None:
        """The figure to compare by: mean IoU, or accuracy."""
        return self.accuracy if self.task == "classification" else self.mean_iou

    @property
    def of_classes(self) -> Mapping[str, float | None]:
        """The figure of each class: IoU, or accuracy."""
        return self.class_accuracy if self.task == "classification" else self.iou


def read_evaluations(folder: Path, fallback: LabelSpace | None, remarks: list[str]) -> dict[str, Evaluation]:
    """The evaluations of a run, by name; what cannot be used is told in `remarks`."""
    found: dict[str, Evaluation] = {}
    for file in sorted(folder.glob("*.json")):
        where = f"evaluations/{file.name}"
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            remarks.append(f"{where} cannot be read ({type(error).__name__}) and is left out.")
            continue
        if not isinstance(facts, dict):
            remarks.append(f"{where} holds no JSON object and is left out.")
            continue
        labels = labels_of(facts["labels"], where, remarks) if facts.get("labels") else fallback
        if labels is None:
            remarks.append(f"{where} is left out: its labels are not known.")
            continue
        calibration = as_dict(facts.get("calibration"))
        found[file.stem] = Evaluation(
            name=file.stem,
            on=str(facts.get("on") or file.stem),
            step=_whole(facts.get("step")),
            images=_whole(facts.get("images")),
            protocol=str(facts.get("protocol") or ""),
            labels=labels,
            mean_iou=number(facts.get("mean_iou")),
            pixel_accuracy=number(facts.get("pixel_accuracy")),
            iou=_numbers(facts.get("iou")),
            group_mean_iou=_numbers(facts.get("group_mean_iou")),
            task="classification" if facts.get("task") == "classification" else "segmentation",
            accuracy=number(facts.get("accuracy")),
            mean_class_accuracy=number(facts.get("mean_class_accuracy")),
            class_accuracy=_numbers(facts.get("class_accuracy")),
            subset_mean_iou={
                key.removeprefix(_SUBSET): number(value)
                for key, value in facts.items()
                if key.startswith(_SUBSET)
            },
            subsets={
                str(word): tuple(str(name) for name in as_list(names))
                for word, names in as_dict(facts.get("subsets")).items()
            },
            mean_probability=_numbers(facts.get("mean_probability")),
            probability=number(calibration.get("mean_probability")),
            calibration_error=number(calibration.get("error")),
            mean_boundary_iou=number(facts.get("mean_boundary_iou")),
        )
    if not found:
        remarks.append("No evaluations yet.")
    return found


def labels_of(facts: object, where: str, remarks: list[str]) -> LabelSpace | None:
    """The label space that JSON describes, or None; what is wrong with it is told in `remarks`."""
    if not isinstance(facts, dict):
        remarks.append(f"{where} names no labels.")
        return None
    try:
        return LabelSpace.described(facts)
    except (KeyError, TypeError, ValueError) as error:
        remarks.append(f"The labels in {where} cannot be used ({type(error).__name__}: {error}).")
        return None


def number(value: object) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _numbers(value: object) -> dict[str, float | None]:
    return {str(key): number(inner) for key, inner in as_dict(value).items()}


def as_dict(value: object) -> dict[str, Any]:
    """`value` where it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """`value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []
