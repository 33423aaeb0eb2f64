"""HRSelect-W^1 + L_rec + L_adv: and a generator and discriminator on the features.

    python -m experiments.train configs/joint/hr_select_game.py

The game is that of the Conservative loss, as in `configs/streets/game.py`, each term with weight 1; rates are ours.
"""

from configs.joint.common import STREETS, Setting, similar
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return similar("hr-select-game", reconstruction=True, on=on)
