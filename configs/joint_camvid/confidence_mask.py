"""Streets and CamVid: the 0-1 confidence mask.

    python -m experiments.train configs/joint_camvid/confidence_mask.py --target.dir CAMVID

As `configs/joint/confidence_mask.py` otherwise.
"""

from configs.joint import confidence_mask
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return confidence_mask.experiment(ON_CAMVID)
