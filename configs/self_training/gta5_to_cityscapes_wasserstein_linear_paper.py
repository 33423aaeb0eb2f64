r"""Wasserstein loss L_d on CRST's labels from GTA5 to Cityscapes (Liu et al., AAAI 2020): 46.8 mIoU.

    python -m experiments.train configs/self_training/gta5_to_cityscapes_wasserstein_linear_paper.py \
        --data.dir GTA5 --target.dir CITYSCAPES --initialize runs/gta5-crst-source/seed0

Sinkhorn's approximation of the Wasserstein loss with the metric L_d on LRENT's labels. Everything else is
CRST's with LRENT, see `gta5_to_cityscapes_crst_lrent_paper.py`. The paper prints neither the ground metric, nor
tau, nor how Sinkhorn was run, nor the weight of the term, nor whether it replaces the source's cross entropy
too: those of `configs/transport.py` are ours, and the source keeps its cross entropy. Not measured here.
"""

from configs.self_training.common import GTA5_SIZE, crops_of_gta5, rounds
from configs.transport import linear, transport
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return rounds(
        "gta5-cityscapes-wasserstein-linear",
        GTA5(resize=GTA5_SIZE),
        Cityscapes(),
        transport(Cityscapes().labels, linear),
        crops_of_gta5(),
        labels="lrent",
        alpha=0.25,
    )
