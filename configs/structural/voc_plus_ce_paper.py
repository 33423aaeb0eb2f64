"""DeepLabv3+ on PASCAL VOC with softmax cross entropy: 78.12 mIoU in the paper (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_plus_ce_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-plus-ce-stage1/seed0`, which `voc_plus_ce_stage1_paper.py` trains. Settings
are those of `configs/structural/on_voc.py`. On the test split, by the server of VOC, the paper has 77.84 (Table 1).
Not measured here.
"""

from configs.objectives import cross_entropy
from configs.structural.on_voc import DEEPLAB_V3_PLUS, second_stage
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("ce", cross_entropy(), DEEPLAB_V3_PLUS)
