"""What the recipes of the structural similarity loss on Cityscapes share (Zhao et al. 2019, Tables 4 and 6).

From the paper: DeepLabv3 on ResNet-101 from ImageNet, output stride 16, crops of 669x669 of images scaled by 0.75 to
1.25 and mirrored, batch 8, 90,000 steps at 0.007, poly 0.9, no second stage, scores at one scale; lambda = 0.5, regions
of 3x3, sigma 1.5, beta 0.1. "The rest as DeepLabv3": momentum 0.9, weight decay 1e-4.

Not as there: their checkpoint is TensorFlow's, WEIGHTS here torchvision's ResNet-101; their rate is 0.001 for the first
100 steps, here it rises to 0.007 over them; what a crop does not cover is grey.
"""

from collections.abc import Mapping
from pathlib import Path

from configs.scales import scaled
from configs.self_training.common import CITYSCAPES_SIZE
from jaxseg import models
from jaxseg.data import Cityscapes
from jaxseg.methods import SGD, ObjectiveMethod, Poly, Summand
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

CROP, SCALE = (669, 669), (0.75, 1.25)
STEPS, SLOW_STEPS = 90_000, 100
WEIGHTS = Path("resnet101-63fe2227.pth")
"""torchvision's ResNet-101, trained on ImageNet."""


def trained(loss: str, objective: Mapping[str, Summand]) -> Experiment:
    """DeepLabv3 on Cityscapes with an objective; `loss` is the end of the experiment's name."""
    method = ObjectiveMethod(
        network=models.deeplab_v3(19, output_stride=16),
        objective=objective,
        steps=STEPS,
        optimizer=SGD(
            learning_rate=0.007, momentum=0.9, weight_decay=1e-4, schedule=Poly(power=0.9, warmup=SLOW_STEPS)
        ),
    )
    return Experiment(
        name=f"cityscapes-deeplab-v3-{loss}",
        data=Cityscapes(),
        method=method,
        augment={"crop": scaled(CROP, CITYSCAPES_SIZE, SCALE, "source")},
        batch=8,
        mesh=MeshShape(data=1),
        initialize=WEIGHTS,
        initialize_head=False,
        evaluation=EvaluationProtocol(batch=1),
        evaluate_every=5000,
        checkpoint_every=1000,
    )
