"""Wasserstein loss on LRENT's soft labels (Liu et al. 2020), Huber's metric L_H; three rounds.

    python -m experiments.train configs/streets/wasserstein_huber.py --initialize runs/streets-source/seed0

Distances are of the importance groups, in `configs/transport.py`: the paper prints neither them nor the weight.
Tau is 2 (ours).

Measured: 40.7 ± 7.1 % mIoU on streets-real/test, 3 seeds, 1.7 minutes a run (median) on 1 x cpu (wasserstein.table3).
"""

from configs.streets.common import SYNTHETIC, self_trained
from configs.transport import huber, transport
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "streets-wasserstein-huber", transport(SYNTHETIC.labels, huber), labels="lrent", alpha=0.25
    )
