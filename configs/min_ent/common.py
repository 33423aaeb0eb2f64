"""What the recipes of entropy minimisation share (AdvEnt's MinEnt: Vu et al., CVPR 2019): terms, weights, optimiser."""

from configs.street_recipes import recipe, resized, sgd
from jaxseg import losses, models
from jaxseg.data import DataSet
from jaxseg.methods import ObjectiveMethod, Term
from jaxseg.train import Experiment

AUX = 0.1
ENTROPY, ENTROPY_AUX = 0.001, 0.0002


def minimised(name: str, data: DataSet, target: DataSet, *, steps: int, counted: int) -> Experiment:
    """Cross entropy of the source and normalised entropy of the target on two heads.

    Args:
      name: of the experiment.
      data: the source.
      target: the target.
      steps: updates.
      counted: steps to which the schedule counts.
    """
    cross_entropy, entropy = losses.SoftmaxCrossEntropy(), losses.Entropy(normalized=True)
    method = ObjectiveMethod(
        network=models.deeplab_v2(target.labels.classes, multi_level=True),
        objective={
            "source": Term(cross_entropy),
            "source_aux": Term(cross_entropy, weight=AUX, head="aux"),
            "target": Term(entropy, weight=ENTROPY, domain="target"),
            "target_aux": Term(entropy, weight=ENTROPY_AUX, domain="target", head="aux"),
        },
        steps=steps,
        optimizer=sgd(stretch=counted / steps, norm=False),
    )
    return recipe(name, data, target, method, resized())
