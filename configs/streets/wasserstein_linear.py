"""Wasserstein loss on LRENT's soft labels (Liu et al. 2020), linear metric L_d; three rounds.

    python -m experiments.train configs/streets/wasserstein_linear.py --initialize runs/streets-source/seed0

Distances are of the importance groups, in `configs/transport.py`: the paper prints neither them nor the weight.

Measured: 40.0 ± 7.1 % mIoU on streets-real/test, 3 seeds, 1.9 minutes a run (median) on 1 x cpu (wasserstein.table3).
"""

from configs.streets.common import SYNTHETIC, self_trained
from configs.transport import linear, transport
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "streets-wasserstein-linear", transport(SYNTHETIC.labels, linear), labels="lrent", alpha=0.25
    )
