"""What the supervised recipes of importance-aware Wasserstein training share (Liu et al., AAAI 2020, Tables 1 and 2).

From the paper: the networks, SegNet and ENet on Cityscapes with 19 classes, FCN on CamVid with 11; that each is
trained with cross entropy, and then with the importance-aware or the Wasserstein loss in its place.

It gives no optimiser, rate, batch, size or length. In their place stand the settings that the networks' own papers and
released codes have: ENet Adam 5e-4, weight decay 2e-4, batch 10, 300 passes, a tenth of the rate every 100; SegNet
SGD 1e-3, momentum 0.9, weight decay 5e-4, batch 4, 40,000 steps; FCN-8s at once momentum 0.99, batch 1, 300,000
steps, biases at twice the rate and without decay. FCN's rate 1e-10 and weight decay 5e-4 are beside a sum over the
pixels: for the mean that is here, 1e-10 times the pixels of an image, and 5e-4 by these. Cityscapes at 512x1024,
ENet's size.

Ours: the other loss takes a third of the steps, at a tenth of the rate; images are mirrored at random; no class
weights. The ground metric is in `configs/transport.py`.
"""

from pathlib import Path

from configs.objectives import cross_entropy
from configs.street_recipes import CITYSCAPES_SIZE
from jaxseg import models
from jaxseg.data import CamVid, Cityscapes, DataSet
from jaxseg.data.augment import Augmentation, Mirror, Resize
from jaxseg.methods import SGD, Adam, Constant, Groups, ObjectiveMethod, Optimizer, Stairs, Term, WarmStart
from jaxseg.models import Network
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

CITYSCAPES_IMAGES, ENET_BATCH, ENET_PASSES = 2975, 10, 300
ENET_STEPS = ENET_PASSES * CITYSCAPES_IMAGES // ENET_BATCH
SEGNET_STEPS, SEGNET_BATCH = 40_000, 4
FCN_STEPS = 300_000
CAMVID_SIZE = (360, 480)
CAMVID_PIXELS = CAMVID_SIZE[0] * CAMVID_SIZE[1]
PART, RATE_OF_PART = 3, 0.1
"""The other loss takes one of so many parts of the steps of cross entropy, at so much of the rate (ours)."""
WEIGHTS = Path("vgg16-397923af.pth")
"""torchvision's VGG-16, trained on ImageNet."""


def enet(name: str, term: Term | None = None) -> Experiment:
    """ENet on Cityscapes with cross entropy, and then with another term where one is given."""

    def adam(factor: float) -> Adam:
        every = ENET_STEPS / 3
        return Adam(learning_rate=5e-4 * factor, weight_decay=2e-4, schedule=Stairs(every=every))

    return _on_cityscapes(name, models.enet(19), ENET_BATCH, ENET_STEPS, adam(1.0), adam(RATE_OF_PART), term)


def segnet(name: str, term: Term | None = None) -> Experiment:
    """SegNet on Cityscapes, likewise; its released code starts the encoder from ImageNet's VGG-16, this from random."""

    def sgd(factor: float) -> SGD:
        return SGD(learning_rate=1e-3 * factor, momentum=0.9, weight_decay=5e-4, schedule=Constant())

    return _on_cityscapes(
        name, models.segnet(19), SEGNET_BATCH, SEGNET_STEPS, sgd(1.0), sgd(RATE_OF_PART), term
    )


def fcn(name: str, term: Term | None = None) -> Experiment:
    """FCN-8s, trained at once, on CamVid, likewise, from ImageNet's VGG-16."""

    def sgd(factor: float) -> SGD:
        groups = Groups(bias=2.0, bias_decay=0.0)
        return SGD(
            learning_rate=1e-10 * CAMVID_PIXELS * factor,
            momentum=0.99,
            weight_decay=5e-4 / CAMVID_PIXELS,
            schedule=Constant(),
            groups=groups,
        )

    method = _method(models.fcn8s(11, at_once=True), FCN_STEPS, sgd(1.0), sgd(RATE_OF_PART), term)
    return _experiment(name, CamVid(), method, {"mirror": Mirror()}, 1, CAMVID_SIZE, WEIGHTS)


def _on_cityscapes(
    name: str,
    network: Network,
    batch: int,
    steps: int,
    first: Optimizer,
    then: Optimizer,
    term: Term | None,
) -> Experiment:
    augment: dict[str, Augmentation] = {"resize": Resize(size=CITYSCAPES_SIZE), "mirror": Mirror()}
    method = _method(network, steps, first, then, term)
    return _experiment(name, Cityscapes(), method, augment, batch, CITYSCAPES_SIZE, None)


def _method(
    network: Network, steps: int, first: Optimizer, then: Optimizer, term: Term | None
) -> ObjectiveMethod:
    if term is None:
        return ObjectiveMethod(network=network, objective=cross_entropy(), steps=steps, optimizer=first)
    return ObjectiveMethod(
        network=network,
        objective={"source": term},
        steps=steps // PART,
        optimizer=then,
        warm_start=WarmStart(steps=steps, objective=cross_entropy(), optimizer=first),
    )


def _experiment(
    name: str,
    data: DataSet,
    method: ObjectiveMethod,
    augment: dict[str, Augmentation],
    batch: int,
    size: tuple[int, int],
    weights: Path | None,
) -> Experiment:
    return Experiment(
        name=name,
        data=data,
        method=method,
        augment=augment,
        batch=batch,
        mesh=MeshShape(data=1),
        initialize=weights,
        initialize_head=False,
        evaluation=EvaluationProtocol(size=size, batch=1),
        evaluate_every=5000,
        checkpoint_every=1000,
    )
