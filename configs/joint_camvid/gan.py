"""Streets and CamVid: joint training with an adversary of the probabilities.

    python -m experiments.train configs/joint_camvid/gan.py --target.dir CAMVID

As `configs/joint/gan.py` otherwise.
"""

from configs.joint import gan
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return gan.experiment(ON_CAMVID)
