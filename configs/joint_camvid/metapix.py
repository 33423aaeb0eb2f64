"""Streets and CamVid: MetaPix W^1.

    python -m experiments.train configs/joint_camvid/metapix.py --target.dir CAMVID

As `configs/joint/metapix.py` otherwise.
"""

from configs.joint import metapix
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return metapix.experiment(ON_CAMVID)
