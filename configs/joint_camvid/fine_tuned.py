"""Streets and CamVid: the source first, then CamVid.

    python -m experiments.train configs/joint_camvid/fine_tuned.py --target.dir CAMVID

As `configs/joint/fine_tuned.py` otherwise.
"""

from configs.joint import fine_tuned
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return fine_tuned.experiment(ON_CAMVID)
