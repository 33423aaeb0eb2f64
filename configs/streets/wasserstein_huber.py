"""Wasserstein loss on LRENT's soft labels (Liu et al. 2020), Huber's metric L_H; three rounds.

    python -m experiments.train configs/streets/wasserstein_huber.py --initialize runs/streets-source/seed0

Distances are of the importance groups, in `configs/transport.py`: the paper prints neither them nor the weight.
Tau is 2 (ours).
"""

from configs.streets.common import SYNTHETIC, self_trained
from configs.transport import huber, transport
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return self_trained(
        "streets-wasserstein-huber", transport(SYNTHETIC.labels, huber), labels="lrent", alpha=0.25
    )
