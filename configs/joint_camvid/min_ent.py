"""Streets and CamVid: MinEnt with labels of both domains.

    python -m experiments.train configs/joint_camvid/min_ent.py --target.dir CAMVID

As `configs/joint/min_ent.py` otherwise.
"""

from configs.joint import min_ent
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return min_ent.experiment(ON_CAMVID)
