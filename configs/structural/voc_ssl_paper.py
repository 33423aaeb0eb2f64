"""DeepLabv3 on PASCAL VOC with the structural similarity loss: 78.46 mIoU in the paper (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_ssl_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-ssl-stage1/seed0`, which `voc_ssl_stage1_paper.py` trains. Settings are
those of `configs/structural/on_voc.py`. Other regions:
`--objective.structure.loss.size 7`. Not measured here.
"""

from configs.objectives import mixed
from configs.structural.on_voc import second_stage
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("ssl", mixed(losses.StructuralSimilarity()))
