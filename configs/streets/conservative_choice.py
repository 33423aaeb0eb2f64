r"""The Conservative loss's game with any of the losses of its paper's Table 6, chosen by name: ablations as sweeps.

    python -m experiments.train configs/streets/conservative_choice.py --initialize runs/streets-source/seed0 \
        --objective.source.chosen focal
    python -m experiments.sweep configs/streets/conservative_choice.py --initialize runs/streets-source/seed0 \
        --grid objective.source.chosen=ce,focal,loss1,loss2,loss3,conservative,switched seed=0..2
    python -m experiments.sweep configs/streets/conservative_choice.py --initialize runs/streets-source/seed0 \
        --grid weights.encoder=0,1 objective.source.chosen=ce,conservative seed=0..2

The last is the components of Table 3: with a weight of 0 the game moves nothing of the encoder, which then learns the
loss alone, target images passing through its batch normalisation. All members start from the run that is given; the
rows of `experiments.reproduce conservative.table6` each start from the source-only run of their seed.
"""

from configs.objectives import FOCAL, LOSS_1, LOSS_2, LOSS_3
from configs.streets.game import game
from jaxseg import losses
from jaxseg.methods import OneOf, Term
from jaxseg.train import Experiment

LOSSES = {
    "ce": losses.SoftmaxCrossEntropy(),
    "focal": FOCAL,
    "loss1": LOSS_1,
    "loss2": LOSS_2,
    "loss3": LOSS_3,
    "conservative": losses.Conservative(),
    "switched": losses.ConservativeSwitched(),
}


def experiment() -> Experiment:
    """The experiment."""
    choice = OneOf({name: {"labels": Term(loss)} for name, loss in LOSSES.items()}, chosen="conservative")
    return game("streets-conservative-choice", losses.Conservative(), objective={"source": choice})
