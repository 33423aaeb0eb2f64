"""Total variation on LRENT's soft labels from day to dusk (Liu et al. 2020): half the L1 distance; three rounds.

    python -m experiments.train configs/dusk/total_variation.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

It is the Wasserstein loss of the step metric, which knows no distance between classes.

Measured: 17.3 ± 9.6 % mIoU on camvid-0001TP/test, 3 seeds, 6.3 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import self_trained
from jaxseg import losses
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "dusk-total-variation",
        {"target": Term(losses.TotalVariation(), domain="target")},
        labels="lrent",
        alpha=0.25,
    )
