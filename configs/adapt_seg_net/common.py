"""What the recipes of AdaptSegNet and AdvEnt share: heads, discriminators, their optimiser, no augmentation."""

from collections.abc import Mapping

from configs.street_recipes import CITYSCAPES_SIZE, GTA5_SIZE, SYNTHIA_SIZE, recipe, resized, sgd
from jaxseg import losses, models
from jaxseg.data import GTA5, Cityscapes, CrossCity, DataSet, Synthia
from jaxseg.data.augment import Augmentation, Resize
from jaxseg.methods import Adam, AdversarialMethod, Level, Poly, Term
from jaxseg.train import Experiment

COUNTED = 250_000
AUX = 0.1
MAIN_LEVEL, AUX_LEVEL = Level(weight=0.001), Level(weight=0.0002, head="aux")

Pair = tuple[DataSet, DataSet, dict[str, Augmentation]]
"""Source, target, and what brings images to their sizes."""

FROM_GTA5: Pair = (GTA5(resize=GTA5_SIZE), Cityscapes(), resized())
FROM_SYNTHIA: Pair = (Synthia(resize=SYNTHIA_SIZE, all_train=True), Cityscapes(classes=16), resized())
TO_CROSS_CITY: Pair = (
    Cityscapes(classes=13),
    CrossCity(cities=("Rome",)),
    {"resize": Resize(size=CITYSCAPES_SIZE)},
)


def adversarial(
    name: str,
    levels: Mapping[str, Level],
    *,
    steps: int,
    counted: int = COUNTED,
    pair: Pair = FROM_GTA5,
    maps: str = "probabilities",
    loss: losses.AdversarialLoss | None = None,
) -> Experiment:
    """Adaptation with discriminators of some heads; the auxiliary head is there where it is a level.

    Args:
      name: of the experiment.
      levels: the heads that have a discriminator.
      steps: updates.
      counted: steps to which both schedules count.
      pair: source and target, from GTA5 to Cityscapes unless given.
      maps: what the discriminators are shown.
      loss: of both players, cross entropy unless given.
    """
    data, target, augment = pair
    classes = target.labels.classes
    multi = any(level.head == "aux" for level in levels.values())
    objective: dict[str, Term] = {"source": Term(losses.SoftmaxCrossEntropy())}
    if multi:
        objective["source_aux"] = Term(losses.SoftmaxCrossEntropy(), weight=AUX, head="aux")
    method = AdversarialMethod(
        network=models.deeplab_v2(classes, multi_level=multi),
        discriminator=models.output_discriminator(classes, width=64),
        objective=objective,
        steps=steps,
        levels=levels,
        loss=losses.AdversarialCrossEntropy() if loss is None else loss,
        maps=maps,
        optimizer=sgd(stretch=counted / steps, norm=False),
        discriminator_optimizer=Adam(
            learning_rate=1e-4,
            b1=0.9,
            b2=0.99,
            weight_decay=0.0,
            schedule=Poly(power=0.9, stretch=counted / steps),
        ),
    )
    return recipe(name, data, target, method, augment)
