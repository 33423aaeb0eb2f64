"""Streets and CamVid: PixelDA with labels of both domains.

    python -m experiments.train configs/joint_camvid/pixel_da.py --target.dir CAMVID

As `configs/joint/pixel_da.py` otherwise.
"""

from configs.joint import pixel_da
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return pixel_da.experiment(ON_CAMVID)
