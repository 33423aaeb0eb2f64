"""The structural similarity loss (Zhao et al. 2019), regions of 3x3, on labelled real streets.

    python -m experiments.train configs/streets/real_ssl.py

Settings are those of `configs/streets/supervised.py`. Other regions: `--objective.structure.loss.size 7`.

Measured: 39.0 ± 4.3 % mIoU on streets-real/test, 3 seeds, 1.3 minutes a run (median) on 1 x cpu (structural.table4).
"""

from configs.objectives import mixed
from configs.streets.supervised import trained
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("ssl", mixed(losses.StructuralSimilarity()))
