"""The structural similarity loss on CamVid with what Figure 3 of Zhao et al. 2019 shows of it, logged as it trains.

    python -m experiments.train configs/camvid/compact_watched.py --data.dir CAMVID

As `compact_ssl.py`, and the seven terms of weight 0 of `configs/watch.py`.

Measured: 33.5 ± 1.8 % mIoU on camvid/test, 3 seeds, 6.2 minutes a run (median) on 1 x cpu (structural.figure3).
"""

from configs.camvid.common import trained
from configs.objectives import mixed
from configs.watch import watched
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return trained("compact", "watched", {**mixed(losses.StructuralSimilarity()), **watched()})
