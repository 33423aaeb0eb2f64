"""DeepLabv3+ on PASCAL VOC with the structural similarity loss: 80.63 mIoU in the paper (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_plus_ssl_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-plus-ssl-stage1/seed0`, which `voc_plus_ssl_stage1_paper.py` trains.
Settings are those of `configs/structural/on_voc.py`. Other regions: `--objective.structure.loss.size 7`. On the test
split, by the server of VOC, the paper has 79.55 (Table 1). Not measured here.
"""

from configs.objectives import mixed
from configs.structural.on_voc import DEEPLAB_V3_PLUS, second_stage
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("ssl", mixed(losses.StructuralSimilarity()), DEEPLAB_V3_PLUS)
