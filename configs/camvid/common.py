"""What the supervised comparisons of losses on CamVid share: networks, sizes, steps. All values are ours.

    python -m experiments.train configs/camvid/segnet_ce.py --data.dir CAMVID
    python -m experiments.train configs/camvid/segnet_huber.py --data.dir CAMVID \
        --initialize runs/camvid-segnet-ce/seed0

CamVid's 11 classes, the split of the SegNet tutorial, 96x128 pixels, batch 8, random scale, crop and flip, Adam;
scores are of labels at their 360x480. Networks start from random weights. FCN-8s and SegNet have a quarter of their
channels, FCN-8s with VGG-16's batch normalisation, DeepLabv3 a quarter of ResNet-50's; `compact` is ours. At the size
of the images, and with all channels where they are a field:

    --augment.crop.size 360 480 --evaluation.size 360 480 --network.module.width 1

Importance-aware and Wasserstein losses replace cross entropy in a network that was trained with it, as in Liu et al.
2020: for `FURTHER` steps at a lower rate. Their control, cross entropy for as many steps more, is the config of cross
entropy with that run to start from and `LONGER`. Structural losses are trained from the beginning, as in Zhao et al.
2019, each half of the objective and sigmoid cross entropy the other (lambda = 0.5).
"""

from collections.abc import Mapping

from jaxseg import models
from jaxseg.data import CamVid
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.labels import CAMVID
from jaxseg.methods import Adam, ObjectiveMethod, Summand, Term
from jaxseg.models import Network
from jaxseg.train import EvaluationProtocol, Experiment

SIZE = (96, 128)
STEPS, FURTHER = 400, 100
FURTHER_RATE = 1e-3
LONGER = ("--steps", str(FURTHER), "--optimizer.learning-rate", str(FURTHER_RATE))
RATES = {"compact": 4e-3, "fcn8s": 1e-3, "segnet": 3e-3, "enet": 3e-3, "deeplab_v3": 3e-3}


def network(name: str) -> Network:
    """A network for the 11 classes, by the name in `RATES`."""
    classes = CAMVID.classes
    if name == "compact":
        return models.compact(classes, width=16)
    if name == "fcn8s":
        return models.fcn8s(classes, trunk="vgg16_bn", width=0.25)
    if name == "segnet":
        return models.segnet(classes, width=0.25)
    if name == "enet":
        return models.enet(classes)
    return models.deeplab_v3(classes, depth=50, width=0.25, momentum=0.9)


def trained(name: str, loss: str, objective: Mapping[str, Summand]) -> Experiment:
    """A network of a name trained from random weights; `loss` is the end of the experiment's name."""
    return _experiment(name, loss, objective, STEPS, RATES[name])


def tuned(name: str, loss: str, term: Term) -> Experiment:
    """A network of a name that goes on with another loss; give `--initialize` the run with cross entropy."""
    return _experiment(name, loss, {"source": term}, FURTHER, FURTHER_RATE)


def _experiment(
    name: str, loss: str, objective: Mapping[str, Summand], steps: int, rate: float
) -> Experiment:
    return Experiment(
        name=f"camvid-{name.replace('_', '-')}-{loss}",
        data=CamVid(),
        method=ObjectiveMethod(
            network=network(name), objective=objective, steps=steps, optimizer=Adam(learning_rate=rate)
        ),
        augment={"crop": ScaleCropFlip(size=SIZE, scale=(1.0, 1.5))},
        evaluation=EvaluationProtocol(size=SIZE),
    )
