"""Streets and CamVid: learning to reweight images.

    python -m experiments.train configs/joint_camvid/reweight.py --target.dir CAMVID

As `configs/joint/reweight.py` otherwise.
"""

from configs.joint import reweight
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return reweight.experiment(ON_CAMVID)
