"""What the recipes of the structural similarity loss on PASCAL VOC share (Zhao et al. 2019, Tables 1 to 3).

Two stages, each a run of its own, from ImageNet's weights on:

               images                 batch normalisation              steps     rate
    stage 1    trainaug, 10,582       statistics of the batch          30,000    0.007
    stage 2    train, 1,464           frozen statistics of stage 1     20,000    0.0005

From the paper: DeepLabv3 on ResNet-101, output stride 16, crops of 513x513 of images scaled by 0.5 to 2 and mirrored,
batch 12, poly 0.9, scores on val at one scale; lambda = 0.5, regions of 3x3, sigma 1.5, beta 0.1. "The rest as
DeepLabv3": momentum 0.9, weight decay 1e-4.

Not as there: their checkpoint is TensorFlow's, WEIGHTS here torchvision's ResNet-101; their rates are 0.001 and 0.0001
for the first 100 steps, here they rise to 0.007 and 0.0005 over them. Images lie in the corner of a grey canvas of
513x513, the size at which DeepLab's code scores them, so that a batch has one size; a crop's place is drawn over the
canvas and not over the image alone (ours). With frozen statistics the scales and biases still learn (ours; the paper
says "frozen" and no more): `--optimizer.groups.norm 0` holds these too.
"""

from collections.abc import Mapping
from pathlib import Path

from jaxseg import models
from jaxseg.data import VOC
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.methods import SGD, ObjectiveMethod, Poly, Summand
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

SIZE, SCALE, BATCH = (513, 513), (0.5, 2.0), 12
SLOW_STEPS = 100
WEIGHTS = Path("resnet101-63fe2227.pth")
"""torchvision's ResNet-101, trained on ImageNet."""
SBD = Path("benchmark_RELEASE/dataset")


def first_stage(loss: str, objective: Mapping[str, Summand]) -> Experiment:
    """Stage 1 of DeepLabv3 with an objective; `loss` is the end of the experiment's name."""
    name = f"voc-deeplab-v3-{loss}-stage1"
    data = VOC(canvas=SIZE, sbd=SBD)
    return _stage(name, data, objective, batch_norm="train", steps=30_000, rate=0.007, initialize=WEIGHTS)


def second_stage(loss: str, objective: Mapping[str, Summand]) -> Experiment:
    """Stage 2, from the last checkpoint of seed 0 of stage 1; `--initialize` names another run of it."""
    start = Path(f"runs/voc-deeplab-v3-{loss}-stage1/seed0")
    name, data = f"voc-deeplab-v3-{loss}", VOC(canvas=SIZE)
    return _stage(name, data, objective, batch_norm="frozen", steps=20_000, rate=0.0005, initialize=start)


def _stage(
    name: str,
    data: VOC,
    objective: Mapping[str, Summand],
    *,
    batch_norm: str,
    steps: int,
    rate: float,
    initialize: Path,
) -> Experiment:
    method = ObjectiveMethod(
        network=models.deeplab_v3(21, output_stride=16, batch_norm=batch_norm),
        objective=objective,
        steps=steps,
        optimizer=SGD(
            learning_rate=rate, momentum=0.9, weight_decay=1e-4, schedule=Poly(power=0.9, warmup=SLOW_STEPS)
        ),
    )
    return Experiment(
        name=name,
        data=data,
        method=method,
        augment={"crop": ScaleCropFlip(size=SIZE, scale=SCALE)},
        batch=BATCH,
        mesh=MeshShape(data=1),
        initialize=initialize,
        initialize_head=False,
        evaluation=EvaluationProtocol(batch=4),
        evaluate_every=5000,
        checkpoint_every=1000,
    )
