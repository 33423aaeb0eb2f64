"""Scoring a network on a split, and predicting single pictures.

One confusion matrix over the whole split, labels at their native size: the logits are brought to the label's size, not
the label to the network's. What differs from that is a field of the protocol and is printed beside every figure. Where
a label is the class of a whole image, the matrix counts images, and the figures are accuracies.
"""

import dataclasses
import functools
import itertools
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Integer, UInt8

from jaxseg import boundary, calibration, data, metrics
from jaxseg.boundary import Boundary
from jaxseg.calibration import Calibration
from jaxseg.labels import LabelSpace
from jaxseg.metrics import ConfusionMatrix
from jaxseg.models import Network
from jaxseg.train._scores import Average, Member, View, check_members, scores
from jaxseg.train._spread import Spread
from jaxseg.train.experiment import EvaluationProtocol


@dataclasses.dataclass(frozen=True)
class Picture:
    """One scored image: its name, its pixels, the truth and what the network says (train ids)."""

    name: str
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


@dataclasses.dataclass(frozen=True)
class Score:
    """What an evaluation found.

    Attributes:
      on: data set and split, `camvid/test`.
      images: how many were scored.
      protocol: how.
      counts: [C, C] pixels, or images in classification; rows truth, columns prediction.
      space: the label space.
      seconds: wall time.
      pictures: the images that were asked for; none in classification.
      task: what a label is of, a pixel or an image.
      calibration: how sure the predictions are, and how often right; None where it was not counted.
      boundary: predictions along the edges of regions; None in classification and where it was not counted.
      label_size: height and width that the labels were brought to before; None where they are as they came.
      label_canvas: height and width of the canvas that images were laid on before, whose diagonal, and not the image's
        own, decides what is an edge; None where there is none.
    """

    on: str
    images: int
    protocol: EvaluationProtocol
    counts: np.ndarray
    space: LabelSpace
    seconds: float
    pictures: tuple[Picture, ...] = ()
    task: data.Task = "segmentation"
    calibration: Calibration | None = None
    boundary: Boundary | None = None
    label_size: tuple[int, int] | None = None
    label_canvas: tuple[int, int] | None = None

    @property
    def mean_iou(self) -> float:
        """Mean of the per-class IoU over classes that occur, 0 to 1."""
        return float(metrics.mean_iou(self.counts))

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right, 0 to 1."""
        return float(metrics.pixel_accuracy(self.counts))

    @property
    def figures(self) -> dict[str, float]:
        """The figures of the whole split, 0 to 1, by their names in records; the first is the one to compare by.

        Where the label space names subsets, the mean IoU of each follows, such as `mean_iou_13`.
        """
        if self.task == "classification":
            return {
                "accuracy": float(metrics.pixel_accuracy(self.counts)),
                "mean_class_accuracy": float(metrics.mean_class_accuracy(self.counts)),
            }
        subsets = {
            f"mean_iou_{word}": metrics.mean_iou(self.counts, [self.space.index(name) for name in names])
            for word, names in self.space.subsets.items()
        }
        return {"mean_iou": self.mean_iou, **subsets, "pixel_accuracy": self.pixel_accuracy}

    @property
    def headline(self) -> str:
        """The first figure in words, such as `mIoU 43.2` or `accuracy 91.0`, in percent."""
        name, value = next(iter(self.figures.items()))
        return f"{'mIoU' if name == 'mean_iou' else name} {100 * value:.1f}"

    @property
    def of_classes(self) -> dict[str, float | None]:
        """IoU of each class, or the share of its images that are right; None for a class that does not occur."""
        if self.task == "classification":
            true = self.counts.sum(axis=1)
            values = np.where(true > 0, self.counts.diagonal() / np.maximum(true, 1), np.nan)
        else:
            values = metrics.iou(self.counts)
        return {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(self.space.names, values, strict=True)
        }

    @property
    def parts(self) -> dict[str, Any]:
        """The figures of single classes and of importance groups, by their names in records."""
        if self.task == "classification":
            return {"class_accuracy": self.of_classes}
        groups = {} if self.space.groups is None else metrics.group_mean_iou(self.counts, self.space.groups)
        of_groups = {str(group): float(value) for group, value in groups.items()}
        return {"iou": self.of_classes, "group_mean_iou": of_groups}

    def record(self, step: int | None) -> dict[str, Any]:
        """The score as JSON, every figure 0 to 1; a class that does not occur is null.

        `step` is the checkpoint's, or None where networks of several steps were scored together.
        """
        subsets = {word: list(names) for word, names in self.space.subsets.items()}
        return {
            "on": self.on,
            "step": step,
            "images": self.images,
            "task": self.task,
            "protocol": self.protocol.described(self.task, self.label_size, self.label_canvas),
            "labels": self.space.description(),
            **self.figures,
            **self.parts,
            **({"subsets": subsets} if subsets and self.task == "segmentation" else {}),
            **(self.boundary.record(self.space.names) if self.boundary else {}),
            **(self.calibration.record(self.space.names) if self.calibration else {}),
            "confusion": self.counts.tolist(),
            "seconds": round(self.seconds, 2),
        }


@functools.partial(jax.jit, static_argnames=("view", "several"))
def _score_batch(
    confusion: ConfusionMatrix,
    members: tuple[Member, ...],
    image: UInt8[Array, "B H W 3"],
    label: Integer[Array, "B *_"],
    view: View,
    several: bool = False,
) -> tuple[ConfusionMatrix, dict[str, Array], Integer[Array, "B *_"]]:
    prediction, probability = calibration.most_probable(scores(members, image, label.shape, view))
    told = {"calibration": calibration.tally(prediction, probability, label, confusion.classes)}
    if label.ndim == 3:
        distance = boundary.distance_of(*label.shape[1:])
        told["boundary"] = boundary.tally(prediction, label, confusion.classes, distance)
    found = confusion.update(prediction, label), told, prediction
    return jax.lax.with_sharding_constraint(found, PartitionSpec()) if several else found


def evaluate(
    network: Network,
    variables: Mapping[str, Any],
    data_set: data.DataSet,
    split: str,
    protocol: EvaluationProtocol,
    keep: Collection[int] = (),
    domain: str = "source",
    threads: int = 2,
) -> Score:
    """Scores a network on one split of a data set.

    Args:
      network: the network.
      variables: its parameters and batch statistics.
      data_set: what to score on.
      split: `"train"`, `"val"` or `"test"`.
      protocol: input size, batch, flip, scales, dense CRF.
      keep: indices of images to hand back as pictures; in classification there are none.
      domain: whose statistics the network uses, where it keeps them apart.
      threads: how many decode images.

    Raises:
      InputError: the data set is missing, or its images do not fit the network.
    """
    return evaluate_ensemble(
        [Member(network, variables, domain)], data_set, split, protocol, keep=keep, threads=threads
    )


def evaluate_ensemble(
    members: Sequence[Member],
    data_set: data.DataSet,
    split: str,
    protocol: EvaluationProtocol,
    average: Average = "logits",
    keep: Collection[int] = (),
    threads: int = 2,
) -> Score:
    """Scores the mean of several networks on one split of a data set; each normalises the images its own way.

    Args:
      members: the networks, with equal shares.
      data_set: what to score on.
      split: `"train"`, `"val"` or `"test"`.
      protocol: input size, batch, flip, scales, dense CRF; one for all.
      average: `"logits"`, as the ensemble AdvEnt+MinEnt of Vu et al., CVPR 2019; or `"probabilities"`, the softmax at
        each network's own resolution, as the mean of three bands of FDA (Yang and Soatto, CVPR 2020).
      keep: indices of images to hand back as pictures; in classification there are none.
      threads: how many decode images.

    Raises:
      InputError: the networks differ in classes, the data set is missing, or its images do not fit a network.
    """
    check_members(members, average)
    protocol.validate(data_set.task)
    began = time.monotonic()
    source = data_set.source(split)
    classes = members[0].network.classes
    view = View(protocol.size, protocol.flip, average, protocol.crf, protocol.scales)
    spread = Spread(protocol.batch)
    confusion = ConfusionMatrix.zeros(classes)
    together = spread.everywhere(tuple(members))  # once, where they lie on the host
    tallies, pictures = [], []
    checked: set[tuple[int, ...]] = set()
    for batch in spread.batches(source, threads):
        native = batch["image"].shape[1:3]
        for member, size in itertools.product(() if native in checked else members, view.sizes(native)):
            member.network.validate(*size)
        checked.add(native)
        with spread.context():
            confusion, told, prediction = _score_batch(
                confusion, together, batch["image"], batch["label"], view, spread.several
            )
        tallies.append(told)  # read at the end: the host never waits for the device
        for row, index in enumerate(batch["index"] if data_set.task == "segmentation" else ()):
            if index in keep and 0 <= index < len(source):
                example = source[index]
                truth, found = np.asarray(example["label"]), np.asarray(prediction[row], np.uint8)
                pictures.append(Picture(str(example["id"]), np.asarray(example["image"]), truth, found))
    return Score(
        on=f"{data_set.name}/{split}",
        images=len(source),
        protocol=protocol,
        counts=confusion.counts(),
        space=data_set.labels,
        seconds=time.monotonic() - began,
        pictures=tuple(pictures),
        task=data_set.task,
        calibration=Calibration.of((told["calibration"] for told in tallies), classes),
        boundary=Boundary.of((told["boundary"] for told in tallies), classes)
        if data_set.task == "segmentation"
        else None,
        label_size=data_set.label_size,
        label_canvas=data_set.label_canvas,
    )


ROWS = 256
"""Rows of a large picture that are brought to full size at a time (bounds memory)."""


@functools.partial(jax.jit, static_argnames=("labels", "view"))
def _scores_of_one(member: Member, image: Array, labels: tuple[int, ...], view: View) -> Array:
    return scores((member,), image, (1, *labels), view)[0]


def predict(
    network: Network,
    variables: Mapping[str, Any],
    image: np.ndarray,
    size: tuple[int, int],
    flip: bool = False,
    domain: str = "source",
) -> np.ndarray:
    """Train ids [H, W] (uint8) of one RGB picture of any size, the network seeing it at `size`.

    The scores are brought to the picture's own size band by band, so a large photograph costs little memory.

    Raises:
      InputError: `size` does not fit the network.
    """
    network.validate(*size)
    pixels = image[None].astype(np.float32)
    low = _scores_of_one(Member(network, variables, domain), pixels, labels=size, view=View(size, flip))
    height, width = image.shape[:2]
    wide = network.upsample(low[None], (size[0], width))[0]
    corners = network.align_corners
    bands = [_band(wide, height, top, min(ROWS, height - top), corners) for top in range(0, height, ROWS)]
    return np.concatenate(bands).astype(np.uint8)


def classify(
    network: Network,
    variables: Mapping[str, Any],
    image: np.ndarray,
    size: tuple[int, int],
    flip: bool = False,
    domain: str = "source",
) -> np.ndarray:
    """Probabilities [C] of the classes of one whole RGB picture, which the classifier sees at `size`.

    Raises:
      InputError: `size` does not fit the network.
    """
    network.validate(*size)
    pixels = np.asarray(image, np.float32)[None]
    found = _scores_of_one(Member(network, variables, domain), pixels, labels=(), view=View(size, flip))
    return np.asarray(jax.nn.softmax(found))


def _band(logits: Array, height: int, top: int, rows: int, align_corners: bool) -> np.ndarray:
    """Classes of `rows` output rows from `top`, when the logits' rows are stretched to `height` (bilinear)."""
    last = logits.shape[0] - 1
    row = np.arange(top, top + rows)
    if align_corners:
        position = row * (last / max(height - 1, 1))
    else:
        position = np.clip((row + 0.5) * logits.shape[0] / height - 0.5, 0, last)
    above = np.floor(position).astype(np.int32)
    share = jnp.asarray(position - above, jnp.float32)[:, None, None]
    mixed = logits[above] * (1.0 - share) + logits[np.minimum(above + 1, last)] * share
    return np.asarray(jnp.argmax(mixed, axis=-1))
