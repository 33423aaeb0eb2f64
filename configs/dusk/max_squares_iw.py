"""Maximum squares with image-wise class weights from day to dusk (Chen et al. 2019), alpha 0.2.

    python -m experiments.train configs/dusk/max_squares_iw.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Settings are in `configs/dusk/common.py`.

Measured: 22.6 ± 12.8 % mIoU on camvid-0001TP/test, 3 seeds, 1.2 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

from configs.dusk.common import adapted
from configs.streets.common import TARGET_WEIGHT_IW
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    target = Term(losses.MaximumSquaresImageWise(), weight=TARGET_WEIGHT_IW, domain="target")
    return adapted("dusk-max-squares-iw", {"target": target})
