"""Maximum squares, image-wise weights and multi-level guidance from day to dusk (Chen et al. 2019).

    python -m experiments.train configs/dusk/max_squares_multi.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

The auxiliary head learns the labels that both heads agree on, threshold 0.95, with 0.1 of the weight, as in the
paper.

Measured: 23.0 ± 13.3 % mIoU on camvid-0001TP/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu (maxsquare.dusk).
"""

from configs.dusk.common import AUX, adapted
from configs.streets.common import TARGET_WEIGHT_IW
from jaxseg import losses
from jaxseg.methods import Guided, Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    weights = Term(losses.MaximumSquaresImageWise(), weight=TARGET_WEIGHT_IW, domain="target")
    guidance = Guided(weight=AUX * TARGET_WEIGHT_IW, threshold=0.95)
    return adapted("dusk-max-squares-multi", {"target": weights, "guidance": guidance})
