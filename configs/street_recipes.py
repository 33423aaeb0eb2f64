"""What the recipes on street scenes share: DeepLabv2 on ResNet-101, its weights, SGD, image sizes, one image a step.

    SGD 2.5e-4, heads ten times that, momentum 0.9, weight decay 5e-4, poly 0.9

are the settings of MaxSquare, AdaptSegNet, AdvEnt, FDA and DACS alike; they differ in how far the schedule counts,
and in whether the scales and biases of batch normalisation are trained: not the stem's in MaxSquare, none in the
others.

Images of GTA5 and SYNTHIA are resized once, at preparation, bicubically, as the released codes do; Cityscapes is
kept as it is and resized on the device, bilinearly and antialiased, so that one prepared copy serves all sizes and
labels are scored at 1024x2048.
"""

from collections.abc import Mapping
from pathlib import Path

from jaxseg.data import DataSet
from jaxseg.data.augment import Augmentation, Resize
from jaxseg.methods import SGD, Groups, Method, Poly
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

GTA5_SIZE, SYNTHIA_SIZE, CITYSCAPES_SIZE = (720, 1280), (760, 1280), (512, 1024)
"""Height and width."""

OWNERS_LIST = Path("split.mat")
"""GTA5's list of 12,403 train images, on which MaxSquare's code trains; the other released codes take all 24,966."""

WEIGHTS = Path("DeepLab_resnet_pretrained_init-f81d91e8.pth")
"""The initialisation that the released codes share; its authors name ImageNet and COCO, their papers ImageNet."""


def sgd(*, stretch: float = 1.0, norm: bool = True) -> SGD:
    """The optimiser of the network.

    Args:
      stretch: steps to which the schedule counts over steps that are taken.
      norm: whether scales and biases of batch normalisation are trained, but for the stem's.
    """
    return SGD(
        learning_rate=2.5e-4,
        momentum=0.9,
        weight_decay=5e-4,
        schedule=Poly(power=0.9, stretch=stretch),
        groups=Groups(head=10.0, norm=1.0 if norm else 0.0, fixed=("bn1",)),
    )


def resized(size: tuple[int, int] = CITYSCAPES_SIZE) -> dict[str, Augmentation]:
    """Target images at a size; the source's are prepared at theirs."""
    return {"resize": Resize(size=size, domain="target")}


def recipe(
    name: str,
    data: DataSet,
    target: DataSet | None,
    method: Method,
    augment: Mapping[str, Augmentation],
    *,
    batch: int = 1,
    size: tuple[int, int] = CITYSCAPES_SIZE,
    weights: Path | None = WEIGHTS,
) -> Experiment:
    """An experiment of DeepLabv2 on street scenes.

    Args:
      name: of the experiment.
      data: the source.
      target: the target, or None.
      method: the method, with its network.
      augment: what is done to the batches.
      batch: images a domain and step.
      size: height and width at which target images are scored.
      weights: file from which trunk and statistics start, without its heads; None starts from random ones.
    """
    return Experiment(
        name=name,
        data=data,
        target=target,
        method=method,
        augment=augment,
        batch=batch,
        mesh=MeshShape(data=1),
        initialize=weights,
        initialize_head=weights is None,
        evaluation=EvaluationProtocol(size=size, batch=1),
        evaluate_every=5000,
        checkpoint_every=1000,
    )
