"""Streets and CamVid: HRSelect-W^1.

    python -m experiments.train configs/joint_camvid/hr_select.py --target.dir CAMVID

As `configs/joint/hr_select.py` otherwise.
"""

from configs.joint import hr_select
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return hr_select.experiment(ON_CAMVID)
