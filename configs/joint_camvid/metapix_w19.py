"""Streets and CamVid: MetaPix with a weight for every class.

    python -m experiments.train configs/joint_camvid/metapix_w19.py --target.dir CAMVID

As `configs/joint/metapix_w19.py` otherwise.
"""

from configs.joint import metapix_w19
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return metapix_w19.experiment(ON_CAMVID)
