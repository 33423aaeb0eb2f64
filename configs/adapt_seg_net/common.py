"""What the recipes of AdaptSegNet and AdvEnt share: heads, discriminators, their optimiser, no augmentation."""

from collections.abc import Mapping

from configs.street_recipes import GTA5_SIZE, recipe, resized, sgd
from jaxseg import losses, models
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Adam, AdversarialMethod, Level, Poly, Term
from jaxseg.train import Experiment

COUNTED = 250_000
AUX = 0.1
MAIN_LEVEL, AUX_LEVEL = Level(weight=0.001), Level(weight=0.0002, head="aux")


def adversarial(
    name: str,
    levels: Mapping[str, Level],
    *,
    steps: int,
    maps: str = "probabilities",
    loss: losses.AdversarialLoss | None = None,
) -> Experiment:
    """From GTA5 to Cityscapes with discriminators of some heads; the auxiliary head is there where it is a level."""
    multi = any(level.head == "aux" for level in levels.values())
    objective: dict[str, Term] = {"source": Term(losses.SoftmaxCrossEntropy())}
    if multi:
        objective["source_aux"] = Term(losses.SoftmaxCrossEntropy(), weight=AUX, head="aux")
    method = AdversarialMethod(
        network=models.deeplab_v2(19, multi_level=multi),
        discriminator=models.output_discriminator(19, width=64),
        objective=objective,
        steps=steps,
        levels=levels,
        loss=losses.AdversarialCrossEntropy() if loss is None else loss,
        maps=maps,
        optimizer=sgd(stretch=COUNTED / steps, norm=False),
        discriminator_optimizer=Adam(
            learning_rate=1e-4,
            b1=0.9,
            b2=0.99,
            weight_decay=0.0,
            schedule=Poly(power=0.9, stretch=COUNTED / steps),
        ),
    )
    return recipe(name, GTA5(resize=GTA5_SIZE), Cityscapes(), method, resized())
