"""Wasserstein loss on LRENT's soft labels from day to dusk (Liu et al. 2020), squared metric L_d2; three rounds.

    python -m experiments.train configs/dusk/wasserstein_square.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Distances are of the importance groups, in `configs/transport.py`: the paper prints neither them nor the weight.

Measured: 15.6 ± 8.8 % mIoU on camvid-0001TP/test, 3 seeds, 12.9 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import DAY, self_trained
from configs.transport import square, transport
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "dusk-wasserstein-square", {"target": transport(DAY.labels, square)}, labels="lrent", alpha=0.25
    )
