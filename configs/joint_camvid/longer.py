"""Streets and CamVid: joint training and then more of it, without weights.

    python -m experiments.train configs/joint_camvid/longer.py --target.dir CAMVID

As `configs/joint/longer.py` otherwise.
"""

from configs.joint import longer
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return longer.experiment(ON_CAMVID)
