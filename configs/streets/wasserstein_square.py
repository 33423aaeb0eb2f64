"""Wasserstein loss on LRENT's soft labels (Liu et al. 2020), squared metric L_d2; three rounds.

    python -m experiments.train configs/streets/wasserstein_square.py --initialize runs/streets-source/seed0

Distances are of the importance groups, in `configs/transport.py`: the paper prints neither them nor the weight.

Measured: 40.8 ± 7.0 % mIoU on streets-real/test, 3 seeds, 2.0 minutes a run (median) on 1 x cpu (wasserstein.table3).
"""

from configs.streets.common import SYNTHETIC, self_trained
from configs.transport import square, transport
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "streets-wasserstein-square", transport(SYNTHETIC.labels, square), labels="lrent", alpha=0.25
    )
