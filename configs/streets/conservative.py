"""Conservative loss (Zhu et al. 2018), warm start: the game and the loss with a = e, lambda = 5.

    python -m experiments.train configs/streets/conservative.py --initialize runs/streets-source/seed0

The setting of all main results of the paper.
"""

from configs.streets.game import game
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return game("streets-conservative", losses.Conservative())
