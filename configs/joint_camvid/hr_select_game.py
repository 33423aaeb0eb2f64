"""Streets and CamVid: HRSelect-W^1 + L_rec + L_adv.

    python -m experiments.train configs/joint_camvid/hr_select_game.py --target.dir CAMVID

As `configs/joint/hr_select_game.py` otherwise.
"""

from configs.joint import hr_select_game
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return hr_select_game.experiment(ON_CAMVID)
