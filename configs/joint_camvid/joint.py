"""Streets and CamVid: direct joint training.

    python -m experiments.train configs/joint_camvid/joint.py --target.dir CAMVID

As `configs/joint/joint.py` otherwise.
"""

from configs.joint import joint
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return joint.experiment(ON_CAMVID)
