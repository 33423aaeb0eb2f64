r"""Wasserstein loss L_H on CRST's labels from SYNTHIA to Cityscapes (Liu et al., AAAI 2020).

    python -m experiments.train configs/self_training/synthia_to_cityscapes_wasserstein_huber_paper.py \
        --data.dir SYNTHIA --target.dir CITYSCAPES --initialize runs/synthia-crst-source/seed0

Sinkhorn's approximation of the Wasserstein loss with the metric L_H on LRENT's labels. Ours: the paper has no
table of this pair. Everything else is CRST's with LRENT, see `synthia_to_cityscapes_crst_lrent_paper.py`. The
paper prints neither the ground metric, nor tau, nor how Sinkhorn was run, nor the weight of the term, nor
whether it replaces the source's cross entropy too: those of `configs/transport.py` are ours, and the source
keeps its cross entropy. Not measured here.
"""

from configs.self_training.common import crops_of_synthia, rounds
from configs.transport import huber, transport
from jaxseg.data import Cityscapes, Synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return rounds(
        "synthia-cityscapes-wasserstein-huber",
        Synthia(lane_marking="road"),
        Cityscapes(classes=16),
        transport(Cityscapes(classes=16).labels, huber),
        crops_of_synthia(),
        labels="lrent",
        alpha=0.25,
        rounds=4,
    )
