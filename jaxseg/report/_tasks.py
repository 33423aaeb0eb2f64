"""What the figures of each task are called, and how they are made."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Words:
    """How the figures of a task are told.

    Attributes:
      columns: figures of a whole split, key in the record to title; the one to compare by first. Those that no
        evaluation has are left out of a table.
      of_class: title of the figure of one class.
      absent: why a class has none.
      made: how they are made, in sentences.
    """

    columns: Mapping[str, str]
    of_class: str
    absent: str
    made: str

    @property
    def main(self) -> str:
        """Title of the figure to compare by."""
        return next(iter(self.columns.values()))


SEGMENTATION = Words(
    columns={
        "mean_iou": "mIoU",
        "pixel_accuracy": "pixel accuracy",
        "mean_boundary_iou": "boundary IoU",
        "calibration_error": "calibration error",
    },
    of_class="IoU",
    absent="neither truth nor prediction has a pixel of them",
    made="mIoU is the mean of hits / (truth + prediction \u2212 hits), in pixels, over the classes that occur in truth "
    "or prediction. Pixel accuracy is the share of pixels that are right. Boundary IoU is the mIoU of the pixels whose "
    "region ends within 2% of the image's diagonal. The calibration error is how far the probabilities of predictions "
    "are from the share that is right, in 15 bins; less is better. Void pixels count in none.",
)
CLASSIFICATION = Words(
    columns={"accuracy": "accuracy", "mean_class_accuracy": "mean class accuracy"},
    of_class="accuracy",
    absent="no image is of them",
    made="Accuracy is the share of images whose class is right; of a class, the share of its images. Mean class "
    "accuracy is the mean over the classes that occur. Images without a label count in neither.",
)
TASKS = {"segmentation": SEGMENTATION, "classification": CLASSIFICATION}
