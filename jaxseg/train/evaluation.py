"""Scoring a network on a split, and predicting single pictures.

One confusion matrix over the whole split, labels at their native size: the logits are brought to the label's size, not
the label to the network's. What differs from that is a field of the protocol and is printed beside every figure. Where
a label is the class of a whole image, the matrix counts images, and the figures are accuracies.
"""

import dataclasses
import functools
import time
from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, Num, UInt8

from jaxseg import data, metrics
from jaxseg.data.augment import resize_image
from jaxseg.labels import LabelSpace
from jaxseg.methods.objective import brought_to
from jaxseg.metrics import ConfusionMatrix
from jaxseg.models import Network
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
    """

    on: str
    images: int
    protocol: EvaluationProtocol
    counts: np.ndarray
    space: LabelSpace
    seconds: float
    pictures: tuple[Picture, ...] = ()
    task: data.Task = "segmentation"

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
        """The figures of the whole split, 0 to 1, by their names in records; the first is the one to compare by."""
        if self.task == "classification":
            return {
                "accuracy": float(metrics.pixel_accuracy(self.counts)),
                "mean_class_accuracy": float(metrics.mean_class_accuracy(self.counts)),
            }
        return {"mean_iou": self.mean_iou, "pixel_accuracy": self.pixel_accuracy}

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

    def record(self, step: int) -> dict[str, Any]:
        """The score as JSON, every figure 0 to 1; a class that does not occur is null."""
        images = self.task == "classification"
        of_groups: dict[str, Any] = {}
        if not images:
            groups = (
                {} if self.space.groups is None else metrics.group_mean_iou(self.counts, self.space.groups)
            )
            of_groups = {"group_mean_iou": {str(group): float(value) for group, value in groups.items()}}
        return {
            "on": self.on,
            "step": step,
            "images": self.images,
            "task": self.task,
            "protocol": self.protocol.described(self.task),
            "labels": self.space.description(),
            **self.figures,
            "class_accuracy" if images else "iou": self.of_classes,
            **of_groups,
            "confusion": self.counts.tolist(),
            "seconds": round(self.seconds, 2),
        }


def scores(
    network: Network,
    variables: Mapping[str, Any],
    image: Num[Array, "B H W 3"],
    size: tuple[int, int] | None,
    labels: tuple[int, ...],
    flip: bool,
    domain: str,
) -> Float[Array, "B *_ C"]:
    """Class scores of raw images (0..255) for labels of a shape, (B, h, w) or (B,); the network sees them at `size`.

    With `flip`, the logarithm of the mean of the softmax of the image and of its mirror image.
    """
    pixels = image.astype(jnp.float32)
    if size is not None:
        pixels = resize_image(pixels, size)
    pixels = network.normalization(pixels)

    def at_labels(x: Array) -> Array:
        output, _ = network.apply(variables, x, train=False, domain=domain)
        return brought_to(network, output.logits.astype(jnp.float32), labels)

    logits = at_labels(pixels)
    if not flip:
        return logits
    mirrored = at_labels(pixels[:, :, ::-1])
    if mirrored.ndim > 2:
        mirrored = mirrored[:, :, ::-1]
    return jnp.logaddexp(jax.nn.log_softmax(logits), jax.nn.log_softmax(mirrored)) - jnp.log(2.0)


@functools.partial(jax.jit, static_argnames=("network", "size", "flip", "domain"))
def _score_batch(
    confusion: ConfusionMatrix,
    variables: Mapping[str, Any],
    image: UInt8[Array, "B H W 3"],
    label: Integer[Array, "B *_"],
    network: Network,
    size: tuple[int, int] | None,
    flip: bool,
    domain: str,
) -> tuple[ConfusionMatrix, Int[Array, "B *_"]]:
    prediction = jnp.argmax(scores(network, variables, image, size, label.shape, flip, domain), axis=-1)
    return confusion.update(prediction, label), prediction


def evaluate(
    network: Network,
    variables: Mapping[str, Any],
    data_set: data.DataSet,
    split: str,
    protocol: EvaluationProtocol,
    keep: Collection[int] = (),
    domain: str = "source",
) -> Score:
    """Scores a network on one split of a data set.

    Args:
      network: the network.
      variables: its parameters and batch statistics.
      data_set: what to score on.
      split: `"train"`, `"val"` or `"test"`.
      protocol: input size, batch, flip.
      keep: indices of images to hand back as pictures; in classification there are none.
      domain: whose statistics the network uses, where it keeps them apart.

    Raises:
      InputError: the data set is missing, or its images do not fit the network.
    """
    began = time.monotonic()
    source = data_set.source(split)
    network.validate(*(protocol.size or source[0]["image"].shape[:2]))
    confusion = ConfusionMatrix.zeros(network.classes)
    pictures = []
    seen = 0
    for batch in data.evaluation_batches(source, protocol.batch):
        confusion, prediction = _score_batch(
            confusion,
            variables,
            batch["image"],
            batch["label"],
            network,
            protocol.size,
            protocol.flip,
            domain,
        )
        for row in range(len(batch["id"]) if data_set.task == "segmentation" else 0):
            if seen + row in keep and seen + row < len(source):
                picture = (batch["image"][row], batch["label"][row], np.asarray(prediction[row], np.uint8))
                pictures.append(Picture(str(batch["id"][row]), *picture))
        seen += len(batch["id"])
    return Score(
        on=f"{data_set.name}/{split}",
        images=len(source),
        protocol=protocol,
        counts=confusion.counts(),
        space=data_set.labels,
        seconds=time.monotonic() - began,
        pictures=tuple(pictures),
        task=data_set.task,
    )


ROWS = 256
"""Rows of a large picture that are brought to full size at a time (bounds memory)."""


@functools.partial(jax.jit, static_argnames=("network", "size", "flip", "domain"))
def _low_resolution(
    variables: Mapping[str, Any],
    image: Array,
    network: Network,
    size: tuple[int, int],
    flip: bool,
    domain: str,
) -> Array:
    return scores(network, variables, image, size, (1, *size), flip, domain)[0]


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
    low = _low_resolution(variables, image[None].astype(np.float32), network, size, flip, domain)
    height, width = image.shape[:2]
    wide = network.upsample(low[None], (size[0], width))[0]
    corners = network.align_corners
    bands = [_band(wide, height, top, min(ROWS, height - top), corners) for top in range(0, height, ROWS)]
    return np.concatenate(bands).astype(np.uint8)


@functools.partial(jax.jit, static_argnames=("network", "size", "flip", "domain"))
def _whole(
    variables: Mapping[str, Any],
    image: Array,
    network: Network,
    size: tuple[int, int],
    flip: bool,
    domain: str,
) -> Array:
    return jax.nn.softmax(scores(network, variables, image, size, (1,), flip, domain)[0])


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
    return np.asarray(_whole(variables, pixels, network, size, flip, domain))


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
