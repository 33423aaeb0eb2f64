r"""Stage 1 of `voc_ssl_stage1_paper.py` with what Figure 3 of Zhao et al. 2019 shows, logged as it trains.

    python -m experiments.train configs/structural/voc_watched_paper.py --data.dir VOC2012 --data.sbd SBD \
        --initialize WEIGHTS

WEIGHTS is torchvision's ResNet-101. The seven terms of weight 0 are those of `configs/watch.py`. The paper does not say
of which training its figure is. Not measured here.
"""

from configs.objectives import mixed
from configs.structural.on_voc import first_stage
from configs.watch import watched
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return first_stage("watched", {**mixed(losses.StructuralSimilarity()), **watched()})
