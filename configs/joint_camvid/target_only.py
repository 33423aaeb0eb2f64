"""Streets and CamVid: the 18 images of CamVid alone.

    python -m experiments.train configs/joint_camvid/target_only.py --target.dir CAMVID

As many steps as every row of the table. The streets are scored, and not trained on.
"""

from configs.joint.common import TARGET, baseline
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return baseline("target-only", {"target": TARGET}, on=ON_CAMVID)
