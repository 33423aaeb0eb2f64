"""Streets and CamVid: FDA with labels of both domains.

    python -m experiments.train configs/joint_camvid/fda.py --target.dir CAMVID

As `configs/joint/fda.py` otherwise.
"""

from configs.joint import fda
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return fda.experiment(ON_CAMVID)
