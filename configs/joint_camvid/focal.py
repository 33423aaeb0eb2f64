"""Streets and CamVid: joint training with focal loss on both domains.

    python -m experiments.train configs/joint_camvid/focal.py --target.dir CAMVID

As `configs/joint/focal.py` otherwise.
"""

from configs.joint import focal
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return focal.experiment(ON_CAMVID)
