"""What the recipes of the Conservative loss share (Zhu et al., ECCV 2018): networks, optimisers, sizes, warm start.

From the paper: FCN-8s on VGG-16 from ImageNet, PatchGAN, the L1 reconstruction, noise in the generator, Adam with betas
(0.9, 0.999), a = e and lambda = 5, a warm start with cross entropy, one image a domain and step, images of 512x1024.

The paper leaves the rest to a supplement. From LSD-seg's released code, its nearest relative: the learning rates, 1e-5
for the encoder with biases at twice that, 1e-4 for generator and discriminator; that the encoder's falls to a tenth
after eight epochs of the source and the others' do not; 100,000 steps; the layers of the generator, which takes fc7,
pool4 and pool3. From pix2pix: the layers of PatchGAN. Ours: 25,000 steps of warm start, in which generator and
discriminator rest; noise of deviation 0.1; that the source is resized to a width of 1024 and cropped to a height of
512, the target resized.
"""

from pathlib import Path

from configs.street_recipes import CITYSCAPES_SIZE, recipe, resized
from jaxseg import losses, models
from jaxseg.data import DataSet
from jaxseg.data.augment import RandomCrop
from jaxseg.losses import Loss
from jaxseg.methods import (
    Adam,
    ConservativeGAN,
    Constant,
    Groups,
    ObjectiveMethod,
    Schedule,
    Term,
    WarmStart,
)
from jaxseg.train import Experiment

STEPS, WARM_STEPS = 100_000, 25_000
WEIGHTS = Path("vgg16-397923af.pth")
"""torchvision's VGG-16, trained on ImageNet."""


def adapted(
    name: str, data: DataSet, target: DataSet, schedule: Schedule, loss: Loss | None = None
) -> Experiment:
    """Warm start, then the game.

    Args:
      name: of the experiment.
      data: the source, prepared at a width of 1024.
      target: the target.
      schedule: of the encoder, in the game.
      loss: of the source's labels in the game; None is the Conservative loss with a = e, lambda = 5.
    """
    classes = data.labels.classes
    rate, groups = 1e-5, Groups(bias=2.0)
    others = Adam(learning_rate=1e-4, b1=0.9, b2=0.999, schedule=Constant())
    method = ConservativeGAN(
        network=models.fcn8s(classes, skips=True),
        generator=models.generator(classes, embedding=(4096, 512, 256), strides=(32, 16, 8), noise=0),
        discriminator=models.patchgan(2),
        objective={"source": Term(losses.Conservative() if loss is None else loss)},
        steps=STEPS,
        noise=0.1,
        optimizer=Adam(learning_rate=rate, b1=0.9, b2=0.999, schedule=schedule, groups=groups),
        generator_optimizer=others,
        discriminator_optimizer=others,
        warm_start=WarmStart(
            steps=WARM_STEPS,
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            optimizer=Adam(learning_rate=rate, b1=0.9, b2=0.999, schedule=Constant(), groups=groups),
        ),
    )
    augment = {**resized(), "crop": RandomCrop(size=CITYSCAPES_SIZE)}
    return recipe(name, data, target, method, augment, weights=WEIGHTS)


def unadapted(name: str, data: DataSet, target: DataSet) -> Experiment:
    """Cross entropy on the source alone, for as many steps as warm start and game take together (ours)."""
    method = ObjectiveMethod(
        network=models.fcn8s(data.labels.classes, skips=True),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=WARM_STEPS + STEPS,
        optimizer=Adam(learning_rate=1e-5, b1=0.9, b2=0.999, schedule=Constant(), groups=Groups(bias=2.0)),
    )
    augment = {**resized(), "crop": RandomCrop(size=CITYSCAPES_SIZE)}
    return recipe(name, data, target, method, augment, weights=WEIGHTS)
