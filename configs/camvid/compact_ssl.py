"""The compact network on CamVid with the structural similarity loss (Zhao et al. 2019), regions of 3x3.

    python -m experiments.train configs/camvid/compact_ssl.py --data.dir CAMVID

Settings are those of `configs/camvid/common.py`. Others are options:

    --objective.structure.loss.size 7 --objective.structure.loss.sigma 2 --objective.structure.loss.beta 0.08
    --objective.structure.loss.no-mine
    --objective.structure.loss.no-reweight

Measured: 33.5 ± 1.8 % mIoU on camvid/test, 3 seeds, 2.8 minutes a run (median) on 1 x cpu (structural.table1).
"""

from configs.camvid.common import trained
from configs.objectives import mixed
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "ssl", mixed(losses.StructuralSimilarity()))
