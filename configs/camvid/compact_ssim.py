"""The compact network on CamVid with 1 - SSIM, a baseline of Zhao et al. 2019 (Eq. 7), regions of 3x3.

    python -m experiments.train configs/camvid/compact_ssim.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`. Others are options:

    --objective.structure.loss.size 11
    --objective.structure.loss.mean-subtracted

The second is their Eq. 9. They do not say whether cross entropy is added; here it is half of the objective, as for
their own loss.

Measured: 33.5 ± 2.5 % mIoU on camvid/test, 3 seeds, 1.9 minutes a run (median) on 1 x cpu (structural.table2).
"""

from configs.camvid.common import trained
from configs.objectives import mixed
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "ssim", mixed(losses.SSIM()))
