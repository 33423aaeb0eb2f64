"""What the recipes on Office-31 share: ResNet-50 and the protocol of the Transfer Learning Library (TLL).

The paper of maximum squares says of its classification experiments only that the network is ResNet-50, trained on
ImageNet: learning rate, batch, weights, steps and augmentation are unknown. TLL's protocol for the same benchmark
takes their place: images resized to 256x256, random parts of 8% to 100% of the area at 224x224, mirrored; SGD with
momentum 0.9 and weight decay 1e-3, rate (1 + 0.001 step)^-0.75, new layers ten times the trunk's.

What is not as there: momentum is heavy-ball and not Nesterov's; scores are of the whole 256x256 image and not of
its middle 224x224; scores are of the last step and not of the best.
"""

from collections.abc import Mapping
from pathlib import Path

from jaxseg import losses
from jaxseg.data import Office31
from jaxseg.data.augment import Augmentation, Mirror, RandomResizedCrop
from jaxseg.methods import SGD, Groups, Inverse, Method, Term
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

CLASSES = 31
PREPARED, SEEN = (256, 256), (224, 224)
WEIGHTS = Path("resnet50-0676ba61.pth")
"""torchvision's ResNet-50, trained on ImageNet."""


def source() -> dict[str, Term]:
    """Cross entropy of the source."""
    return {"source": Term(losses.SoftmaxCrossEntropy())}


def sgd(rate: float, steps: int) -> SGD:
    """TLL's optimiser: new layers learn at `rate`, the trunk at a tenth of it."""
    return SGD(
        learning_rate=rate / 10,
        momentum=0.9,
        weight_decay=1e-3,
        schedule=Inverse(rise=0.001 * steps, power=0.75),
        groups=Groups(head=10.0),
    )


def recipe(name: str, method: Method, batch: int) -> Experiment:
    """An experiment from amazon to webcam, `batch` images a domain and step."""
    augment: Mapping[str, Augmentation] = {"crop": RandomResizedCrop(size=SEEN), "mirror": Mirror()}
    return Experiment(
        name=name,
        data=Office31(domain="amazon", resize=PREPARED),
        target=Office31(domain="webcam", resize=PREPARED),
        method=method,
        augment=augment,
        batch=batch,
        mesh=MeshShape(data=1),
        initialize=WEIGHTS,
        initialize_head=False,
        evaluation=EvaluationProtocol(size=PREPARED, batch=32),
        evaluate_every=500,
        checkpoint_every=500,
    )
