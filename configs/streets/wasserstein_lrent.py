"""Wasserstein training on LRENT's soft pseudo-labels (Liu et al. 2020), linear metric over severity; three rounds.

    python -m experiments.train configs/streets/wasserstein_lrent.py --initialize runs/streets-source/seed0

The paper prints neither its ground matrix nor the weight of the term: classes of one importance group are at distance
1, others further by the difference of their groups, and the matrix is scaled to a mean of 1 (all ours).
"""

from configs.streets.common import SYNTHETIC, self_trained
from jaxseg import losses
from jaxseg.losses import ground
from jaxseg.methods import Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    groups = SYNTHETIC.labels.groups
    assert groups is not None
    metric = ground.linear(ground.groups([group or 3 for group in groups]))
    term = Term(losses.Sinkhorn(ground=metric / metric.mean(), solver="kernel"), domain="target")
    return self_trained("streets-wasserstein-lrent", term, labels="lrent", alpha=0.25)
