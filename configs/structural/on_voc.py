"""What the recipes of the structural similarity loss on PASCAL VOC share (Zhao et al. 2019, Tables 1 to 3 and 5).

Two stages, each a run of its own, from ImageNet's weights on:

               images                 batch normalisation              steps     rate
    stage 1    trainaug, 10,582       statistics of the batch          30,000    0.007
    stage 2    train, 1,464           frozen statistics of stage 1     20,000    0.0005

Of two networks:

                   backbone       crop       weight decay    WEIGHTS
    DeepLabv3      ResNet-101     513x513    1e-4            torchvision's resnet101
    DeepLabv3+     Xception-65    393x393    4e-5            timm's xception65.tf_in1k, TensorFlow's own

From the paper: the networks, output stride 16, crops of images scaled by 0.5 to 2 and mirrored, batch 12, poly 0.9,
scores on val at one scale; lambda = 0.5, regions of 3x3, sigma 1.5, beta 0.1. "The rest as DeepLabv3": momentum 0.9,
weight decay as in DeepLab's code.

Not as there: their checkpoint of ResNet-101 is TensorFlow's; their rates are 0.001 and 0.0001 for the first 100 steps,
here they rise to 0.007 and 0.0005 over them. Images lie in the corner of a grey canvas of 513x513, the size at which
DeepLab's code scores them, so that a batch has one size; a crop's place is drawn over the canvas and not over the image
alone (ours). With frozen statistics the scales and biases still learn (ours; the paper
says "frozen" and no more): `--optimizer.groups.norm 0` holds these too.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from configs.scales import scaled
from jaxseg import models
from jaxseg.data import VOC
from jaxseg.methods import SGD, ObjectiveMethod, Poly, Summand
from jaxseg.models import Network
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

SIZE, SCALE, BATCH = (513, 513), (0.5, 2.0), 12
SLOW_STEPS = 100
SBD = Path("benchmark_RELEASE/dataset")


@dataclasses.dataclass(frozen=True)
class Base:
    """A base network, and what of the recipe depends on it.

    Attributes:
      name: in the experiment's name.
      network: of how many classes and with which batch normalisation.
      crop: height and width of the crops.
      weight_decay: of all parameters.
      weights: file of its backbone, trained on ImageNet.
    """

    name: str
    network: Callable[..., Network]
    crop: tuple[int, int]
    weight_decay: float
    weights: Path


DEEPLAB_V3 = Base("deeplab-v3", models.deeplab_v3, SIZE, 1e-4, Path("resnet101-63fe2227.pth"))
DEEPLAB_V3_PLUS = Base(
    "deeplab-v3-plus", models.deeplab_v3_plus, (393, 393), 4e-5, Path("xception65.tf_in1k.safetensors")
)


def first_stage(loss: str, objective: Mapping[str, Summand], base: Base = DEEPLAB_V3) -> Experiment:
    """Stage 1 of a base network with an objective; `loss` is the end of the experiment's name."""
    name = f"voc-{base.name}-{loss}-stage1"
    data, start = VOC(canvas=SIZE, sbd=SBD), base.weights
    return _stage(name, base, data, objective, batch_norm="train", steps=30_000, rate=0.007, initialize=start)


def second_stage(loss: str, objective: Mapping[str, Summand], base: Base = DEEPLAB_V3) -> Experiment:
    """Stage 2, from the last checkpoint of seed 0 of stage 1; `--initialize` names another run of it."""
    name, data = f"voc-{base.name}-{loss}", VOC(canvas=SIZE)
    start = Path(f"runs/{name}-stage1/seed0")
    built = _stage(
        name, base, data, objective, batch_norm="frozen", steps=20_000, rate=0.0005, initialize=start
    )
    return dataclasses.replace(built, initialize_head=True)


def _stage(
    name: str,
    base: Base,
    data: VOC,
    objective: Mapping[str, Summand],
    *,
    batch_norm: str,
    steps: int,
    rate: float,
    initialize: Path,
) -> Experiment:
    method = ObjectiveMethod(
        network=base.network(21, output_stride=16, batch_norm=batch_norm),
        objective=objective,
        steps=steps,
        optimizer=SGD(
            learning_rate=rate,
            momentum=0.9,
            weight_decay=base.weight_decay,
            schedule=Poly(power=0.9, warmup=SLOW_STEPS),
        ),
    )
    return Experiment(
        name=name,
        data=data,
        method=method,
        augment={"crop": scaled(base.crop, SIZE, SCALE, None)},
        batch=BATCH,
        mesh=MeshShape(data=1),
        initialize=initialize,
        initialize_head=False,
        evaluation=EvaluationProtocol(batch=4),
        evaluate_every=5000,
        checkpoint_every=1000,
    )
