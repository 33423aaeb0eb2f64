"""DeepLabv3 on PASCAL VOC with softmax cross entropy: 76.33 mIoU in the paper (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_ce_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-ce-stage1/seed0`, which `voc_ce_stage1_paper.py` trains. Settings are
those of `configs/structural/on_voc.py`. Not measured here.
"""

from configs.objectives import cross_entropy
from configs.structural.on_voc import second_stage
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("ce", cross_entropy())
