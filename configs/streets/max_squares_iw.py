"""Maximum squares with image-wise class weights (Chen et al. 2019), the paper's form, alpha 0.2.

python -m experiments.train configs/streets/max_squares_iw.py --initialize runs/streets-source/seed0

Measured: 43.7 ± 1.9 % mIoU on streets-real/test, 3 seeds, 0.4 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

from configs.streets.common import TARGET_WEIGHT_IW, adapted
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted(
        "streets-max-squares-iw",
        Term(losses.MaximumSquaresImageWise(), weight=TARGET_WEIGHT_IW, domain="target"),
    )
