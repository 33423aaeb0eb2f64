"""DeepLabv3+ on PASCAL VOC with sigmoid cross entropy: 78.31 mIoU in the paper (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_plus_bce_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-plus-bce-stage1/seed0`, which `voc_plus_bce_stage1_paper.py` trains.
Settings are those of `configs/structural/on_voc.py`. Not measured here.
"""

from configs.objectives import binary
from configs.structural.on_voc import DEEPLAB_V3_PLUS, second_stage
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("bce", binary(), DEEPLAB_V3_PLUS)
