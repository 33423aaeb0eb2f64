"""Wasserstein loss on LRENT's soft labels from day to dusk (Liu et al. 2020), Huber's metric L_H; three rounds.

    python -m experiments.train configs/dusk/wasserstein_huber.py --data.dir CAMVID --target.dir CAMVID \
        --initialize runs/dusk-source/seed0

Distances are of the importance groups, in `configs/transport.py`: the paper prints neither them nor the weight.
Tau is 2 (ours).

Measured: 15.5 ± 8.9 % mIoU on camvid-0001TP/test, 3 seeds, 6.7 minutes a run (median) on 1 x cpu
(wasserstein.table3_dusk).
"""

from configs.dusk.common import DAY, self_trained
from configs.transport import huber, transport
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "dusk-wasserstein-huber", {"target": transport(DAY.labels, huber)}, labels="lrent", alpha=0.25
    )
